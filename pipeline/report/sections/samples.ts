import { type Html, html } from '../html.ts'
import type { RunFolder } from '../run-folder.ts'
import { onLines } from '../shown-text.ts'

/**
 * What the models write; nothing where none has written anything.
 * @param samples texts of each run
 */
export function samplesSection(runs: readonly RunFolder[], samples: readonly (readonly string[])[]): Html {
  if (samples.every((texts) => texts.length === 0)) return html``
  return html`<section aria-labelledby="samples" id="samples-section">
    <h2 id="samples">Samples</h2>
    <p>Texts of the newest checkpoint from nothing, at temperature 0.8, with seeds from 1.</p>
    ${runs.map(({ name }, i) =>
      samples[i].length === 0
        ? ''
        : html`<h3>${name}</h3>
            <ol>
              ${samples[i].map((text) => html`<li>${quote(text)}</li>`)}
            </ol>`,
    )}
  </section>`
}

/** White space counts in it. */
function quote(text: string): Html {
  return html`<blockquote dir="auto">${onLines(text) || '(an empty text)'}</blockquote>`
}

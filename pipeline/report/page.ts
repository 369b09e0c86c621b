import { createHash } from 'node:crypto'
import { hoverScript } from './hover-script.ts'
import { Html, html } from './html.ts'
import { style } from './style.ts'

export interface Page {
  readonly title: string
  readonly sections: readonly Html[]
  /** What a page that follows a run has besides. */
  readonly live?: {
    readonly controls: Html
    readonly script: string
  }
}

/** A whole HTML page. It loads nothing, and its policy lets no text that got into it by mistake run. */
export function renderPage({ title, sections, live }: Page): string {
  const scripts = [hoverScript, ...(live ? [live.script] : [])]
  const policy = [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    // Of the empty icon, without which a browser asks the server for one.
    'img-src data:',
    `script-src ${scripts.map(hashOf).join(' ')}`,
    ...(live ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <link rel="icon" href="data:," />
        <title>${title}</title>
        <style>
          ${new Html(style)}
        </style>
      </head>
      <body>
        <header>
          <h1>${title}</h1>
          ${live?.controls ?? ''}
        </header>
        <main>${sections}</main>
        <footer>Written by gradus. Values show over a figure, and in the table below it.</footer>
        ${scripts.map((script) => new Html(`<script>${script}</script>`))}
      </body>
    </html> `.markup
}

/** Of what stands between the tags, to the last space. */
function hashOf(script: string): string {
  return `'sha256-${createHash('sha256').update(script).digest('base64')}'`
}

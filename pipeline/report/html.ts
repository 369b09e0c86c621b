/** Markup that needs no escaping any more. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

type Insertion = Html | string | number | readonly Insertion[]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Markup with values in it. All but markup is escaped, for places between tags and in quoted attributes. */
export function html(strings: TemplateStringsArray, ...insertions: readonly Insertion[]): Html {
  return new Html(strings.map((string, i) => string + markupOf(insertions[i] ?? '')).join(''))
}

function markupOf(insertion: Insertion): string {
  if (insertion instanceof Html) return insertion.markup
  if (typeof insertion === 'object') return insertion.map(markupOf).join('')
  return String(insertion).replaceAll(/[&<>"']/g, (character) => entities[character])
}

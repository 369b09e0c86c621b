import colors from 'picocolors'

/** A place in a text; lines and columns count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One problem of a graph, with the place and, where there is one, the remedy. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  readonly file: string
  /** Left out for what came from the command line, such as `--set`. */
  readonly position?: Position
  readonly message: string
}

/** `file:line:column severity message`, and under it the line with a mark below the column. */
export function formatDiagnostic(diagnostic: Diagnostic, text: string): string {
  const { severity, file, position, message } = diagnostic
  const label = severity === 'error' ? colors.red(severity) : colors.yellow(severity)
  if (!position) return `${file} ${label} ${message}`
  const number = String(position.line)
  const source = text.split(/\r?\n/)[position.line - 1] ?? ''
  return [
    `${file}:${position.line}:${position.column} ${label} ${message}`,
    colors.dim(`  ${number} | `) + source,
    `  ${' '.repeat(number.length)}   ${' '.repeat(position.column - 1)}${colors.red('^')}`,
  ].join('\n')
}

/** The known name with the fewest edits to `name`, when it is near enough to be what was meant. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let fewest = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = edits(name, candidate)
    if (distance < fewest) [best, fewest] = [candidate, distance]
  }
  return best
}

/** `` `a`, `b` or `c` `` */
export function listOf(names: Iterable<string>): string {
  const quoted = [...names].map((name) => `\`${name}\``)
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
}

/** Levenshtein distance. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]
}

/** What there is of a file that can be made from others at any time. */
export type DerivedFileState = 'whole' | 'damaged' | 'missing'

/**
 * One sentence of what a run does with such a file, for `plan`.
 * @param source what it is made from
 */
export function rehearsedFile(path: string, state: DerivedFileState, source: string): string {
  if (state === 'whole') return `\`${path}\` is reused, since it was made from ${source}.`
  if (state === 'damaged') return `\`${path}\` is made anew, since it is damaged.`
  return `\`${path}\` is made, since none was made from ${source} yet.`
}

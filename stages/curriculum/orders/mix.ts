import { seededRandom } from '../../seeded-random.ts'
import { argsort } from '../argsort.ts'
import type { SourceShare } from '../mixture.ts'
import type { RankedCorpus, Stretch } from './order.ts'

/** Arranges the documents of one source, numbered from 0 on their own. */
type Arrange = (corpus: RankedCorpus, tokens: number, seed: number, source: string) => Iterable<Stretch>

/**
 * Arranges each source by itself, to its share of the tokens, and puts them together so that the shares hold at any
 * time: the next document is from the source that is furthest behind its share (stride scheduling, Waldspurger and
 * Weihl 1995, MIT/LCS/TM-528). All sources are thus at the same progress of the order.
 */
export function mix(
  corpus: RankedCorpus,
  sources: readonly SourceShare[],
  tokens: number,
  seed: number,
  arrange: Arrange,
): Stretch[] {
  const random = seededRandom(seed)
  const arranged = sources.map(({ name, share, documents }) => [
    ...arrange(ownCorpus(corpus, documents), share * tokens, random(), name),
  ])
  const count = arranged.flat().reduce((sum, { documents }) => sum + documents.length, 0)
  const documents = new Uint32Array(count)
  const phases = new Uint16Array(count)
  const due = new Float64Array(count)
  let filled = 0
  for (const [source, stretches] of arranged.entries()) {
    const { share, documents: own } = sources[source]
    let dealt = 0
    for (const { phase, documents: local } of stretches) {
      for (let i = 0; i < local.length; i++) {
        documents[filled] = own[local[i]]
        phases[filled] = phase
        due[filled] = dealt / share
        dealt += corpus.lengths[documents[filled++]]
      }
    }
  }
  const turns = argsort(due)
  let end = 0
  for (let dealt = 0; dealt < tokens && end < count; end++) dealt += corpus.lengths[documents[turns[end]]]
  return stretchesOf(turns.subarray(0, end), documents, phases)
}

/**
 * Arranges each source by itself for all of the tokens, one source behind the other: training takes from each what it
 * wants. The phase of a document is its source.
 */
export function lanes(
  corpus: RankedCorpus,
  sources: readonly SourceShare[],
  tokens: number,
  seed: number,
  arrange: Arrange,
): Stretch[] {
  const random = seededRandom(seed)
  return sources.flatMap(({ name, documents }, source) =>
    Array.from(arrange(ownCorpus(corpus, documents), tokens, random(), name), (stretch) => ({
      phase: source,
      documents: stretch.documents.map((document) => documents[document]),
    })),
  )
}

function ownCorpus({ lengths, ascending }: RankedCorpus, own: Uint32Array): RankedCorpus {
  /** Each document's number in its source, from 1. */
  const numbers = new Uint32Array(lengths.length)
  for (let i = 0; i < own.length; i++) numbers[own[i]] = i + 1
  const ownAscending = new Uint32Array(own.length)
  let filled = 0
  for (let i = 0; i < ascending.length; i++) {
    const number = numbers[ascending[i]]
    if (number > 0) ownAscending[filled++] = number - 1
  }
  return { lengths: own.map((document) => lengths[document]), ascending: ownAscending }
}

/** Consecutive documents of one phase together. */
function stretchesOf(turns: Uint32Array, documents: Uint32Array, phases: Uint16Array): Stretch[] {
  const stretches: Stretch[] = []
  for (let start = 0, end = 0; start < turns.length; start = end) {
    const phase = phases[turns[start]]
    do end++
    while (end < turns.length && phases[turns[end]] === phase)
    stretches.push({ phase, documents: turns.slice(start, end).map((turn) => documents[turn]) })
  }
  return stretches
}

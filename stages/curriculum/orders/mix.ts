import { seededRandom } from '../../seeded-random.ts'
import { argsort } from '../argsort.ts'
import { picked } from '../picked.ts'
import type { Lengths, Stretch } from './order.ts'

/** A source to mix. */
export interface PlacedSource {
  readonly name: string
  /** Of the tokens, in (0, 1]. */
  readonly share: number
  /** Places of its documents in the corpus, rising. */
  readonly places: Uint32Array
}

/** Arranges the documents of one source, by their places in it. */
type Arrange = (lengths: Lengths, tokens: number, seed: number, source: string) => Iterable<Stretch>

/**
 * Arranges each source by itself, to its share of the tokens, and puts them together so that the shares hold at any
 * time: the next document is from the source that is furthest behind its share (stride scheduling, Waldspurger and
 * Weihl 1995, MIT/LCS/TM-528). All sources are thus at the same progress of the order.
 */
export function mix(
  lengths: Lengths,
  sources: readonly PlacedSource[],
  tokens: number,
  seed: number,
  arrange: Arrange,
): Stretch[] {
  const random = seededRandom(seed)
  const arranged = sources.map(({ name, share, places }) => [
    ...arrange(picked(lengths, places), share * tokens, random(), name),
  ])
  const count = arranged.flat().reduce((sum, { places }) => sum + places.length, 0)
  const places = new Uint32Array(count)
  const phases = new Uint16Array(count)
  const due = new Float64Array(count)
  let filled = 0
  for (const [source, stretches] of arranged.entries()) {
    const { share, places: own } = sources[source]
    let dealt = 0
    for (const { phase, places: local } of stretches) {
      for (let i = 0; i < local.length; i++) {
        places[filled] = own[local[i]]
        phases[filled] = phase
        due[filled] = dealt / share
        dealt += lengths[places[filled++]]
      }
    }
  }
  const turns = argsort(due)
  let end = 0
  for (let dealt = 0; dealt < tokens && end < count; end++) dealt += lengths[places[turns[end]]]
  return stretchesOf(turns.subarray(0, end), places, phases)
}

/**
 * Arranges each source by itself for all of the tokens, one source behind the other: training takes from each what it
 * wants. The phase of a document is its source.
 */
export function lanes(
  lengths: Lengths,
  sources: readonly PlacedSource[],
  tokens: number,
  seed: number,
  arrange: Arrange,
): Stretch[] {
  const random = seededRandom(seed)
  return sources.flatMap(({ name, places }, source) =>
    Array.from(arrange(picked(lengths, places), tokens, random(), name), (stretch) => ({
      phase: source,
      places: stretch.places.map((place) => places[place]),
    })),
  )
}

/** Consecutive documents of one phase together. */
function stretchesOf(turns: Uint32Array, places: Uint32Array, phases: Uint16Array): Stretch[] {
  const stretches: Stretch[] = []
  for (let start = 0, end = 0; start < turns.length; start = end) {
    const phase = phases[turns[start]]
    do end++
    while (end < turns.length && phases[turns[end]] === phase)
    stretches.push({ phase, places: turns.slice(start, end).map((turn) => places[turn]) })
  }
  return stretches
}

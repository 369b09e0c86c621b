import { seededRandom } from '../../seeded-random.ts'
import { probabilityRight } from '../item-response.ts'
import type { Lengths, Order, Stretch } from './order.ts'
import { inStretches } from './places.ts'

/** Equal parts of the run at whose beginnings the pool is looked at. */
const looks = 64

/** An easiest and a hardest quantile in [0, 1]. */
type Window = readonly [from: number, to: number]

/**
 * Documents with difficulty up to the model's ability θ (PUDF). A document's difficulty is b = ln(q/(1 − q)) of its
 * quantile q, so that b ≤ θ is q ≤ σ(θ).
 */
export const ability: Order = {
  summary: 'Documents with difficulty up to the model’s present ability, shuffled.',
  formula: 'any q ≤ σ(θ(t)), θ through the abilities in straight lines, and at least the easiest share',
  source: 'arXiv 2408.05326, PUDF',
  defaults: { abilities: [-3, 3], share: 0.1 },
  arrange: (lengths, tokens, seed, { abilities, share }) =>
    matched(lengths, tokens, seed, share, (t) => [0, probabilityRight(abilityAt(abilities, t), 0)]),
}

/** Documents that the model gets right about as often as not: p(1 − p), what such a one teaches, is largest there. */
export const abilityBand: Order = {
  summary:
    'Documents that a model of the present ability gets right with a probability near one half, shuffled.',
  formula: 'any q with |σ(θ(t) − b) − ½| ≤ band, b = ln(q/(1 − q)), and at least the nearest share',
  source: 'arXiv 2304.12877, neither too hard nor too easy; here a band',
  defaults: { abilities: [-3, 3], share: 0.1, band: 0.2 },
  arrange: (lengths, tokens, seed, { abilities, share, band }) => {
    const reach = Math.log((0.5 + band) / (0.5 - band))
    return matched(lengths, tokens, seed, share, (t) => {
      const ability = abilityAt(abilities, t)
      return [probabilityRight(ability - reach, 0), probabilityRight(ability + reach, 0)]
    })
  },
}

/** Ability at progress t in [0, 1], in straight lines between equal parts of the run. */
export function abilityAt(abilities: readonly number[], t: number): number {
  const place = t * (abilities.length - 1)
  const before = Math.floor(place)
  const [from, to] = [abilities[before], abilities[before + 1] ?? abilities[before]]
  return from + (to - from) * (place - before)
}

/** Deals what lies in a window of difficulty that moves: in each pass, every document once that is in it then. */
function* matched(
  lengths: Lengths,
  tokens: number,
  seed: number,
  share: number,
  windowAt: (t: number) => Window,
): Generator<Stretch> {
  for (const places of inStretches(deal(lengths, tokens, seed, share, windowAt))) yield { phase: 0, places }
}

function* deal(
  lengths: Lengths,
  tokens: number,
  seed: number,
  share: number,
  windowAt: (t: number) => Window,
): Generator<number> {
  const random = seededRandom(seed)
  const n = lengths.length
  const least = Math.ceil(share * n)
  /** `[n]` 1 where the document of a place came in this pass. */
  const came = new Uint8Array(n)
  /** Places in the window whose documents are still to come in this pass. */
  const open = new Uint32Array(n)
  let dealt = 0
  for (let look = 0; look < looks; look++) {
    const [first, end] = placesOf(windowAt(look / looks), n, least)
    const until = ((look + 1) / looks) * tokens
    while (dealt < until) {
      let left = 0
      for (let place = first; place < end; place++) if (came[place] === 0) open[left++] = place
      if (left === 0) came.fill(0)
      while (left > 0 && dealt < until) {
        const drawn = Math.floor((random() / 2 ** 32) * left)
        const place = open[drawn]
        open[drawn] = open[--left]
        came[place] = 1
        dealt += lengths[place]
        yield place
      }
    }
  }
}

/** First place and the one behind the last of a window's documents; where they are too few, of the nearest ones. */
function placesOf([from, to]: Window, documents: number, least: number): [number, number] {
  const [first, end] = [Math.round(from * documents), Math.round(to * documents)]
  if (end - first >= least) return [first, end]
  const nearest = Math.min(Math.max(Math.round((first + end - least) / 2), 0), documents - least)
  return [nearest, nearest + least]
}

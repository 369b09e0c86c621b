import { seededRandom } from '../../seeded-random.ts'
import { dealParts } from './deal-parts.ts'
import type { Order } from './order.ts'
import { inStretches, Places } from './places.ts'

/**
 * Rises to the hardest documents at `peak`, and falls to the easiest at the end: parameter-golf PR 737 samples around
 * that quantile at run time; here the same path is laid out beforehand. At progress t the quantile is t / peak on the
 * way up and 1 − (t − peak)/(1 − peak) on the way down, so a document of quantile q is due twice, at peak·q and at
 * 1 − (1 − peak)·q. It comes once: on the way up, phase 0, with probability `peak`, else on the way down, phase 1,
 * which leaves as many documents for either way as it has time for.
 */
export const tent: Order = {
  summary: 'From the easiest to the hardest, and back to the easiest.',
  formula: 'q = t/peak up to t = peak, then 1 − (t − peak)/(1 − peak)',
  source: 'parameter-golf PR 737, laid out beforehand',
  defaults: { peak: 0.45 },
  *arrange(lengths, tokens, seed, { peak }) {
    const [dealt] = dealParts(lengths, [tokens], seed)
    const random = seededRandom(seed ^ 0x9e3779b9)
    const down = new Places(lengths.length)
    const up = function* () {
      for (const place of dealt.rising()) {
        if (random() < peak * 2 ** 32) yield place
        else down.add(place)
      }
    }
    for (const places of inStretches(up())) yield { phase: 0, places }
    for (const places of inStretches(down.falling())) yield { phase: 1, places }
  },
}

import { seededRandom } from '../../seeded-random.ts'
import type { Order } from './order.ts'
import { dealPlaces } from './places.ts'

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
  *arrange(corpus, tokens, seed, { peak }) {
    const [places] = dealPlaces(corpus, [tokens], seed)
    const random = seededRandom(seed ^ 0x9e3779b9)
    const up = new Uint32Array(places.length)
    const down = new Uint32Array(places.length)
    let [rising, falling] = [0, 0]
    for (const place of places) {
      const document = corpus.ascending[place]
      if (random() < peak * 2 ** 32) up[rising++] = document
      else down[falling++] = document
    }
    yield { phase: 0, documents: up.subarray(0, rising) }
    yield { phase: 1, documents: down.subarray(0, falling).reverse() }
  },
}

import { z } from 'zod'
import { decayed, decayOptions } from './decay.ts'
import { defineShape } from './shape.ts'

export const wsd = defineShape({
  summary: 'Warm-up, stable, decay: the peak, then a fall over the last share of the steps.',
  formula: '1 to z = 1 − d, then f + (1 − f)(1 − x) or f + (1 − f)·0.5^(x/h), x = (z − (1 − d))/d',
  source: 'arXiv 2404.06395; linear: arXiv 2405.18392',
  final: 0,
  options: z.strictObject(decayOptions),
  share: ({ z }, final, options) => decayed((z - (1 - options.decay)) / options.decay, final, options),
})

import { UserError } from '../schemas/user-error.ts'
import { fixedCompressionRatioMetric } from './compression-ratio-fixed.ts'
import { compressionRatioMetric } from './compression-ratio.ts'
import { entropyMetric } from './entropy.ts'
import { fleschMetric } from './flesch.ts'
import type { Metric } from './metric.ts'
import { mtldMetric } from './mtld.ts'

/** The metrics that a document is measured by on its own. */
export const metrics: readonly Metric[] = [
  compressionRatioMetric,
  fixedCompressionRatioMetric,
  mtldMetric,
  fleschMetric,
  entropyMetric,
]

/** @throws UserError if there is no metric of that name. */
export function metricNamed(name: string): Metric {
  const metric = metrics.find((candidate) => candidate.name === name)
  if (metric === undefined) {
    const names = metrics.map((known) => known.name).join(', ')
    throw new UserError(`There is no metric "${name}"; use one of ${names}.`)
  }
  return metric
}

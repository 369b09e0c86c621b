import { z } from 'zod'
import { orderOptions } from '../../stages/curriculum/order-options.ts'
import { keepRatioOption } from '../../stages/training/schedules/keep-ratio.ts'
import { learningRateOptions } from '../../stages/training/schedules/learning-rate.ts'
import type { Plot } from '../plot/plot.ts'
import { keepRatioPlot, learningRatePlot, orderPlot, pictureRun } from './catalogue.ts'

const learningRates = z.strictObject(learningRateOptions)

/**
 * Draws a schedule that is written as in a graph: options of `order`, as {order: tent, peak: 0.3}, of `ohem`, as
 * {keep: {piecewise: ...}}, or of `optimize`, as {schedule: {wsd: {decay: 0.1}}}.
 *
 * @throws ZodError where the options are wrong.
 * @returns undefined where it is none of these.
 */
export function plotOf(given: Readonly<Record<string, unknown>>): Plot | undefined {
  if ('order' in given) return orderPlot(orderOptions.parse(given))
  if ('keep' in given) return keepRatioPlot(keepRatioOption.parse(given.keep))
  if ('schedule' in given) {
    const { peak, warmUp, steps } = pictureRun
    const rate = { peak, ...learningRates.parse({ 'warm-up': warmUp, ...given }) }
    return learningRatePlot(rate, steps, pictureRun)
  }
  return undefined
}

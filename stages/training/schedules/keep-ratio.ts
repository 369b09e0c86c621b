import { z } from 'zod'

/** Points `[progress, ratio]`, joined by straight lines; two points at one progress are a jump, the second holds from there on. */
type Points = readonly (readonly [progress: number, ratio: number])[]

/**
 * Schedules with a name.
 * - `issue-318`: everything to 0.2, then 0.75 falling to 0.5 at half time, then on to 0.25 at the end.
 * - `release`: the same, but everything again for the last tenth: top-k by loss minimises the mean of the worst
 *   losses, not the mean loss, so that a run should not end there.
 */
const named = {
  'issue-318': [
    [0, 1],
    [0.2, 1],
    [0.2, 0.75],
    [0.5, 0.5],
    [1, 0.25],
  ],
  release: [
    [0, 1],
    [0.2, 1],
    [0.2, 0.75],
    [0.5, 0.5],
    [0.9, 0.3],
    [0.9, 1],
    [1, 1],
  ],
} as const satisfies Record<string, Points>

/** Share of a step's losses that selection keeps: a constant, a named schedule, or straight lines between points. */
export type KeepRatioSchedule = number | keyof typeof named | { readonly piecewise: Points }

const ratio = z.number().gt(0).lte(1)

const piecewise = z
  .array(z.tuple([z.number().gte(0).lte(1), ratio]))
  .min(2)
  .refine((points) => points[0]?.[0] === 0 && points.at(-1)?.[0] === 1, {
    error: 'the first point must be at progress 0 and the last at progress 1',
  })
  .refine((points) => points.every(([at], i) => i === 0 || at >= points[i - 1][0]), {
    error: 'the points must be in the order of their progress',
  })

/** The option of a stage that follows a keep-ratio schedule. */
export const keepRatioOption = z
  .union([ratio, z.enum(Object.keys(named) as (keyof typeof named)[]), z.strictObject({ piecewise })])
  .describe(
    'Share of the losses that is kept: a number in (0, 1], `issue-318`, `release`, or {piecewise: [[progress, ratio], ...]}',
  )

/**
 * Keep ratio in (0, 1] at `progress`, the share in [0, 1] of the run's steps that are done.
 *
 * @throws RangeError where progress is outside [0, 1].
 */
export function keepRatio(schedule: KeepRatioSchedule, progress: number): number {
  if (!(progress >= 0 && progress <= 1)) throw new RangeError(`Progress ${progress} is outside [0, 1].`)
  if (typeof schedule === 'number') return schedule
  const points: Points = typeof schedule === 'string' ? named[schedule] : schedule.piecewise
  const from = points.findLastIndex(([at]) => at <= progress)
  const [start, first] = points[from]
  const [end, last] = points[from + 1] ?? [1, first]
  return end === start ? first : first + ((last - first) * (progress - start)) / (end - start)
}

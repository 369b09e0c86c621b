import { z } from 'zod'

/** Points `[progress, ratio]`, joined by straight lines; two points at one progress are a jump, the second holds from there on. */
type Points = readonly (readonly [progress: number, ratio: number])[]

interface NamedSchedule {
  /** One sentence for people. */
  readonly summary: string
  /** Where it is from. */
  readonly source: string
  readonly points: Points
}

/** Schedules with a name. */
export const keepRatios = {
  'issue-318': {
    summary:
      'Everything for a fifth of the run, then 0.75 falling to 0.5 at half time, and on to 0.25 at the end.',
    source: 'issue 318',
    points: [
      [0, 1],
      [0.2, 1],
      [0.2, 0.75],
      [0.5, 0.5],
      [1, 0.25],
    ],
  },
  // Top-k by loss minimises the mean of the worst losses, not the mean loss, so that a run should not end there.
  release: {
    summary: 'The same as issue-318, but everything again for the last tenth.',
    source: 'issue 318, and the mean loss to end on',
    points: [
      [0, 1],
      [0.2, 1],
      [0.2, 0.75],
      [0.5, 0.5],
      [0.9, 0.3],
      [0.9, 1],
      [1, 1],
    ],
  },
  falling: {
    summary: 'A straight line from everything to a quarter.',
    source: 'the direction of issue 318',
    points: [
      [0, 1],
      [1, 0.25],
    ],
  },
  rising: {
    summary:
      'A straight line from a quarter to everything: hard selection early, the whole distribution late.',
    source: 'the direction of D3S (arXiv 2509.22115)',
    points: [
      [0, 0.25],
      [1, 1],
    ],
  },
  tent: {
    summary: 'From a quarter to everything at 0.45, and back.',
    source: 'the shape of parameter-golf PR 737',
    points: [
      [0, 0.25],
      [0.45, 1],
      [1, 0.25],
    ],
  },
} as const satisfies Record<string, NamedSchedule>

const names = Object.keys(keepRatios) as (keyof typeof keepRatios)[]

/** Share of a step's losses that selection keeps: a constant, a named schedule, or straight lines between points. */
export type KeepRatioSchedule = number | keyof typeof keepRatios | { readonly piecewise: Points }

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
  .union([ratio, z.enum(names), z.strictObject({ piecewise })], {
    error: 'it is neither a ratio nor a schedule',
  })
  .describe(
    `Share of the losses that is kept: a number in (0, 1], ${names.join(', ')}, or {piecewise: [[progress, ratio], ...]}`,
  )

/**
 * Keep ratio in (0, 1] at `progress`, the share in [0, 1] of the run's steps that are done.
 *
 * @throws RangeError where progress is outside [0, 1].
 */
export function keepRatio(schedule: KeepRatioSchedule, progress: number): number {
  if (!(progress >= 0 && progress <= 1)) throw new RangeError(`Progress ${progress} is outside [0, 1].`)
  if (typeof schedule === 'number') return schedule
  const points: Points = typeof schedule === 'string' ? keepRatios[schedule].points : schedule.piecewise
  const from = points.findLastIndex(([at]) => at <= progress)
  const [start, first] = points[from]
  const [end, last] = points[from + 1] ?? [1, first]
  return end === start ? first : first + ((last - first) * (progress - start)) / (end - start)
}

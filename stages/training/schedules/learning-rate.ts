import { z } from 'zod'
import type { Shape } from './learning-rates/shape.ts'
import { type ShapeName, shapes } from './learning-rates/shapes.ts'

const names = Object.keys(shapes) as ShapeName[]

/** A shape with its defaults, or one with options of its own. */
type Schedule = ShapeName | { readonly [name in ShapeName]?: Readonly<Record<string, unknown>> }

const withOptions = names
  .filter((name) => Object.keys(shapes[name].options.shape).length > 0)
  .map((name) => z.strictObject({ [name]: shapes[name].options }))

const schedule: z.ZodType<Schedule> = z.union([z.enum(names), ...withOptions], {
  error: `it is none of ${names.join(', ')}, or has an option that is not its own`,
})

/** Options of a stage that has a learning rate, beside its peak. */
export const learningRateOptions = {
  schedule: schedule
    .default('cosine')
    .describe(
      'How the learning rate goes on after its warm-up: a name, or a name with options such as {wsd: {decay: 0.1}}; docs/schedules.md shows all.',
    ),
  'warm-up': z.int().min(0).default(30).describe('Steps over which the learning rate rises to its peak.'),
  'warm-up-from': z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      'Share of the peak that the warm-up begins at: the last rate of the run that this one goes on from.',
    ),
  final: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      `Share of the peak that the learning rate ends at [default by schedule: ${names
        .filter((name) => shapes[name].final !== undefined)
        .map((name) => `${name}: ${Number(shapes[name].final?.toFixed(2))}`)
        .join(', ')}].`,
    ),
}

export interface LearningRate {
  /** Highest learning rate, reached at the end of the warm-up. */
  readonly peak: number
  readonly schedule: Schedule
  readonly 'warm-up': number
  readonly 'warm-up-from': number
  readonly final?: number | undefined
}

/** Sequences of a step, and their length in tokens. */
interface StepShape {
  readonly rows: number
  readonly length: number
}

/**
 * Learning rate of `step`, counted from 0, in a run of `steps` steps.
 *
 * The warm-up rises in a straight line from the share s of the peak and leaves no step without a rate:
 * peak · (s + (1 − s)(step + 1) / warmUp). After it, with z = (step − warmUp) / (steps − warmUp), it is the peak times
 * what the schedule's shape gives.
 */
export function learningRate(
  rate: LearningRate,
  step: number,
  steps: number,
  { rows, length }: StepShape,
): number {
  const { peak, 'warm-up': warmUp, 'warm-up-from': from } = rate
  if (step < warmUp) return peak * (from + ((1 - from) * (step + 1)) / warmUp)
  const { shape, options } = shapeOf(rate.schedule)
  const z = (step - warmUp) / (steps - warmUp)
  const moment = { z, step, warmUp, peak, sequences: rows, tokens: step * rows * length }
  return peak * shape.share(moment, rate.final ?? shape.final ?? 0, options)
}

function shapeOf(schedule: Schedule): { shape: Shape; options: Readonly<Record<string, unknown>> } {
  if (typeof schedule === 'string') return { shape: shapes[schedule], options: defaults[schedule] }
  const [[name, options]] = Object.entries(schedule) as [ShapeName, Readonly<Record<string, unknown>>][]
  return { shape: shapes[name], options }
}

/** Parsed once: a schedule is asked every step. */
const defaults = Object.fromEntries(names.map((name) => [name, shapes[name].options.parse({})])) as Readonly<
  Record<ShapeName, Readonly<Record<string, unknown>>>
>

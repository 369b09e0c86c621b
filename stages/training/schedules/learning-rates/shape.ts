import { z } from 'zod'

/** A step of a run, as learning rates see it. */
export interface Moment {
  /** Progress in [0, 1] after the warm-up. */
  readonly z: number
  /** From 0. */
  readonly step: number
  /** Steps of warm-up. */
  readonly warmUp: number
  readonly peak: number
  /** Sequences of a step. */
  readonly sequences: number
  /** Tokens seen before the step. */
  readonly tokens: number
}

/** How the learning rate goes on after its warm-up, as a share of its peak. */
export interface Shape<Options extends z.ZodObject = z.ZodObject> {
  /** One sentence for people. */
  readonly summary: string
  /** Rate over peak, by z; f is the final share. */
  readonly formula: string
  /** Where it is from. */
  readonly source: string
  /** Final share of the peak unless the user gives one; left out by a shape that has none. */
  readonly final?: number
  /** Each with a default. */
  readonly options: Options
  /** @param final share of the peak, f */
  share(moment: Moment, final: number, options: z.output<Options>): number
}

/** Options of a shape that has none. */
export const none = z.strictObject({})

/** Declares a shape: what `share` is given are its own options. */
export function defineShape<Options extends z.ZodObject>(shape: Shape<Options>): Shape {
  return shape
}

/** From 1 at x = 0 to f at x = 1, along a curve that falls from 1 to 0. */
export function between(final: number, curve: number): number {
  return final + (1 - final) * curve
}

import type { Tensor } from '@tensorflow/tfjs-core'
import type { GroupRates } from './groups.ts'
import type { Rule } from './rules.ts'

export interface OptimizerSettings {
  readonly rule: Rule
  /** Decoupled weight decay, on matrices only. */
  readonly decay: number
  /** What the learning rate of a group's parameters is multiplied by. */
  readonly groups: GroupRates
}

/** Gradients by parameter name, each of its parameter's shape. */
export type GradientsByName = ReadonlyMap<string, Tensor>

/** What a rule remembers, by parameter and by the names of `slotNames`; a number for each of the parameter's. */
export type OptimizerState = ReadonlyMap<string, Readonly<Record<string, Float32Array>>>

/** Updates all parameters of a model by one rule. */
export interface Optimizer {
  readonly rule: Rule
  /** Updates made so far. */
  readonly updates: number
  /**
   * Updates every parameter. The gradients stay the caller's.
   * @param scale what they are multiplied by first
   */
  update(gradients: GradientsByName, learningRate: number, scale: number): void
  /** What a resumed run needs, with `updates`, to go on as if it had never stopped. */
  export(): Promise<OptimizerState>
  import(state: OptimizerState, updates: number): void
  dispose(): void
}

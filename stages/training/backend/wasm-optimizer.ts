import type { Tensor } from '@tensorflow/tfjs-core'
import type { Parameters } from '../model/parameters.ts'
import { factorsOf } from '../optimizers/groups.ts'
import type { Optimizer, OptimizerSettings } from '../optimizers/optimizer.ts'
import { type AdamW, type Lion, type Rule, type Sgd, slotNames } from '../optimizers/rules.ts'
import { emptyTensor, memoryOf } from './wasm-memory.ts'

/**
 * An optimizer in one loop over the memory of WebAssembly's tensors: fifteen operations of the back end take ten times
 * as long.
 */
export function memoryOptimizer(parameters: Parameters, settings: OptimizerSettings): Optimizer {
  const { rule } = settings
  const names = slotNames[rule.name]
  const states = parameters.names.map((name) => {
    const { shape, size } = parameters.get(name)
    return { name, ...factorsOf(name, shape, settings), slots: names.map(() => new Float32Array(size)) }
  })
  let updates = 0

  return {
    rule,

    get updates() {
      return updates
    },

    update(gradients, learningRate, scale) {
      updates++
      for (const { name, rate: factor, decay, slots } of states) {
        const parameter = parameters.get(name)
        const updated = emptyTensor(parameter.shape)
        const [before, gradient, after] = [parameter, gradients.get(name) as Tensor, updated].map(memoryOf)
        const rate = learningRate * factor
        apply(rule, { before, gradient, after, slots }, { rate, scale, remaining: 1 - rate * decay, updates })
        parameters.set(name, updated)
      }
    },

    export() {
      const copies = states.map(
        ({ name, slots }) =>
          [name, Object.fromEntries(names.map((slot, i) => [slot, slots[i].slice()]))] as const,
      )
      return Promise.resolve(new Map(copies))
    },

    import(state, made) {
      for (const { name, slots } of states) {
        names.forEach((slot, i) => slots[i].set(state.get(name)?.[slot] as Float32Array))
      }
      updates = made
    },

    dispose() {
      states.length = 0
    },
  }
}

/** A parameter's numbers, and those that its update reads and writes. */
interface Memory {
  readonly before: Float32Array
  readonly gradient: Float32Array
  readonly after: Float32Array
  readonly slots: readonly Float32Array[]
}

interface Factors {
  readonly rate: number
  /** Of the gradient. */
  readonly scale: number
  /** Share of the parameter that decay leaves. */
  readonly remaining: number
  /** Those made with this one. */
  readonly updates: number
}

function apply(rule: Rule, memory: Memory, factors: Factors): void {
  switch (rule.name) {
    case 'adamw':
      return adamW(rule, memory, factors)
    case 'lion':
      return lion(rule, memory, factors)
    case 'sgd':
      return sgd(rule, memory, factors)
  }
}

function adamW(
  { beta1, beta2, epsilon }: AdamW,
  memory: Memory,
  { rate, scale, remaining, updates }: Factors,
) {
  const { before, gradient, after } = memory
  const [first, second] = memory.slots
  const corrected = rate / (1 - beta1 ** updates)
  const correction = 1 / Math.sqrt(1 - beta2 ** updates)
  for (let i = 0; i < after.length; i++) {
    const slope = gradient[i] * scale
    const mean = (first[i] = beta1 * first[i] + (1 - beta1) * slope)
    const square = (second[i] = beta2 * second[i] + (1 - beta2) * slope * slope)
    after[i] = remaining * before[i] - (corrected * mean) / (correction * Math.sqrt(square) + epsilon)
  }
}

function lion({ beta1, beta2 }: Lion, { before, gradient, after, slots }: Memory, factors: Factors) {
  const { rate, scale, remaining } = factors
  const [mean] = slots
  for (let i = 0; i < after.length; i++) {
    const slope = gradient[i] * scale
    after[i] = remaining * before[i] - rate * Math.sign(beta1 * mean[i] + (1 - beta1) * slope)
    mean[i] = beta2 * mean[i] + (1 - beta2) * slope
  }
}

function sgd({ momentum }: Sgd, { before, gradient, after, slots }: Memory, factors: Factors) {
  const { rate, scale, remaining } = factors
  const [buffer] = slots
  for (let i = 0; i < after.length; i++) {
    buffer[i] = momentum * buffer[i] + gradient[i] * scale
    after[i] = remaining * before[i] - rate * buffer[i]
  }
}

/** Euclidean norm of all gradients together. */
export function memoryNorm(gradients: Iterable<Tensor>): Promise<number> {
  let squares = 0
  for (const gradient of gradients) for (const slope of memoryOf(gradient)) squares += slope * slope
  return Promise.resolve(Math.sqrt(squares))
}

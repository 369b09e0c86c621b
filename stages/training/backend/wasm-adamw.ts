import type { Tensor } from '@tensorflow/tfjs-core'
import type { Parameters } from '../model/parameters.ts'
import type { AdamW, AdamWSettings, Moments } from './kernels.ts'
import { emptyTensor, memoryOf } from './wasm-memory.ts'

/**
 * AdamW (Loshchilov and Hutter, arXiv 1711.05101) in one loop over the memory of WebAssembly's tensors: fifteen
 * operations of the back end take ten times as long.
 */
export function memoryAdamW(parameters: Parameters, settings: AdamWSettings): AdamW {
  const { beta1, beta2, epsilon, decay, clip } = settings
  const zeros = (name: string) => new Float32Array(parameters.get(name).size)
  const moments = new Map<string, Moments>(
    parameters.names.map((name) => [name, { first: zeros(name), second: zeros(name) }]),
  )
  let updates = 0

  return {
    get updates() {
      return updates
    },

    update(gradients, learningRate) {
      const norm = globalNorm(gradients.values())
      if (!Number.isFinite(norm)) return norm
      updates++
      const scale = Math.min(1, clip / norm)
      const rate = learningRate / (1 - beta1 ** updates)
      const correction = 1 / Math.sqrt(1 - beta2 ** updates)
      for (const [name, { first, second }] of moments) {
        const parameter = parameters.get(name)
        const remaining = parameter.rank > 1 ? 1 - learningRate * decay : 1
        const updated = emptyTensor(parameter.shape)
        const [before, gradient, after] = [parameter, gradients.get(name) as Tensor, updated].map(memoryOf)
        for (let i = 0; i < after.length; i++) {
          const slope = gradient[i] * scale
          const mean = (first[i] = beta1 * first[i] + (1 - beta1) * slope)
          const square = (second[i] = beta2 * second[i] + (1 - beta2) * slope * slope)
          after[i] = remaining * before[i] - (rate * mean) / (correction * Math.sqrt(square) + epsilon)
        }
        parameters.set(name, updated)
      }
      return norm
    },

    async export() {
      return new Map(
        Array.from(moments, ([name, { first, second }]) => [
          name,
          { first: first.slice(), second: second.slice() },
        ]),
      )
    },

    import(imported, made) {
      for (const [name, { first, second }] of moments) {
        const given = imported.get(name) as Moments
        first.set(given.first)
        second.set(given.second)
      }
      updates = made
    },

    dispose: () => moments.clear(),
  }
}

function globalNorm(gradients: Iterable<Tensor>): number {
  let squares = 0
  for (const gradient of gradients) for (const slope of memoryOf(gradient)) squares += slope * slope
  return Math.sqrt(squares)
}

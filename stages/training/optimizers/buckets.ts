import type { Parameters } from '../model/parameters.ts'
import { gathered } from './flat-tensors.ts'
import { factorsOf } from './groups.ts'
import type { OptimizerSettings, OptimizerState } from './optimizer.ts'

/** Parameters with one learning rate and one decay, which are laid end to end. */
export interface Bucket {
  readonly names: readonly string[]
  readonly sizes: number[]
  readonly size: number
  readonly rate: number
  readonly decay: number
}

/** @param alone a parameter of more numbers has a bucket of its own */
export function bucketsOf(parameters: Parameters, settings: OptimizerSettings, alone?: number): Bucket[] {
  const alike = new Map<string, string[]>()
  for (const name of parameters.names) {
    const key = JSON.stringify(factorsOf(name, parameters.shape(name), settings))
    alike.set(key, [...(alike.get(key) ?? []), name])
  }
  const sizeOf = (name: string) => parameters.get(name).size
  return [...alike.values()]
    .flatMap((names) => gathered(names, sizeOf, alone))
    .map((names) => {
      const sizes = names.map(sizeOf)
      const size = sizes.reduce((sum, size) => sum + size, 0)
      return { names, sizes, size, ...factorsOf(names[0], parameters.shape(names[0]), settings) }
    })
}

/** What a rule remembers of each parameter of a bucket, of what it remembers of them all, by the names in `slots`. */
export function partsOf(
  { names, sizes }: Bucket,
  slots: readonly string[],
  values: readonly Float32Array[],
): (readonly [string, Readonly<Record<string, Float32Array>>])[] {
  let end = 0
  return names.map((name, i) => {
    const start = end
    end += sizes[i]
    return [name, Object.fromEntries(slots.map((slot, s) => [slot, values[s].slice(start, end)]))]
  })
}

/** What a rule remembers of all parameters of a bucket by the name `slot`. */
export function joined({ names, size }: Bucket, slot: string, state: OptimizerState): Float32Array {
  const values = new Float32Array(size)
  let start = 0
  for (const name of names) {
    const own = state.get(name)?.[slot] as Float32Array
    values.set(own, start)
    start += own.length
  }
  return values
}

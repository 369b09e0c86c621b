import { seededRandom } from '../../seeded-random.ts'
import type { ModelConfig } from './config.ts'
import { layerNames, parameterShapes } from './parameter-shapes.ts'

/** Standard deviation of every matrix but those that write to the residual stream. */
const deviation = 0.02

/**
 * Initial values of every parameter, the same on every back end for a seed: norms are 1, matrices normal with standard
 * deviation 0.02, and those that write to the residual stream 0.02 / √(2 layers), so that the stream's variance does
 * not grow with depth (GPT-2, Radford et al. 2019, section 2.3).
 */
export function initialValues(config: ModelConfig, seed: number): Map<string, Float32Array> {
  const residual = new Set<string>(
    Array.from({ length: config.layers }, (_, layer) => layerNames(layer)).flatMap(({ attention, mlp }) => [
      attention.output,
      mlp.down,
    ]),
  )
  const normal = normalNumbers(seed)
  const values = new Map<string, Float32Array>()
  for (const [name, shape] of parameterShapes(config)) {
    const array = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1)
    const scale = residual.has(name) ? deviation / Math.sqrt(2 * config.layers) : deviation
    values.set(name, shape.length === 1 ? array : array.map(() => scale * normal()))
  }
  return values
}

/** Standard normal numbers by Box and Muller's transform. */
function normalNumbers(seed: number): () => number {
  const random = seededRandom(seed)
  let spare: number | undefined
  return () => {
    if (spare !== undefined) {
      const number = spare
      spare = undefined
      return number
    }
    // Half a unit keeps zero out of the logarithm.
    const radius = Math.sqrt(-2 * Math.log((random() + 0.5) / 2 ** 32))
    const angle = (2 * Math.PI * random()) / 2 ** 32
    spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
}

import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D } from '@tensorflow/tfjs-core'
import { kernelsOf, type Kernels } from '../backend/kernels.ts'
import type { BackendName } from '../backend/backend.ts'
import { dispose, tidy } from '../backend/tidy.ts'
import type { ModelConfig } from './config.ts'
import { KeyValueCache, turnsOf } from './key-value-cache.ts'
import { embeddingName, finalNormName, headName, layerNames, parameterShapes } from './parameter-shapes.ts'

interface DecoderLayer {
  readonly attentionNorm: Float32Array
  /** `[D, (H + 2K)·d]` */
  readonly projection: Tensor2D
  readonly cache: KeyValueCache
  /** `[D, D]` */
  readonly output: Tensor2D
  readonly mlpNorm: Float32Array
  /** `[D, 2·hidden]`: gate and up side by side. */
  readonly gateAndUp: Tensor2D
  /** `[hidden, D]` */
  readonly down: Tensor2D
}

/**
 * A model that reads one sequence, a few tokens at a time, and keeps the keys and values of those it has read.
 *
 * The back end multiplies by the matrices, which lie there as `[in, out]`, the way round in which the product of a
 * single row is fast; all the rest is numbers enough for one row only, and an operation of a back end costs more.
 */
export class Decoder {
  readonly config: ModelConfig
  readonly #kernels: Kernels
  readonly #layers: readonly DecoderLayer[]
  readonly #embedding: Float32Array
  readonly #finalNorm: Float32Array
  /** `[D, V]` */
  readonly #head: Tensor2D
  #length = 0

  /**
   * @param values by parameter name, of the shapes of `parameterShapes(config)`
   * @param backend name of tfjs-core's active back end
   */
  constructor(config: ModelConfig, values: ReadonlyMap<string, Float32Array>, backend: BackendName) {
    const shapes = parameterShapes(config)
    const vector = (name: string) => values.get(name) as Float32Array
    const transposed = (...names: string[]): Tensor2D =>
      tidy(() => {
        const matrices = names.map((name) => tf.tensor2d(vector(name), shapes.get(name) as [number, number]))
        return tf.keep(tf.transpose<Tensor2D>(tf.concat2d(matrices, 0)))
      })
    const turns = turnsOf(config)
    this.config = config
    this.#kernels = kernelsOf(backend)
    this.#embedding = vector(embeddingName)
    this.#finalNorm = vector(finalNormName)
    this.#head = transposed(config.tied ? embeddingName : headName)
    this.#layers = Array.from({ length: config.layers }, (_, i) => {
      const { attentionNorm, attention, mlpNorm, mlp } = layerNames(i)
      return {
        attentionNorm: vector(attentionNorm),
        projection: transposed(attention.query, attention.key, attention.value),
        cache: new KeyValueCache(config, turns),
        output: transposed(attention.output),
        mlpNorm: vector(mlpNorm),
        gateAndUp: transposed(mlp.gate, mlp.up),
        down: transposed(mlp.down),
      }
    })
  }

  /** Tokens read since the beginning, or since it was last cleared. */
  get length(): number {
    return this.#length
  }

  /** Begins a new sequence. */
  clear(): void {
    this.#length = 0
  }

  /**
   * Reads tokens behind those it has read.
   * @returns logits `[V]` of the token that follows
   * @throws RangeError where they do not fit the context any more
   */
  async read(tokens: ArrayLike<number>): Promise<Float32Array> {
    const { dim, context, normEpsilon } = this.config
    if (this.#length + tokens.length > context) {
      throw new RangeError(
        `${this.#length} + ${tokens.length} tokens do not fit the model's context of ${context}.`,
      )
    }
    const stream = new Float32Array(tokens.length * dim)
    for (let row = 0; row < tokens.length; row++) {
      stream.set(this.#embedding.subarray(tokens[row] * dim, (tokens[row] + 1) * dim), row * dim)
    }
    for (const layer of this.#layers) {
      const attended = await this.#multiply(norm(stream, layer.attentionNorm, normEpsilon), layer.projection)
      addTo(stream, await this.#multiply(layer.cache.attend(attended, this.#length), layer.output))
      const fed = await this.#multiply(norm(stream, layer.mlpNorm, normEpsilon), layer.gateAndUp)
      addTo(stream, await this.#multiply(gated(fed, this.config.hidden), layer.down))
    }
    this.#length += tokens.length
    return this.#multiply(norm(stream.subarray(-dim), this.#finalNorm, normEpsilon), this.#head)
  }

  dispose(): void {
    dispose([
      this.#head,
      this.#layers.map(({ projection, output, gateAndUp, down }) => [projection, output, gateAndUp, down]),
    ])
  }

  /** x `[n, in]` times a matrix `[in, out]`. */
  async #multiply(x: Float32Array, matrix: Tensor2D): Promise<Float32Array> {
    const product = tidy(() =>
      this.#kernels.matMul(tf.tensor2d(x, [x.length / matrix.shape[0], matrix.shape[0]]), matrix),
    )
    const values = (await product.data()) as Float32Array
    product.dispose()
    return values
  }
}

/** Each row of x `[n, D]` at a root mean square of 1, times a weight `[D]`. */
function norm(x: Float32Array, weight: Float32Array, epsilon: number): Float32Array {
  const dim = weight.length
  const normed = new Float32Array(x.length)
  for (let start = 0; start < x.length; start += dim) {
    let squares = 0
    for (let i = start; i < start + dim; i++) squares += x[i] * x[i]
    const inverse = 1 / Math.sqrt(squares / dim + epsilon)
    for (let i = 0; i < dim; i++) normed[start + i] = x[start + i] * inverse * weight[i]
  }
  return normed
}

/** `[n, hidden]`: silu(gate)·up of `[n, 2·hidden]`. */
function gated(x: Float32Array, hidden: number): Float32Array {
  const product = new Float32Array(x.length / 2)
  for (let i = 0; i < product.length; i++) {
    const gate = Math.floor(i / hidden) * hidden + i
    product[i] = (x[gate] / (1 + Math.exp(-x[gate]))) * x[gate + hidden]
  }
  return product
}

function addTo(x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i] += y[i]
}

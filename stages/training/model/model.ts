import * as tf from '@tensorflow/tfjs-core'
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { dispose, tidy } from '../backend/tidy.ts'
import type { Backend } from '../backend/backend.ts'
import { kernelsOf, type Kernels } from '../backend/kernels.ts'
import { gatherOf, type Activations, type LayerActivations } from './activations.ts'
import type { AttentionShape } from './attention-shape.ts'
import { AttentionTableStore } from './attention-tables.ts'
import type { ModelConfig } from './config.ts'
import { embed, embedBackward } from './embedding.ts'
import { head, headBackward } from './head.ts'
import { tokensOfRows, windows, type Kept } from './kept.ts'
import { layer, layerBackward, type LayerWeights } from './layer.ts'
import { keepsTokenProbabilities, keepsAttentionProbabilities } from './memory.ts'
import { embeddingName, finalNormName, headName, layerNames } from './parameter-shapes.ts'
import { Parameters } from './parameters.ts'
import { predictionStatistic, type PredictionStatistic } from './prediction.ts'
import { rmsNorm, rmsNormBackward, scaleNorm, type NormActivations } from './rms-norm.ts'
import type { HeadSizes } from './rotary.ts'

/**
 * A Llama-style decoder on tfjs-core's active back end, with forward and backward written out.
 * It owns its parameters and tables; `dispose` gives them back.
 */
export class Model {
  readonly config: ModelConfig
  readonly backend: Backend
  readonly parameters: Parameters
  readonly kernels: Kernels
  readonly #tables: AttentionTableStore

  /**
   * @param values initial values by parameter name, such as `initialValues(config, seed)`
   * @param backend the active one, as `openBackend` gave it
   */
  constructor(config: ModelConfig, values: ReadonlyMap<string, Float32Array>, backend: Backend) {
    this.config = config
    this.backend = backend
    this.kernels = kernelsOf(backend.name)
    this.#tables = new AttentionTableStore(headSizes(config), config.ropeTheta)
    this.parameters = new Parameters(config, (name) => values.get(name) as Float32Array)
  }

  /**
   * @param tokens `[B, T + 1]`: inputs are the first T of a row, targets the last T
   * @param sequences B
   * @returns losses `[B, T]` in nats, and what backward needs; both are the caller's
   */
  forward(tokens: Int32Array, sequences: number): { losses: Tensor2D; activations: Activations } {
    const length = tokens.length / sequences - 1
    return tidy(() => {
      const layers: LayerActivations[] = []
      const finalNorm = this.#trunk(windows(tokens, sequences, 0), sequences, layers)
      const keep = keepsTokenProbabilities(sequences * length, this.config.vocabulary)
      const targets = windows(tokens, sequences, 1)
      const { losses, activations } = head(
        this.kernels,
        this.#hidden(finalNorm),
        this.#headMatrix,
        targets,
        keep,
      )
      return {
        losses: tf.reshape(losses, [sequences, length]),
        activations: { sequences, length, layers, finalNorm, head: activations },
      }
    })
  }

  /** Losses `[B, T]` of `tokens` `[B, T + 1]` in nats, where no backward follows. */
  losses(tokens: Int32Array, sequences: number): Tensor2D {
    return tidy(() => {
      const hidden = this.#hidden(this.#trunk(windows(tokens, sequences, 0), sequences))
      const { losses } = head(this.kernels, hidden, this.#headMatrix, windows(tokens, sequences, 1), false)
      return tf.reshape(losses, [sequences, -1])
    })
  }

  /** A statistic of each of a forward pass's predictions `[B·T]`, before backward; it is the caller's. */
  predictionStatistic({ head }: Activations, statistic: PredictionStatistic): Tensor1D {
    return predictionStatistic(this.kernels, head, this.#headMatrix, statistic)
  }

  /**
   * Gradients of the weighted sum of the kept tokens' losses, by parameter name; they are the caller's.
   * A layer's activations are disposed of as soon as they have been used.
   *
   * @param tokens those that forward was given
   * @param onInputs sees the gradient `[n·T, D]` of the embedded inputs of the n kept rows, which it does not own
   */
  backward(
    tokens: Int32Array,
    activations: Activations,
    kept: Kept,
    onInputs?: (gradient: Tensor2D) => void,
  ): Map<string, Tensor> {
    const { config, kernels } = this
    const { sequences, length, layers, finalNorm } = activations
    const { rows } = kept
    const shape = this.#attentionShape(rows?.length ?? sequences, length)
    const tables = this.#tables.tablesOf(shape.sequences, length)
    const gradients = tidy(() => {
      const gather = gatherOf(kernels, activations, rows)
      const { hidden, matrix } = this.#headBackward(windows(tokens, sequences, 1), activations, kept)
      const norm = tidy(() =>
        rmsNormBackward(kernels, hidden, this.parameters.vector(finalNormName), gather(finalNorm)),
      )
      hidden.dispose()
      const gradients: Record<string, Tensor> = { [finalNormName]: norm.weight }
      let stream = norm.input
      for (let i = config.layers - 1; i >= 0; i--) {
        const output = stream
        const { input, weights } = tidy(() => {
          const saved = gather(layers[i])
          return layerBackward(kernels, output, this.#layerWeights(i), tables, shape, saved)
        })
        output.dispose()
        dispose(layers[i])
        assignByName(gradients, layerNames(i), weights)
        stream = input
      }
      const inputs = windows(tokens, sequences, 0)
      const seen = rows ? tokensOfRows(rows, length).map((token) => inputs[token]) : inputs
      const own = embedBackward(kernels, stream, seen, config.vocabulary)
      const embedding = config.tied ? tf.add<Tensor2D>(own, matrix) : own
      onInputs?.(stream)
      return { ...gradients, [embeddingName]: embedding, ...(!config.tied && { [headName]: matrix }) }
    })
    return new Map(Object.entries(gradients))
  }

  dispose(): void {
    this.parameters.dispose()
    this.#tables.dispose()
  }

  get #headMatrix(): Tensor2D {
    return this.parameters.matrix(this.config.tied ? embeddingName : headName)
  }

  #hidden(finalNorm: NormActivations): Tensor2D {
    return scaleNorm(finalNorm, this.parameters.vector(finalNormName))
  }

  /** From input tokens `[B, T]` to the final norm; `saved` receives each layer's activations, where backward follows. */
  #trunk(inputs: Int32Array, sequences: number, saved?: LayerActivations[]): NormActivations {
    const { config, kernels } = this
    const length = inputs.length / sequences
    const shape = this.#attentionShape(sequences, length)
    const tables = this.#tables.tablesOf(shape.sequences, length)
    const keepProbabilities = keepsAttentionProbabilities(config.layers, sequences, config.heads, length)
    let stream = embed(kernels, this.parameters.matrix(embeddingName), inputs)
    for (let i = 0; i < config.layers; i++) {
      const input = stream
      const { output, activations } = tidy(() => {
        const weights = this.#layerWeights(i)
        const done = layer(kernels, input, weights, tables, shape, config.normEpsilon, keepProbabilities)
        return saved ? done : { output: done.output, activations: undefined }
      })
      if (activations) saved?.push(activations)
      input.dispose()
      stream = output
    }
    const finalNorm = rmsNorm(kernels, stream, config.normEpsilon)
    stream.dispose()
    return finalNorm
  }

  /** Gradients of the final hidden states of the kept rows, zero at tokens that are not kept, and of the head's matrix. */
  #headBackward(
    targets: Int32Array,
    { sequences, length, head }: Activations,
    { rows, tokens, weights }: Kept,
  ) {
    const { kernels } = this
    const kept = tokens ?? (rows && tokensOfRows(rows, length))
    const gradients = headBackward(kernels, head, this.#headMatrix, targets, kept, weights)
    if (!tokens) return gradients
    return tidy(() => {
      const all = rows
        ? tokensOfRows(rows, length)
        : Int32Array.from({ length: sequences * length }, (_, i) => i)
      const place = new Map(Array.from(tokens, (token, i) => [token, i]))
      const withZero = tf.concat2d([gradients.hidden, tf.zeros([1, this.config.dim])], 0)
      const hidden = kernels.gatherRows(
        withZero,
        all.map((token) => place.get(token) ?? tokens.length),
      )
      gradients.hidden.dispose()
      return { hidden, matrix: gradients.matrix }
    })
  }

  #layerWeights(i: number): LayerWeights {
    const { attentionNorm, attention, mlpNorm, mlp } = layerNames(i)
    const matrices = <K extends string>(names: Readonly<Record<K, string>>) =>
      Object.fromEntries(
        Object.entries<string>(names).map(([key, name]) => [key, this.parameters.matrix(name)]),
      ) as Record<K, Tensor2D>
    return {
      attentionNorm: this.parameters.vector(attentionNorm),
      attention: matrices(attention),
      mlpNorm: this.parameters.vector(mlpNorm),
      mlp: matrices(mlp),
    }
  }

  #attentionShape(sequences: number, length: number): AttentionShape {
    const { context } = this.config
    if (!Number.isInteger(length) || length < 1 || length > context) {
      throw new RangeError(`A sequence of ${length} tokens does not fit the model's context of ${context}.`)
    }
    return { sequences, length, ...headSizes(this.config) }
  }
}

function headSizes({ dim, heads, kvHeads }: ModelConfig): HeadSizes {
  return { heads, kvHeads, width: dim / heads }
}

/** Puts every tensor of `tensors` into `named`, under the name that stands at its place in `names`. */
function assignByName(named: Record<string, Tensor>, names: object, tensors: object): void {
  const byKey = tensors as Readonly<Record<string, object>>
  for (const [key, name] of Object.entries(names) as [string, string | object][]) {
    if (typeof name === 'string') named[name] = byKey[key] as Tensor
    else assignByName(named, name, byKey[key])
  }
}

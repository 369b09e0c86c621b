import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { tidy } from '../backend/tidy.ts'
import type { Kernels } from '../backend/kernels.ts'
import type { LayerActivations } from './activations.ts'
import { attention, attentionBackward, type AttentionWeights } from './attention.ts'
import type { AttentionShape } from './attention-shape.ts'
import type { AttentionTables } from './attention-tables.ts'
import { mlp, mlpBackward, type MlpWeights } from './mlp.ts'
import { rmsNorm, rmsNormBackward, scaleNorm } from './rms-norm.ts'

export interface LayerWeights {
  readonly attentionNorm: Tensor1D
  readonly attention: AttentionWeights
  readonly mlpNorm: Tensor1D
  readonly mlp: MlpWeights
}

/** A decoder layer on the residual stream x `[B·T, D]`: y = x + attention(norm(x)); y + mlp(norm(y)). */
export function layer(
  kernels: Kernels,
  x: Tensor2D,
  weights: LayerWeights,
  tables: AttentionTables,
  shape: AttentionShape,
  epsilon: number,
  keepProbabilities: boolean,
): { output: Tensor2D; activations: LayerActivations } {
  return tidy(() => {
    const attentionNorm = rmsNorm(kernels, x, epsilon)
    const normed = scaleNorm(attentionNorm, weights.attentionNorm)
    const attended = attention(kernels, normed, weights.attention, tables, shape, keepProbabilities)
    const y: Tensor2D = tf.add(x, attended.output)
    const mlpNorm = rmsNorm(kernels, y, epsilon)
    const fed = mlp(kernels, scaleNorm(mlpNorm, weights.mlpNorm), weights.mlp)
    return {
      output: tf.add(y, fed.output),
      activations: { attentionNorm, attention: attended.activations, mlpNorm, mlp: fed.activations },
    }
  })
}

/** Gradients of the layer's input `[B·T, D]` and of its weights, from that of its output. */
export function layerBackward(
  kernels: Kernels,
  gradient: Tensor2D,
  weights: LayerWeights,
  tables: AttentionTables,
  shape: AttentionShape,
  activations: LayerActivations,
): { input: Tensor2D; weights: LayerWeights } {
  return tidy(() => {
    const fed = scaleNorm(activations.mlpNorm, weights.mlpNorm)
    const mlp = mlpBackward(kernels, gradient, fed, weights.mlp, activations.mlp)
    const mlpNorm = rmsNormBackward(kernels, mlp.input, weights.mlpNorm, activations.mlpNorm, [gradient])
    const attended = scaleNorm(activations.attentionNorm, weights.attentionNorm)
    const attention = attentionBackward(
      kernels,
      mlpNorm.input,
      attended,
      weights.attention,
      tables,
      shape,
      activations.attention,
    )
    const attentionNorm = rmsNormBackward(
      kernels,
      attention.input,
      weights.attentionNorm,
      activations.attentionNorm,
      [mlpNorm.input],
    )
    return {
      input: attentionNorm.input,
      weights: {
        attentionNorm: attentionNorm.weight,
        attention: attention.weights,
        mlpNorm: mlpNorm.weight,
        mlp: mlp.weights,
      },
    }
  })
}

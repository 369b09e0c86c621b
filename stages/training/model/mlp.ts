import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D } from '@tensorflow/tfjs-core'
import { tidy } from '../backend/tidy.ts'
import type { Kernels } from '../backend/kernels.ts'

/** Projections, `[out, in]`. */
export interface MlpWeights {
  readonly gate: Tensor2D
  readonly up: Tensor2D
  readonly down: Tensor2D
}

/** Outputs of the two projections before the non-linearity, `[N, hidden]`. */
export interface MlpActivations {
  readonly gate: Tensor2D
  readonly up: Tensor2D
}

/** SwiGLU (Shazeer, arXiv 2002.05202): down(silu(gate(x))·up(x)), for x `[N, D]`. */
export function mlp(
  kernels: Kernels,
  x: Tensor2D,
  weights: MlpWeights,
): { output: Tensor2D; activations: MlpActivations } {
  return tidy(() => {
    const gate = kernels.matMul(x, weights.gate, false, true)
    const up = kernels.matMul(x, weights.up, false, true)
    const product: Tensor2D = tf.mul(tf.mul(gate, tf.sigmoid(gate)), up)
    return { output: kernels.matMul(product, weights.down, false, true), activations: { gate, up } }
  })
}

/** Gradients of x `[N, D]` and of the weights, from that of the output `[N, D]`. */
export function mlpBackward(
  kernels: Kernels,
  gradient: Tensor2D,
  x: Tensor2D,
  weights: MlpWeights,
  { gate, up }: MlpActivations,
): { input: Tensor2D; weights: MlpWeights } {
  return tidy(() => {
    // Inner tidies: the temporaries are the widest tensors of a layer.
    const { silu, slope } = tidy(() => {
      const sigmoid = tf.sigmoid(gate)
      const silu: Tensor2D = tf.mul(gate, sigmoid)
      // The slope of silu = g·σ(g) is σ + g·σ·(1 − σ).
      return { silu, slope: tf.add<Tensor2D>(sigmoid, kernels.sigmoidGradient(sigmoid, gate)) }
    })
    const down = tidy(() => kernels.matMul(gradient, tf.mul(silu, up), true))
    const productGradient = kernels.matMul(gradient, weights.down)
    const gateGradient = tidy(() => tf.mul<Tensor2D>(tf.mul(productGradient, up), slope))
    const upGradient: Tensor2D = tf.mul(productGradient, silu)
    const input: Tensor2D = tf.add(
      kernels.matMul(gateGradient, weights.gate),
      kernels.matMul(upGradient, weights.up),
    )
    return {
      input,
      weights: { gate: kernels.matMul(gateGradient, x, true), up: kernels.matMul(upGradient, x, true), down },
    }
  })
}

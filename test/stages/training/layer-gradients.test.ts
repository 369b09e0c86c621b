import * as tf from '@tensorflow/tfjs-core'
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import { kernelsOf } from '../../../stages/training/backend/kernels.ts'
import { attention, attentionBackward } from '../../../stages/training/model/attention.ts'
import type { AttentionShape } from '../../../stages/training/model/attention-shape.ts'
import type { AttentionTables } from '../../../stages/training/model/attention-tables.ts'
import { causalBlocks } from '../../../stages/training/model/causal-blocks.ts'
import { embed, embedBackward } from '../../../stages/training/model/embedding.ts'
import { head, headBackward } from '../../../stages/training/model/head.ts'
import { headLayout } from '../../../stages/training/model/head-layout.ts'
import { attentionChunks } from '../../../stages/training/model/memory.ts'
import { mlp, mlpBackward } from '../../../stages/training/model/mlp.ts'
import { rmsNorm, rmsNormBackward, scaleNorm } from '../../../stages/training/model/rms-norm.ts'
import { rotary } from '../../../stages/training/model/rotary.ts'
import { normal, onEveryBackend, relativeError } from './backends.ts'

const tolerance = 1e-4

/** Gradients of Σ gradient·f(inputs) by automatic differentiation. */
function automatic(f: (...inputs: Tensor[]) => Tensor, inputs: Tensor[], gradient: Tensor): Tensor[] {
  return tf.grads((...xs) => tf.sum<Scalar>(tf.mul(f(...xs), gradient)))(inputs)
}

function expectAgreement(ours: readonly Tensor[], automatic: readonly Tensor[]) {
  expect(ours).toHaveLength(automatic.length)
  ours.forEach((tensor, i) => expect(relativeError(tensor, automatic[i])).toBeLessThan(tolerance))
}

const oneHot = (ids: Int32Array, depth: number): Tensor2D =>
  tf.cast(tf.oneHot(tf.tensor1d(ids, 'int32'), depth) as Tensor2D, 'float32')
const linear = (x: Tensor, weight: Tensor): Tensor2D => tf.matMul(x, weight, false, true)

function tablesOf(shape: AttentionShape, theta: number): AttentionTables {
  const blocks = causalBlocks(shape.length, shape.heads / shape.kvHeads)
  return { rotary: rotary(shape.length, shape, theta), blocks, layout: headLayout(shape, blocks) }
}

await onEveryBackend((backend) => {
  const kernels = () => kernelsOf(backend().name)

  test('the embedding gathers rows, and a repeated token receives the sum of its gradients', () => {
    const matrix = normal<tf.Rank.R2>([9, 5], 1)
    const tokens = Int32Array.from([3, 8, 3, 0, 3, 7, 0])
    const gradient = normal<tf.Rank.R2>([7, 5], 2)
    const reference = (m: Tensor) => tf.matMul(oneHot(tokens, 9), m)
    expect(relativeError(embed(kernels(), matrix, tokens), reference(matrix))).toBeLessThan(1e-6)
    expectAgreement([embedBackward(kernels(), gradient, tokens, 9)], automatic(reference, [matrix], gradient))
  })

  test('rms-norm agrees with automatic differentiation', () => {
    const [x, weight, gradient] = [
      normal<tf.Rank.R2>([7, 10], 1, 3),
      normal<tf.Rank.R1>([10], 2),
      normal<tf.Rank.R2>([7, 10], 3),
    ]
    const epsilon = 1e-5
    const reference = (x: Tensor, w: Tensor) =>
      tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), 1, true), epsilon))), w)
    const activations = rmsNorm(kernels(), x, epsilon)
    expect(relativeError(scaleNorm(activations, weight), reference(x, weight))).toBeLessThan(1e-6)
    const ours = rmsNormBackward(kernels(), gradient, weight, activations)
    expectAgreement([ours.input, ours.weight], automatic(reference, [x, weight], gradient))
  })

  test('rms-norm agrees where a row is nearly zero and epsilon dominates', () => {
    const [x, weight, gradient] = [
      normal<tf.Rank.R2>([3, 6], 1, 1e-4),
      normal<tf.Rank.R1>([6], 2),
      normal<tf.Rank.R2>([3, 6], 3),
    ]
    const reference = (x: Tensor, w: Tensor) =>
      tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), 1, true), 1e-5))), w)
    const ours = rmsNormBackward(kernels(), gradient, weight, rmsNorm(kernels(), x, 1e-5))
    expectAgreement([ours.input, ours.weight], automatic(reference, [x, weight], gradient))
  })

  test('the feed-forward layer agrees with automatic differentiation', () => {
    const x = normal<tf.Rank.R2>([7, 6], 1)
    const weights = {
      gate: normal<tf.Rank.R2>([11, 6], 2),
      up: normal<tf.Rank.R2>([11, 6], 3),
      down: normal<tf.Rank.R2>([6, 11], 4),
    }
    const gradient = normal<tf.Rank.R2>([7, 6], 5)
    const reference = (x: Tensor, gate: Tensor, up: Tensor, down: Tensor) => {
      const opened = linear(x, gate)
      return linear(tf.mul(tf.mul(opened, tf.sigmoid(opened)), linear(x, up)), down)
    }
    const inputs = [x, weights.gate, weights.up, weights.down]
    const { output, activations } = mlp(kernels(), x, weights)
    expect(relativeError(output, reference(x, weights.gate, weights.up, weights.down))).toBeLessThan(1e-5)
    const ours = mlpBackward(kernels(), gradient, x, weights, activations)
    expectAgreement(
      [ours.input, ours.weights.gate, ours.weights.up, ours.weights.down],
      automatic(reference, inputs, gradient),
    )
  })

  test.each([
    { heads: 4, kvHeads: 4, length: 5, keep: true },
    { heads: 6, kvHeads: 2, length: 5, keep: true },
    { heads: 6, kvHeads: 1, length: 5, keep: false },
    { heads: 2, kvHeads: 1, length: 261, keep: true },
    { heads: 2, kvHeads: 1, length: 261, keep: false },
  ])(
    'attention of $length tokens with $heads heads on $kvHeads key/value heads agrees with automatic differentiation',
    ({ heads, kvHeads, length, keep }) => {
      const [sequences, width, theta] = [3, 4, 100]
      const dim = heads * width
      const shape = { sequences, length, heads, kvHeads, width }
      const x = normal<tf.Rank.R2>([sequences * length, dim], 1)
      const weights = {
        query: normal<tf.Rank.R2>([dim, dim], 2, 0.5),
        key: normal<tf.Rank.R2>([kvHeads * width, dim], 3, 0.5),
        value: normal<tf.Rank.R2>([kvHeads * width, dim], 4, 0.5),
        output: normal<tf.Rank.R2>([dim, dim], 5, 0.5),
      }
      const gradient = normal<tf.Rank.R2>([sequences * length, dim], 6)
      const reference = (...inputs: Tensor[]) => naiveAttention(inputs as Tensor2D[], shape, theta)
      const inputs = [x, weights.query, weights.key, weights.value, weights.output]
      const tables = tablesOf(shape, theta)

      const { output, activations } = attention(kernels(), x, weights, tables, shape, keep)
      expect(activations.probabilities === undefined).toBe(!keep)
      expect(relativeError(output, reference(...inputs))).toBeLessThan(1e-5)
      const ours = attentionBackward(kernels(), gradient, x, weights, tables, shape, activations)
      const { query, key, value, output: out } = ours.weights
      expectAgreement([ours.input, query, key, value, out], automatic(reference, inputs, gradient))
    },
  )

  test('attention a few sequences at a time is attention of all of them', () => {
    const shape = { sequences: 3, length: 1024, heads: 8, kvHeads: 2, width: 2 }
    expect(attentionChunks(shape.sequences, shape.heads, shape.length).length).toBeGreaterThan(1)
    const x = normal<tf.Rank.R2>([3 * 1024, 16], 1)
    const weights = {
      query: normal<tf.Rank.R2>([16, 16], 2, 0.5),
      key: normal<tf.Rank.R2>([4, 16], 3, 0.5),
      value: normal<tf.Rank.R2>([4, 16], 4, 0.5),
      output: normal<tf.Rank.R2>([16, 16], 5, 0.5),
    }
    const gradient = normal<tf.Rank.R2>([3 * 1024, 16], 6)
    const tables = tablesOf(shape, 100)
    const [whole, chunked] = [true, false].map((keep) => {
      const { output, activations } = attention(kernels(), x, weights, tables, shape, keep)
      const ours = attentionBackward(kernels(), gradient, x, weights, tables, shape, activations)
      return [output, ours.input, ...Object.values<Tensor>({ ...ours.weights })]
    })
    expectAgreement(chunked, whole)
  })

  test.each([true, false])(
    'the head agrees with automatic differentiation where probabilities are kept: %s',
    (keep) => {
      const [hidden, matrix] = [normal<tf.Rank.R2>([13, 6], 1), normal<tf.Rank.R2>([11, 6], 2)]
      const targets = Int32Array.from({ length: 13 }, (_, i) => (i * 7) % 11)
      const weights = Float32Array.from({ length: 13 }, (_, i) => (i + 1) / 40)
      const reference = (h: Tensor, m: Tensor) =>
        tf.neg(tf.sum(tf.mul(tf.logSoftmax(linear(h, m)), oneHot(targets, 11)), 1))
      const { losses, activations } = head(kernels(), hidden, matrix, targets, keep)
      expect(relativeError(losses, reference(hidden, matrix))).toBeLessThan(1e-5)
      const ours = headBackward(kernels(), activations, matrix, targets, undefined, weights)
      expectAgreement(
        [ours.hidden, ours.matrix],
        automatic(reference, [hidden, matrix], tf.tensor1d(weights)),
      )
    },
  )

  test('the head in chunks is the head in one piece', () => {
    // 7000 logits a token are 28 kB: 1800 tokens take three chunks.
    const [tokens, vocabulary] = [1800, 7000]
    const [hidden, matrix] = [normal<tf.Rank.R2>([tokens, 4], 1), normal<tf.Rank.R2>([vocabulary, 4], 2)]
    const targets = Int32Array.from({ length: tokens }, (_, i) => (i * 31) % vocabulary)
    const kept = Int32Array.from({ length: 300 }, (_, i) => 6 * i + (i % 3))
    const weights = new Float32Array(300).fill(1 / 300)
    const whole = head(kernels(), hidden, matrix, targets, true)
    expect(whole.activations.predictions?.length).toBeGreaterThan(1)
    const held = headBackward(kernels(), whole.activations, matrix, targets, kept, weights)
    const remade = headBackward(kernels(), { hidden }, matrix, targets, kept, weights)
    const rows = kernels().gatherRows(hidden, kept)
    const alone = head(
      kernels(),
      rows,
      matrix,
      kept.map((i) => targets[i]),
      true,
    )
    expect(alone.activations.predictions).toHaveLength(1)
    expect(relativeError(alone.losses, tf.gather(whole.losses, tf.tensor1d(kept, 'int32')))).toBeLessThan(
      1e-5,
    )
    const single = headBackward(
      kernels(),
      alone.activations,
      matrix,
      kept.map((i) => targets[i]),
      undefined,
      weights,
    )
    for (const ours of [held, remade])
      expectAgreement([ours.hidden, ours.matrix], [single.hidden, single.matrix])
    tf.dispose([whole, held, remade, alone, single] as never)
  })

  test.each([
    [
      'large and unequal',
      [
        [1000, 999, -1000, 0],
        [-500, -500, -500, -500],
        [88, -88, 87.5, 3],
        [0, 1e-3, -1e-3, 5],
      ],
    ],
    [
      'moderate',
      [
        [30, 29, -30, 0],
        [-30, -30, -30, -500],
        [12, -12, 11.5, 3],
        [0, 1e-3, -1e-3, 5],
      ],
    ],
  ])('a softmax of %s logits agrees with one in 64-bit arithmetic', (_, logits) => {
    const { powers, shares, logSums } = kernels().softmax(tf.tensor2d(logits))
    const [p, r, sums] = [powers, shares ?? tf.ones([4, 1]), logSums].map((tensor) => tensor.dataSync())
    logits.forEach((row, i) => {
      const largest = Math.max(...row)
      const sum = row.reduce((sum, z) => sum + Math.exp(z - largest), 0)
      expect(Math.abs(sums[i] - (Math.log(sum) + largest))).toBeLessThan(
        1e-6 * Math.max(1, Math.abs(largest)),
      )
      row.forEach((z, j) => {
        expect(Math.abs(p[4 * i + j] * r[i] - Math.exp(z - largest) / sum)).toBeLessThan(1e-6)
      })
    })
    tf.dispose([powers, logSums, ...(shares ? [shares] : [])])
  })

  test('the gradient of a sigmoid is σ(1 − σ)·y', () => {
    const [sigmoid, y] = [tf.tensor2d([[0, 0.25, 1]]), tf.tensor2d([[3, -4, 5]])]
    const gradient = kernels().sigmoidGradient(sigmoid, y)
    expect([...gradient.dataSync()].map((value) => value + 0)).toEqual([0, -0.75, 0])
    tf.dispose([sigmoid, y, gradient])
  })

  test('a loss is finite and exact where the target is hopeless', () => {
    const { losses } = head(
      kernels(),
      tf.tensor2d([[1], [1]]),
      tf.tensor2d([[200], [0], [-200]]),
      Int32Array.from([2, 0]),
      false,
    )
    expect(Array.from(losses.dataSync())).toEqual([400, 0])
  })
})

/** Causal attention as in the papers, one step after the other. */
function naiveAttention(
  [x, query, key, value, output]: Tensor2D[],
  {
    sequences,
    length,
    heads,
    kvHeads,
    width,
  }: { sequences: number; length: number; heads: number; kvHeads: number; width: number },
  theta: number,
): Tensor {
  const split = (weight: Tensor2D, n: number): Tensor4D =>
    tf.transpose(tf.reshape<tf.Rank.R4>(linear(x, weight), [sequences, length, n, width]), [0, 2, 1, 3])
  const perHead = (y: Tensor4D) =>
    tf.concat4d(
      Array.from({ length: heads }, (_, head) => {
        const shared = Math.floor((head * kvHeads) / heads)
        return tf.slice4d(y, [0, shared, 0, 0], [-1, 1, -1, -1])
      }),
      1,
    )
  const turn = (y: Tensor4D): Tensor4D => {
    const pairs = tf.div(tf.range(0, width / 2), width / 2)
    const angles = tf.outerProduct(tf.range(0, length), tf.pow<Tensor1D>(theta, tf.neg(pairs)))
    const [a, b] = tf.split(y, 2, 3)
    const first = tf.sub<Tensor4D>(tf.mul(a, tf.cos(angles)), tf.mul(b, tf.sin(angles)))
    const second = tf.add<Tensor4D>(tf.mul(a, tf.sin(angles)), tf.mul(b, tf.cos(angles)))
    return tf.concat4d([first, second], 3)
  }
  const scores = tf.div(
    tf.matMul(turn(split(query, heads)), perHead(turn(split(key, kvHeads))), false, true),
    Math.sqrt(width),
  )
  const future = tf.sub(1, tf.linalg.bandPart(tf.ones([length, length]), -1, 0))
  const probabilities = tf.softmax(tf.sub<Tensor4D>(scores, tf.mul(future, 1e9)))
  const mixed = tf.transpose(tf.matMul(probabilities, perHead(split(value, kvHeads))), [0, 2, 1, 3])
  return linear(tf.reshape(mixed, [sequences * length, heads * width]), output)
}

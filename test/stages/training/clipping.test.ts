import type { StepRecord } from '../../../schemas/run-record.ts'
import type { StoredTensor } from '../../../schemas/safetensors.ts'
import { onEveryBackend } from './backends.ts'
import { batches, train } from './small-run.ts'

/** A learning rate at which a clipped gradient still moves parameters so far that rounding hides nothing. */
const rate = 50

await onEveryBackend((backend) => {
  /** The one update of a run, by plain descent: how far all parameters together moved, and its record. */
  async function movedBy(optimizer: { clip: number; peak: number; accumulate?: number }) {
    const { accumulate = 1 } = optimizer
    const messages = train(batches('shards', { count: accumulate }), {
      model: { backend: backend().name },
      optimizer: {
        optimizer: 'sgd',
        momentum: 0,
        decay: 0,
        schedule: 'constant',
        'warm-up': 0,
        ...optimizer,
      },
    })
    const seen: { parameters: Map<string, StoredTensor>; record: StepRecord | undefined }[] = []
    for await (const { model, record } of messages) {
      seen.push({ parameters: await model.parameters.export(), record })
    }
    const [before, after] = seen
    let squares = 0
    for (const [name, { values }] of after.parameters) {
      const from = before.parameters.get(name)!.values
      values.forEach((value, i) => (squares += (value - from[i]) ** 2))
    }
    return { distance: Math.sqrt(squares), record: after.record! }
  }

  test.each([1, 3])(
    'a gradient far above `clip` moves the parameters by the rate times `clip` (accumulate %d)',
    async (accumulate) => {
      const { distance, record } = await movedBy({ clip: 0.01, peak: rate, accumulate })
      expect(record.gradientNorm).toBeGreaterThan(50 * 0.01)
      expect(distance / (rate * 0.01)).toBeCloseTo(1, 4)
    },
  )

  test.each([1, 3])(
    'a gradient below `clip` moves them by the rate times its own norm (accumulate %d)',
    async (accumulate) => {
      const { distance, record } = await movedBy({ clip: 1000, peak: 1, accumulate })
      expect(distance / record.gradientNorm).toBeCloseTo(1, 4)
    },
  )

  test('the record has the norm before clipping', async () => {
    const [clipped, whole] = [await movedBy({ clip: 0.01, peak: 1 }), await movedBy({ clip: 1000, peak: 1 })]
    expect(clipped.record.gradientNorm).toBe(whole.record.gradientNorm)
  })
})

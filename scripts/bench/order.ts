import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { difficulty } from '../../stages/curriculum/difficulty.ts'
import { orderOptions, orderSettings } from '../../stages/curriculum/order-options.ts'
import type { OrderSettings } from '../../stages/curriculum/orders/order.ts'
import { type OrderName, orders } from '../../stages/curriculum/orders/orders.ts'
import { seededRandom } from '../../stages/seeded-random.ts'
import { stepRatios } from './order-steps.ts'

/** As many documents as TinyStories has. */
const documents = 2_100_000
const repetitions = 3
/** As many as no memory of a gigabyte holds. */
const documentsInFiles = 100_000_000

/**
 * Seconds that one core takes to order 2.1 million documents by generated scores: the difficulty from one metric and
 * from three, and then each order over one pass; and what 100 million take in files, at random and in the order that a
 * curriculum has by default. Where shards are given, also what a training step takes in an order.
 */
export async function run([shards]: readonly string[]): Promise<object> {
  const random = seededRandom(1)
  const scores = () => Float64Array.from({ length: documents }, () => random() / 2 ** 32)
  const metrics = [scores(), scores(), scores()].map((values) => {
    return { values, hardEnd: 'high' as const, weight: 1 }
  })
  const lengths = Uint32Array.from({ length: documents }, () => 50 + (random() % 400))
  const tokens = lengths.reduce((sum, length) => sum + length, 0)
  const seconds = (pass: () => unknown) => {
    const times = Array.from({ length: repetitions }, () => {
      const start = performance.now()
      pass()
      return (performance.now() - start) / 1000
    })
    return times.sort((a, b) => a - b)[repetitions >> 1]
  }
  const arrange = (name: OrderName) => {
    const settings = orderSettings(orderOptions.parse({ order: name })) as OrderSettings
    for (const _ of orders[name].arrange(lengths, tokens, 1, settings));
  }
  const names = Object.keys(orders) as OrderName[]
  return {
    documents,
    seconds: {
      difficultyOfOneMetric: seconds(() => difficulty(documents, metrics.slice(0, 1))),
      difficultyOfThree: seconds(() => difficulty(documents, metrics)),
      ...Object.fromEntries(names.map((name) => [name, seconds(() => arrange(name))])),
    },
    inFiles: [orderInFiles('random'), orderInFiles('warm-up')],
    ...(shards !== undefined && { training: await stepRatios(shards) }),
  }
}

function orderInFiles(name: OrderName): object {
  const script = fileURLToPath(new URL('order-in-files.js', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, `${documentsInFiles}`, name], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as object
}

import type { z } from 'zod'
import { order } from '../../stages/curriculum/order.ts'
import type { OrderName } from '../../stages/curriculum/orders/orders.ts'
import { pack } from '../../stages/curriculum/pack.ts'
import { readShards } from '../../stages/shards/read-shards.ts'
import type { StageContext } from '../../stages/stage.ts'
import { backward } from '../../stages/training/backward.ts'
import { forward } from '../../stages/training/forward.ts'
import type { Step } from '../../stages/training/messages.ts'
import { optimize } from '../../stages/training/optimize.ts'

const [rows, length, steps] = [16, 64, 120]

/**
 * What a step of training on shards takes in an order, reading included, over what it takes in random order: the ratio
 * of medians of steps that take turns. Two random orders show how far the ratio can be told from 1.
 */
export async function stepRatios(shards: string): Promise<object> {
  const ratios: Record<string, number> = {}
  for (const name of ['random', 'ascending', 'phases', 'tent', 'folding'] as const) {
    const [baseline, other] = [training(shards, 'random', 1), training(shards, name, 2)]
    const times: [number[], number[]] = [[], []]
    try {
      for (let step = 0; step < steps; step++) {
        // Which one goes first changes, so that a disturbance that lasts hits both alike.
        for (const i of step % 2 === 0 ? [0, 1] : [1, 0]) {
          const start = performance.now()
          await [baseline, other][i].next()
          times[i].push(performance.now() - start)
        }
      }
    } finally {
      await Promise.all([baseline, other].map((run) => run.return(undefined)))
    }
    ratios[name] = median(times[1]) / median(times[0])
  }
  return { rows, length, steps, ratios }
}

function training(shards: string, name: OrderName, seed: number): AsyncGenerator<Step> {
  const documents = readShards.run(nothing(), context(readShards, { shards }))
  const tokens = steps * rows * length
  const ordered = order.run(documents, context(order, { order: name, tokens, seed }))
  const batches = pack.run(ordered, context(pack, { rows, length }))
  const forwarded = forward.run(batches, context(forward, { dim: 64, layers: 2, heads: 4, seed: 1 }))
  return optimize.run(backward.run(forwarded, context(backward, {})), context(optimize, {}))
}

async function* nothing(): AsyncGenerator<never> {}

function context<Options extends z.ZodObject>(
  stage: { readonly options: Options },
  options: z.input<Options>,
): StageContext<z.output<Options>> {
  return {
    options: stage.options.parse(options),
    signal: new AbortController().signal,
    stats: { add() {}, drop() {}, set() {}, expect() {} },
    log() {},
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

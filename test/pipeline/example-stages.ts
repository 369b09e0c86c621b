import { z } from 'zod'
import type { Step } from '../../stages/training/messages.ts'
import { defineStage, type Stage } from '../../stages/stage.ts'

/** Small stages for the graph's own tests. They speak of steps, since a step is plain data. */

const numbered = (step: number) => ({ record: { step } }) as unknown as Step
export const numberOf = (item: Step) => item.record?.step ?? -1

export const count = defineStage({
  name: 'count',
  summary: 'Count up.',
  version: 1,
  accepts: [],
  emits: 'steps',
  options: z.strictObject({
    to: z.int().min(0).describe('Last number'),
    from: z.int().default(0).describe('First number'),
  }),
  async *run(_, { options }) {
    for (let n = options.from; n < options.to; n++) yield numbered(n)
  },
})

export const triple = defineStage({
  name: 'triple',
  summary: 'Multiply by three.',
  version: 1,
  accepts: ['steps'],
  emits: 'steps',
  options: z.strictObject({}),
  async *run(items) {
    for await (const item of items) yield numbered(numberOf(item) * 3)
  },
})

/** Ends a chain and keeps what came, by name. */
export const collected = new Map<string, number[]>()

export const collect = defineStage({
  name: 'collect',
  summary: 'Keep what comes.',
  version: 1,
  accepts: ['steps'],
  options: z.strictObject({ as: z.string().default('all').describe('Name of the list') }),
  // eslint-disable-next-line require-yield -- a sink
  async *run(items, { options }) {
    const list: number[] = []
    collected.set(options.as, list)
    for await (const item of items) list.push(numberOf(item))
  },
})

export const readBatches = defineStage({
  name: 'read-batches',
  summary: 'Emit batches, which nothing here takes.',
  version: 1,
  accepts: [],
  emits: 'batches',
  options: z.strictObject({}),
  async *run() {},
})

export const look = defineStage({
  name: 'look',
  summary: 'Emit what owns tensors.',
  version: 1,
  accepts: ['batches'],
  emits: 'forwarded',
  options: z.strictObject({}),
  async *run() {},
})

export const take = defineStage({
  name: 'take',
  summary: 'Take what owns tensors.',
  version: 1,
  accepts: ['forwarded'],
  options: z.strictObject({}),
  async *run() {},
})

export const exampleRegistry: ReadonlyMap<string, Stage> = new Map(
  ([count, triple, collect, readBatches, look, take] as Stage[]).map((stage) => [stage.name, stage]),
)

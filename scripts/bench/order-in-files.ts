import { statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field, Float64, makeData, RecordBatch, Schema, Struct, Uint32, Uint64, Uint8 } from 'apache-arrow'
import { orderSchema } from '../../schemas/order.ts'
import { type MetricColumn, metricColumns, scoredSchema } from '../../schemas/scored.ts'
import { scoresSchema } from '../../schemas/shard.ts'
import { arrange, inMemory } from '../../stages/curriculum/arrange.ts'
import { orderBatches } from '../../stages/curriculum/arrangement.ts'
import { collectScores, totalTokens } from '../../stages/curriculum/collect-scores.ts'
import { orderOptions } from '../../stages/curriculum/order-options.ts'
import { writeOrder } from '../../stages/curriculum/order-file.ts'
import type { OrderName } from '../../stages/curriculum/orders/orders.ts'
import { seededRandom } from '../../stages/seeded-random.ts'
import { ownPeakBytes } from './own-peak.ts'

/**
 * Orders as many documents as its first argument says, by one generated metric, in the order that its second one names,
 * as the stage does, to the written file. A process of its own, since it tells the most memory that it ever held.
 */

const metric: MetricColumn = { name: 'generated', version: 1, hardEnd: 'high' }
const rowsPerBatch = 65_536

const lengths = ['bytes', 'tokens'].map((name) => new Field(name, new Uint32(), false))
const fields = [new Field('hash', new Uint64(), false), ...lengths]
const file = new Schema([...fields, ...scoredSchema(new Schema([]), [metric]).fields])
const schema = scoresSchema(file, '')

/** Batches of what `read-shards` says of documents. */
async function* scores(documents: number): AsyncGenerator<RecordBatch> {
  const random = seededRandom(1)
  for (let first = 0; first < documents; first += rowsPerBatch) {
    const length = Math.min(rowsPerBatch, documents - first)
    const numbers = (each: (row: number) => number) => Uint32Array.from({ length }, (_, row) => each(row))
    const [part, row, words] = [numbers(() => first / rowsPerBatch), numbers((row) => row), numbers(random)]
    const columns = [
      { type: new Uint32(), data: part },
      { type: new Uint32(), data: row },
      { type: new Uint64(), data: BigUint64Array.from(words, (word) => BigInt(word) << 32n) },
      { type: new Uint32(), data: words },
      { type: new Uint32(), data: words.map((word) => 50 + (word % 400)) },
      { type: new Float64(), data: Float64Array.from(words, (word) => word * 2 ** -32) },
      { type: new Uint8(), data: new Uint8Array(length) },
    ]
    const children = columns.map(({ type, data }) => makeData({ type, length, nullCount: 0, data } as never))
    yield new RecordBatch(
      schema,
      makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }),
    )
  }
}

const [documents, name] = [Number(process.argv[2]), process.argv[3] as OrderName]
const folder = await mkdtemp(join(tmpdir(), 'gradus-order-'))
try {
  const path = join(folder, 'order.arrow')
  const start = performance.now()
  const collected = await collectScores(
    scores(documents),
    (schema) =>
      Promise.resolve({ metrics: metricColumns(schema), heldOut: 0, scratch: join(folder, 'sorting') }),
    { add() {}, drop() {}, set() {}, expect() {} },
    inMemory,
  )
  if (!collected) throw new Error('There is nothing to order.')
  const tokens = totalTokens(collected)
  const options = orderOptions.parse({ order: name })
  const plan = { scores: collected, weights: { generated: 1 }, options, tokens: tokens - 1 }
  const arrangement = await arrange(plan, new AbortController().signal)
  const { distinct, available } = arrangement
  const report = { options: {}, tokens, documents: arrangement.documents, distinct, available }
  const order = orderSchema(report)
  await writeOrder(path, order, orderBatches(arrangement, order))
  collected[Symbol.dispose]()
  const seconds = (performance.now() - start) / 1000
  console.log(
    JSON.stringify({
      order: name,
      documents,
      seconds,
      peakRssMB: ownPeakBytes() / 2 ** 20,
      fileMB: statSync(path).size / 1e6,
    }),
  )
} finally {
  await rm(folder, { recursive: true })
}

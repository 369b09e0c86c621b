import { existsSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { RecordBatch, Schema } from 'apache-arrow'
import { type OrderReport, orderReport, orderSchema } from '../../schemas/order.ts'
import { UserError } from '../../schemas/user-error.ts'
import { readArrowFile, readArrowSchema } from '../shards/arrow-file-reader.ts'
import { ArrowFileWriter } from '../shards/arrow-file-writer.ts'
import type { DerivedFileState } from '../derived-file.ts'
import { syncToDisk } from '../replace-file.ts'
import { sharedPartial } from '../shared-partials.ts'

const nameKey = 'gradus.name'

/** Writes an order, whole or not at all. */
export async function writeOrder(
  path: string,
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  // Several runs may make the same order at once.
  const own = sharedPartial(path)
  // The name stands for what is ordered: a file that lies under another one belongs to other shards.
  const named = new Schema(schema.fields, new Map([...schema.metadata, [nameKey, basename(path)]]))
  const writer = await ArrowFileWriter.create(own, named)
  try {
    for await (const batch of batches) await writer.write(new RecordBatch(named, batch.data))
    await writer.finish()
  } finally {
    await writer.discard()
  }
  await rename(own, path)
  await syncToDisk(dirname(path))
}

/** What there is of the order at `path`, which is read to the last byte. */
export async function stateOfOrder(path: string): Promise<DerivedFileState> {
  if (!existsSync(path)) return 'missing'
  try {
    await readOrderReport(path)
    return 'whole'
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return 'damaged'
  }
}

/** What the order at `path` amounts to. @throws UserError where it is damaged, or belongs to other shards. */
export async function readOrderReport(path: string): Promise<OrderReport> {
  const schema = await intact(path, () => readArrowSchema(path))
  if (schema.metadata.get(nameKey) === basename(path)) return orderReport(schema)
  throw new UserError(`The order \`${path}\` belongs to other shards or options: the next run makes it anew.`)
}

/** The order's batches, one in memory at a time, as those of the documents in the folder `shards`. */
export async function* readOrder(path: string, shards: string): AsyncGenerator<RecordBatch, void, undefined> {
  const schema = orderSchema(await readOrderReport(path), shards)
  const batches = readArrowFile(path)
  try {
    for (;;) {
      const { done, value } = await intact(path, () => batches.next())
      if (done) return
      yield new RecordBatch(schema, value.data)
    }
  } finally {
    await batches.return()
  }
}

async function intact<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(`The order \`${path}\` is damaged: the next run makes it anew.`)
  }
}

import { mkdir, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { RecordBatch, type Schema } from 'apache-arrow'
import { type OrderReport, orderReport, orderSchema } from '../../schemas/order.ts'
import { UserError } from '../../schemas/user-error.ts'
import { readArrowFile, readArrowSchema } from '../shards/arrow-file-reader.ts'
import { ArrowFileWriter } from '../shards/arrow-file-writer.ts'
import { syncToDisk } from '../replace-file.ts'

/** Writes an order, whole or not at all. */
export async function writeOrder(
  path: string,
  schema: Schema,
  batches: Iterable<RecordBatch>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  // Several runs may make the same order at once: each under a name of its own.
  const own = `${path}.${process.pid}`
  const writer = await ArrowFileWriter.create(own, schema)
  try {
    for (const batch of batches) await writer.write(batch)
    await writer.finish()
  } finally {
    await writer.discard()
  }
  await rename(own, path)
  await syncToDisk(dirname(path))
}

/** What the order at `path` amounts to. */
export async function readOrderReport(path: string): Promise<OrderReport> {
  return orderReport(await intact(path, () => readArrowSchema(path)))
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
    throw new UserError(`The order \`${path}\` is damaged: remove the file, and the next run makes it anew.`)
  }
}

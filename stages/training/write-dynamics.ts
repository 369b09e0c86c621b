import { dirname } from 'node:path'
import { type DynamicsColumns, dynamicsBatch, dynamicsSchema } from '../../schemas/dynamics.ts'
import { scoreColumns } from '../../schemas/shard.ts'
import { syncToDisk } from '../replace-file.ts'
import { ArrowFileWriter } from '../shards/arrow-file-writer.ts'
import { openShards } from '../shards/open-shards.ts'
import type { DocumentSums } from './document-sums.ts'
import type { DocumentPlaces } from './messages.ts'

const rowsPerBatch = 65_536

/**
 * Adds up what a run's batches say of documents, and writes it to `path`, whole or not at all.
 * @param shards folder of the documents
 */
export async function writeDynamics(
  path: string,
  lines: AsyncIterable<DocumentSums>,
  places: DocumentPlaces,
  shards: string,
): Promise<void> {
  const columns = await columnsOf(lines, await readHashes(shards, places))
  const writer = await ArrowFileWriter.create(path, dynamicsSchema(columns))
  try {
    for (let from = 0; from < columns.hash.length; from += rowsPerBatch) {
      const batch = Object.entries(columns).map(([name, values]) => [
        name,
        (values as Uint32Array).subarray(from, from + rowsPerBatch),
      ])
      await writer.write(dynamicsBatch(Object.fromEntries(batch) as DynamicsColumns))
    }
    await writer.finish()
  } finally {
    await writer.discard()
  }
  await syncToDisk(dirname(path))
}

/** @param hashes `[n]` of the order's documents */
async function columnsOf(
  lines: AsyncIterable<DocumentSums>,
  hashes: BigUint64Array,
): Promise<DynamicsColumns> {
  const tokens = new Uint32Array(hashes.length)
  const [loss, probability, correct, largest, inputs, gradient] = Array.from(
    { length: 6 },
    () => new Float64Array(hashes.length),
  )
  let signals = false
  for await (const line of lines) {
    for (const [i, document] of line.documents.entries()) {
      tokens[document] += line.tokens[i]
      loss[document] += line.loss[i]
      probability[document] += line.probability[i]
      correct[document] += line.correct[i]
      if (!line.largest || !line.inputs || !line.gradient) continue
      signals = true
      largest[document] += line.largest[i]
      inputs[document] += line.inputs[i]
      gradient[document] += line.gradient[i]
    }
  }
  // The last documents may lie behind the last batch.
  const read = Uint32Array.from(hashes.keys()).filter((document) => tokens[document] > 0)
  const meanOf = (sums: Float64Array, counts: Uint32Array | Float64Array = tokens) =>
    Float64Array.from(read, (document) => sums[document] / counts[document])
  const epochs = new Map<bigint, number>()
  return {
    hash: BigUint64Array.from(read, (document) => hashes[document]),
    epoch: read.map((document) => {
      const epoch = epochs.get(hashes[document]) ?? 0
      epochs.set(hashes[document], epoch + 1)
      return epoch
    }),
    tokens: read.map((document) => tokens[document]),
    loss: meanOf(loss),
    probability: meanOf(probability),
    correct: meanOf(correct),
    ...(signals && { largest: meanOf(largest), gradient: meanOf(gradient, inputs) }),
  }
}

/** `[n]` hashes of the texts of documents. */
async function readHashes(folder: string, { parts, rows }: DocumentPlaces): Promise<BigUint64Array> {
  const shards = await openShards(folder)
  const hashes = new Map(shards.parts.map(({ part, rows }) => [part, new BigUint64Array(rows)]))
  for await (const batch of shards.scores()) {
    const columns = scoreColumns(batch)
    if (batch.numRows > 0) hashes.get(columns.parts[0])?.set(columns.hashes, columns.rows[0])
  }
  return BigUint64Array.from(parts, (part, document) => (hashes.get(part) as BigUint64Array)[rows[document]])
}

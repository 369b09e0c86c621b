import '../bounded-flatbuffers.ts'
import './zstd-buffers.ts'
import { type FileHandle, open } from 'node:fs/promises'
import {
  type AsyncRecordBatchFileReader,
  Message,
  type RecordBatch,
  RecordBatchReader,
  type Schema,
} from 'apache-arrow'
import { UserError } from '../../schemas/user-error.ts'
import { checkSeal } from './arrow-checksum.ts'

/** Batches of an Arrow file, one in memory at a time. @throws UserError where the file is damaged. */
export async function* readArrowFile(path: string): AsyncGenerator<RecordBatch, void, undefined> {
  const handle = await openFile(path)
  try {
    const reader = await readable(path, () => openReader(handle))
    for (let index = 0; index < reader.numRecordBatches; index++) {
      yield await readable(path, async () => (await reader.readRecordBatch(index)) as RecordBatch)
    }
  } finally {
    await handle.close()
  }
}

/** Schema of an Arrow file. @throws UserError where the file is damaged. */
export async function readArrowSchema(path: string): Promise<Schema> {
  const handle = await openFile(path)
  try {
    return (await readable(path, () => openReader(handle))).schema
  } finally {
    await handle.close()
  }
}

/** Rows of an Arrow file by its footer and the headers of its batches, without their bodies. */
export async function countRows(path: string): Promise<number> {
  const handle = await open(path)
  try {
    const { footer } = await openReader(handle)
    let rows = 0
    for (const { offset, metaDataLength } of footer?.recordBatches() ?? []) {
      // After the continuation mark and the header's length, 4 bytes each.
      const header = Buffer.alloc(metaDataLength - 8)
      await handle.read(header, 0, header.length, offset + 8)
      const message = Message.decode(header)
      if (message.isRecordBatch()) rows += message.header().length
    }
    return rows
  } finally {
    await handle.close()
  }
}

async function openReader(handle: FileHandle): Promise<AsyncRecordBatchFileReader> {
  const { start } = await checkSeal(handle)
  const reader = (await RecordBatchReader.from(handle)) as AsyncRecordBatchFileReader
  await reader.open()
  // The library takes what does not begin as an Arrow file for a stream of batches.
  if (!reader.isFile()) throw new Error('not an Arrow file')
  // A checksum is no protection from someone who makes one: batches are read into memory of the size that these say.
  for (const { offset, metaDataLength, bodyLength } of reader.footer?.recordBatches() ?? []) {
    const ends = [offset, offset + metaDataLength, offset + metaDataLength + bodyLength]
    if (ends.some((end, index) => !(end >= (ends[index - 1] ?? 0) && end <= start)))
      throw new Error('a batch lies outside of it')
  }
  return reader
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new UserError(
      `\`${path}\` is missing: run the same command that wrote it again, which writes it anew.`,
    )
  }
}

async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    // The system's own trouble says nothing about the file.
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error
    throw new UserError(
      `\`${path}\` is damaged (${(error as Error).message.replace(/\.$/, '')}): run the same \`score\` command again, which writes it anew.`,
    )
  }
}

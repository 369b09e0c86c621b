import '../../bounded-flatbuffers.ts'
import { Message, type MessageHeader, type Schema } from 'apache-arrow'
import { Footer } from 'apache-arrow/ipc/metadata/file'
import { UserError } from '../../../schemas/user-error.ts'
import { damaged } from './column-file.ts'
import type { FileParts } from './file-parts.ts'

export type BatchHeader = ReturnType<Message<MessageHeader.RecordBatch>['header']>

/** Columns in a file: where their buffers are. */
export interface Block {
  readonly header: BatchHeader
  /** What the buffers' offsets count from. */
  readonly bodyAt: number
}

export interface Batch extends Block {
  /** Rows of the file before this batch. */
  readonly rowsBefore: number
}

export interface DictionaryBlock extends Block {
  readonly id: number
  /** Adds to the values that are there, instead of replacing them. */
  readonly isDelta: boolean
  /** The first batch that it applies to. */
  readonly firstBatch: number
}

/** What there is in an Arrow file, without the data. */
export interface ArrowContents {
  readonly schema: Schema
  readonly batches: readonly Batch[]
  readonly dictionaries: readonly DictionaryBlock[]
}

const magic = Buffer.from('ARROW1')
const olderMagic = Buffer.from('FEA1')
/** Stands before every message of a stream. */
const continuation = Buffer.from([0xff, 0xff, 0xff, 0xff])

/**
 * Reads the metadata of an Arrow file, of either format: with a footer (`.arrow`, Feather 2), or a stream of messages
 * (what Hugging Face datasets caches).
 *
 * @throws UserError where it is no Arrow file, truncated or damaged.
 */
export async function readContents(file: FileParts): Promise<ArrowContents> {
  const head = await file.bytes(0, Math.min(magic.length, file.size))
  if (head.subarray(0, olderMagic.length).equals(olderMagic)) {
    throw new UserError(`\`${file.source}\` is a Feather file of version 1: save it anew in version 2.`)
  }
  const isFile = head.equals(magic)
  if (!isFile && !head.subarray(0, continuation.length).equals(continuation)) {
    throw new UserError(`\`${file.source}\` is no Arrow file: name what it is with --format.`)
  }
  try {
    return isFile ? await readFileFormat(file) : await readStream(file)
  } catch (error) {
    throw damaged(file.source, 'Arrow', error)
  }
}

async function readFileFormat(file: FileParts): Promise<ArrowContents> {
  const tailAt = file.size - magic.length - 4
  const tail = await file.bytes(tailAt, file.size)
  if (!tail.subarray(4).equals(magic)) throw file.truncated()
  const footer = Footer.decode(await file.bytes(tailAt - tail.readInt32LE(0), tailAt))
  const contents = new Contents(footer.schema)
  // Dictionaries may stand anywhere in such a file and apply to all of it.
  for (const { offset } of footer.dictionaryBatches()) contents.add(await readMessage(file, offset))
  for (const { offset } of footer.recordBatches()) contents.add(await readMessage(file, offset))
  return contents
}

async function readStream(file: FileParts): Promise<ArrowContents> {
  const first = await readMessage(file, 0)
  if (!first?.message.isSchema()) throw new Error('its first message is no schema')
  const contents = new Contents(first.message.header())
  for (let at = first.end; at < file.size;) {
    const next = await readMessage(file, at)
    if (!next) break
    contents.add(next)
    at = next.end
  }
  return contents
}

class Contents implements ArrowContents {
  readonly schema: Schema
  readonly batches: Batch[] = []
  readonly dictionaries: DictionaryBlock[] = []
  #rows = 0

  constructor(schema: Schema) {
    this.schema = schema
  }

  add(found: FoundMessage | undefined): void {
    if (!found) throw new Error('a message is missing')
    const { message, bodyAt } = found
    if (message.isRecordBatch()) {
      const header = message.header()
      this.batches.push({ header, bodyAt, rowsBefore: this.#rows })
      this.#rows += header.length
    } else if (message.isDictionaryBatch()) {
      const { id, isDelta, data: header } = message.header()
      this.dictionaries.push({ header, bodyAt, id, isDelta, firstBatch: this.batches.length })
    }
  }
}

interface FoundMessage {
  readonly message: Message
  readonly bodyAt: number
  readonly end: number
}

/** The message at `at`; none where the end of a stream is marked. */
async function readMessage(file: FileParts, at: number): Promise<FoundMessage | undefined> {
  let lengthAt = at
  let prefix = await file.bytes(at, at + 4)
  if (prefix.equals(continuation)) {
    lengthAt += 4
    prefix = await file.bytes(lengthAt, lengthAt + 4)
  }
  const length = prefix.readInt32LE(0)
  if (length === 0) return undefined
  const headerAt = lengthAt + 4
  const bodyAt = headerAt + length
  const message = Message.decode(await file.bytes(headerAt, bodyAt))
  const end = bodyAt + message.bodyLength
  if (end > file.size) throw file.truncated()
  return { message, bodyAt, end }
}

import type { RecordBatch } from 'apache-arrow'
import { documentsBatch } from '../../schemas/documents.ts'

/** Bytes of text in a batch, unless a single document has more. */
const longestBatch = 64 << 20

/** Gathers documents into batches of at most `rows` documents and 64 MiB of text. */
export class BatchBuilder {
  readonly #rows: number
  #ids: string[] = []
  #texts: string[] = []
  #sources: string[] = []
  #positions: number[] = []
  #bytes = 0

  constructor(rows: number) {
    this.#rows = rows
  }

  /** Returns the batch that was full before this document came. */
  add(id: string, text: string, source: string, position: number): RecordBatch | undefined {
    const bytes = Buffer.byteLength(text)
    const isFull = this.#texts.length === this.#rows || this.#bytes + bytes > longestBatch
    const batch = isFull ? this.finish() : undefined
    this.#ids.push(id)
    this.#texts.push(text)
    this.#sources.push(source)
    this.#positions.push(position)
    this.#bytes += bytes
    return batch
  }

  /** Returns what was added since the last full batch, if anything. */
  finish(): RecordBatch | undefined {
    if (this.#texts.length === 0) return undefined
    const [ids, texts, sources, positions] = [this.#ids, this.#texts, this.#sources, this.#positions]
    this.#ids = []
    this.#texts = []
    this.#sources = []
    this.#positions = []
    this.#bytes = 0
    return documentsBatch({ ids, texts, sources, positions })
  }
}

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { RecordBatch, Schema } from 'apache-arrow'
import { type ManifestLine, partFiles } from '../../schemas/manifest.ts'
import { type MetricColumn, metricColumns, metricValues } from '../../schemas/scored.ts'
import { partBatches, type PartSchemas, partSchemas } from '../../schemas/shard.ts'
import { sketchOf } from '../../schemas/sketch.ts'
import { type TokenizerFacts, tokenizerOf } from '../../schemas/tokenized.ts'
import { ArrowFileWriter } from './arrow-file-writer.ts'
import { syncToDisk } from '../replace-file.ts'

export interface PartPlace {
  readonly folder: string
  readonly unit: number
  readonly key: string
}

/** Writes the two files of a unit's part. */
export class PartWriter {
  readonly #place: PartPlace
  readonly #schemas: PartSchemas
  readonly #tokenizer: TokenizerFacts
  readonly #metrics: readonly MetricLog[]
  readonly #tokensFile: ArrowFileWriter
  readonly #scoresFile: ArrowFileWriter
  #rows = 0
  #textBytes = 0
  #tokens = 0

  private constructor(
    place: PartPlace,
    scored: Schema,
    schemas: PartSchemas,
    tokensFile: ArrowFileWriter,
    scoresFile: ArrowFileWriter,
  ) {
    this.#place = place
    this.#schemas = schemas
    this.#tokenizer = tokenizerOf(scored)
    this.#metrics = metricColumns(scored).map((column) => ({ column, values: [], flags: [] }))
    this.#tokensFile = tokensFile
    this.#scoresFile = scoresFile
  }

  /** Opens the part's files for batches of a `scored` schema. */
  static async open(place: PartPlace, scored: Schema): Promise<PartWriter> {
    const schemas = partSchemas(scored, place.key)
    const files = partFiles(place.unit)
    const tokensFile = await ArrowFileWriter.create(join(place.folder, files.tokens), schemas.tokens)
    const scoresFile = await ArrowFileWriter.create(join(place.folder, files.scores), schemas.scores)
    return new PartWriter(place, scored, schemas, tokensFile, scoresFile)
  }

  /** The batch's memory must not change afterwards. */
  async write(scored: RecordBatch): Promise<void> {
    const { tokens, scores } = partBatches(this.#schemas, scored)
    await this.#tokensFile.write(tokens)
    await this.#scoresFile.write(scores)
    this.#rows += scored.numRows
    this.#textBytes += sum(scores, 'bytes')
    this.#tokens += sum(scores, 'tokens')
    for (const { column, values, flags } of this.#metrics) {
      const measured = metricValues(scored, column.name)
      values.push(measured.values)
      flags.push(measured.flags)
    }
  }

  /** Puts both files in place for good, and returns what the manifest says of them. */
  async finish(): Promise<ManifestLine> {
    const { folder, unit, key } = this.#place
    const tokensFile = await this.#tokensFile.finish()
    const scoresFile = await this.#scoresFile.finish()
    await syncToDisk(folder)
    return {
      unit,
      key,
      rows: this.#rows,
      textBytes: this.#textBytes,
      tokens: this.#tokens,
      part: {
        tokensFile,
        scoresFile,
        schema: schemaHash(this.#schemas),
        tokenizer: { sha256: this.#tokenizer.sha256, vocabulary: this.#tokenizer.vocabulary },
        metrics: this.#metrics.map(({ column, values, flags }) => ({
          name: column.name,
          version: column.version,
          hardEnd: column.hardEnd,
          sketch: sketchOf(
            joined(values, new Float64Array(this.#rows)),
            joined(flags, new Uint8Array(this.#rows)),
          ),
        })),
      },
    }
  }

  /** Leaves no temporary file behind. */
  async discard(): Promise<void> {
    await this.#tokensFile.discard()
    await this.#scoresFile.discard()
  }
}

interface MetricLog {
  readonly column: MetricColumn
  readonly values: Float64Array[]
  readonly flags: Uint8Array[]
}

function sum(batch: RecordBatch, column: string): number {
  const index = batch.schema.fields.findIndex(({ name }) => name === column)
  return (batch.data.children[index].values as Uint32Array).reduce((total, value) => total + value, 0)
}

function joined<T extends Float64Array | Uint8Array>(pieces: readonly T[], whole: T): T {
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

function schemaHash({ tokens, scores }: PartSchemas): string {
  const columns = [tokens, scores].map(({ fields }) => fields.map(({ name, type }) => [name, String(type)]))
  return createHash('sha256').update(JSON.stringify(columns)).digest('hex')
}

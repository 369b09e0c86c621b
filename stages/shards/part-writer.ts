import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { RecordBatch, Schema } from 'apache-arrow'
import { type ManifestLine, partFiles, type PartFacts } from '../../schemas/manifest.ts'
import { type MetricColumn, metricColumns, metricValues } from '../../schemas/scored.ts'
import { partBatches, type PartKeys, type PartSchemas, partSchemas } from '../../schemas/shard.ts'
import { sketchOf } from '../../schemas/sketch.ts'
import { type TokenizerFacts, tokenizerOf } from '../../schemas/tokenized.ts'
import { ArrowFileWriter } from './arrow-file-writer.ts'
import type { UnitKeys } from '../documents/unit.ts'
import { syncToDisk } from '../replace-file.ts'

export interface PartPlace {
  readonly folder: string
  readonly unit: number
  readonly keys: UnitKeys
}

type FileFacts = PartFacts['tokensFile']

/** What of an earlier part of the same documents goes into this one. */
export interface KeptPart {
  /** The tokens file, where it stays as it is. */
  readonly tokensFile?: FileFacts
  /** The scores file's schema, where some of its columns stay. */
  readonly scores?: Schema
}

/** Writes the two files of a unit's part, or its scores file alone. */
export class PartWriter {
  readonly #place: PartPlace
  readonly #keys: PartKeys
  readonly #schemas: PartSchemas
  readonly #tokenizer: TokenizerFacts
  readonly #metrics: readonly MetricLog[]
  readonly #tokensFile: ArrowFileWriter | FileFacts
  readonly #scoresFile: ArrowFileWriter
  #rows = 0
  #textBytes = 0
  #tokens = 0

  private constructor(
    place: PartPlace,
    scored: Schema,
    { keys, metrics, schemas }: Layout,
    tokensFile: ArrowFileWriter | FileFacts,
    scoresFile: ArrowFileWriter,
  ) {
    this.#place = place
    this.#keys = keys
    this.#schemas = schemas
    this.#tokenizer = tokenizerOf(scored)
    this.#metrics = metrics.map((column) => ({ column, values: [], flags: [] }))
    this.#tokensFile = tokensFile
    this.#scoresFile = scoresFile
  }

  /** Opens the part's files for batches of a `scored` schema. */
  static async open(place: PartPlace, scored: Schema, kept: KeptPart = {}): Promise<PartWriter> {
    const layout = layoutOf(place, scored, kept.scores)
    const names = partFiles(place.unit)
    const create = (name: string, schema: Schema) => ArrowFileWriter.create(join(place.folder, name), schema)
    const tokensFile = kept.tokensFile ?? (await create(names.tokens, layout.schemas.tokens))
    try {
      const scoresFile = await create(names.scores, layout.schemas.scores)
      return new PartWriter(place, scored, layout, tokensFile, scoresFile)
    } catch (error) {
      if (tokensFile instanceof ArrowFileWriter) await tokensFile.discard()
      throw error
    }
  }

  /**
   * The batch's memory must not change afterwards.
   * @param kept the same rows of the earlier scores file, where some of its columns stay
   */
  async write(scored: RecordBatch, kept?: RecordBatch): Promise<void> {
    const { tokens, scores } = partBatches(this.#schemas, scored, kept)
    if (this.#tokensFile instanceof ArrowFileWriter) await this.#tokensFile.write(tokens)
    await this.#scoresFile.write(scores)
    this.#rows += scored.numRows
    this.#textBytes += sum(scores, 'bytes')
    this.#tokens += sum(scores, 'tokens')
    for (const { column, values, flags } of this.#metrics) {
      const measured = metricValues(scores, column.name)
      values.push(measured.values)
      flags.push(measured.flags)
    }
  }

  /** Puts the files in place for good, and returns what the manifest says of them. */
  async finish(): Promise<ManifestLine> {
    const { folder, unit, keys } = this.#place
    const tokensFile =
      this.#tokensFile instanceof ArrowFileWriter ? await this.#tokensFile.finish() : this.#tokensFile
    const scoresFile = await this.#scoresFile.finish()
    await syncToDisk(folder)
    return {
      unit,
      key: keys.all,
      documentsKey: keys.documents,
      rows: this.#rows,
      textBytes: this.#textBytes,
      tokens: this.#tokens,
      part: {
        tokensFile,
        scoresFile,
        schema: schemaHash(this.#schemas),
        tokenizer: { sha256: this.#tokenizer.sha256, vocabulary: this.#tokenizer.vocabulary },
        tokensKey: this.#keys.tokens,
        metrics: this.#metrics.map(({ column, values, flags }) => ({
          name: column.name,
          version: column.version,
          hardEnd: column.hardEnd,
          key: this.#keys.metric(column.name),
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
    if (this.#tokensFile instanceof ArrowFileWriter) await this.#tokensFile.discard()
    await this.#scoresFile.discard()
  }
}

/** Columns that are not kept by themselves are as new as the documents. */
export function partKeys({ all, documents, columns }: UnitKeys): PartKeys {
  return {
    all,
    tokens: columns.tokens ?? documents,
    metric: (name) => columns[name] ?? documents,
  }
}

interface Layout {
  readonly keys: PartKeys
  readonly metrics: readonly MetricColumn[]
  readonly schemas: PartSchemas
}

function layoutOf({ keys }: PartPlace, scored: Schema, kept: Schema | undefined): Layout {
  const measured = metricColumns(scored)
  const order = Object.keys(keys.columns)
  const old = (kept ? metricColumns(kept) : []).filter(
    ({ name }) => order.includes(name) && !measured.some((column) => column.name === name),
  )
  // Any order of making them gives the same file.
  const metrics = [...measured, ...old].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
  const own = partKeys(keys)
  return { keys: own, metrics, schemas: partSchemas(scored, metrics, own, kept) }
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

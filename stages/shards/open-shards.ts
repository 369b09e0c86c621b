import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { type ManifestLine, partFiles, type PartFacts } from '../../schemas/manifest.ts'
import type { MetricColumn } from '../../schemas/scored.ts'
import { scoresBatch, scoresSchema } from '../../schemas/shard.ts'
import { mergeSketches, type Sketch } from '../../schemas/sketch.ts'
import { type TokenIds, tokenLists } from '../../schemas/tokenized.ts'
import { UserError } from '../../schemas/user-error.ts'
import { readArrowFile, readArrowSchema } from './arrow-file-reader.ts'
import { finishedUnits, readManifest, readPlan } from './manifest-file.ts'
import { checkSizes, tokenizerName } from './shards-folder.ts'
import { tokenizerHash } from './tokenizer-file.ts'

/** Rows of a unit of input: part-00042 is part 42. Units without rows have none. */
export interface Part {
  readonly part: number
  readonly rows: number
  /** UTF-8 bytes of text. */
  readonly byteCount: number
  readonly tokenCount: number
}

/** Consecutive rows of a part: row `firstRow + r` has `values[offsets[r], offsets[r + 1])`. */
export interface TokenRows {
  readonly firstRow: number
  /** `[rows + 1]` */
  readonly offsets: Int32Array
  readonly values: TokenIds
}

/** A scored corpus. Whatever reads it holds one record batch at a time. */
export interface Shards {
  readonly folder: string
  readonly rows: number
  /** UTF-8 bytes of text. */
  readonly byteCount: number
  /** Without separators. */
  readonly tokenCount: number
  /** Share of the documents that `isHeldOut` keeps from training. */
  readonly heldOut: number
  readonly tokenizerPath: string
  /** Of the tokenizer, in hex. */
  readonly tokenizerHash: string
  /** Token ids are below this. */
  readonly vocabulary: number
  readonly metrics: readonly (MetricColumn & { readonly sketch: Sketch })[]
  readonly parts: readonly Part[]
  /** Batches of the `scores` edge kind, part after part. */
  scores(): AsyncGenerator<RecordBatch, void, undefined>
  /** Token ids of a part, a record batch at a time. */
  tokens(part: number): AsyncGenerator<TokenRows, void, undefined>
  /** Batches of a part's documents: the columns of `documents`, and `tokens`. */
  documents(part: number): AsyncGenerator<{ firstRow: number; batch: RecordBatch }, void, undefined>
}

type PartLine = ManifestLine & { readonly part: PartFacts }

/**
 * Opens the shards of a folder.
 * @throws UserError where there are none, units are missing, a file has another size than the manifest says, or the
 * folder's tokenizer is not the one that made them.
 */
export async function openShards(folder: string): Promise<Shards> {
  const { heldOut, lines } = await readFinished(folder)
  for (const { unit, part } of lines) await checkSizes(folder, unit, part)
  const { tokenizer, metrics } = lines[0].part
  const tokenizerPath = join(folder, tokenizerName)
  if ((await tokenizerHash(tokenizerPath)) !== tokenizer.sha256) {
    throw new UserError(
      `\`${tokenizerPath}\` is not the tokenizer that made the shards beside it: put that one back, or score into another folder.`,
    )
  }
  const parts = lines.map(({ unit, rows, textBytes, tokens }) => {
    return { part: unit, rows, byteCount: textBytes, tokenCount: tokens }
  })
  return {
    folder,
    rows: total(parts.map(({ rows }) => rows)),
    byteCount: total(parts.map(({ byteCount }) => byteCount)),
    tokenCount: total(parts.map(({ tokenCount }) => tokenCount)),
    heldOut,
    tokenizerPath,
    tokenizerHash: tokenizer.sha256,
    vocabulary: tokenizer.vocabulary,
    metrics: metrics.map(({ name, version, hardEnd }, index) => {
      return {
        name,
        version,
        hardEnd,
        sketch: mergeSketches(lines.map(({ part }) => part.metrics[index].sketch)),
      }
    }),
    parts,
    async *scores() {
      const schema = scoresSchema(
        await readArrowSchema(join(folder, partFiles(parts[0].part).scores)),
        folder,
      )
      for (const { part } of parts) {
        for await (const { firstRow, batch } of numbered(join(folder, partFiles(part).scores))) {
          yield scoresBatch(schema, batch, part, firstRow)
        }
      }
    },
    async *tokens(part) {
      for await (const { firstRow, batch } of numbered(join(folder, partFiles(part).tokens))) {
        yield { firstRow, ...tokenLists(batch) }
      }
    },
    documents: (part) => numbered(join(folder, partFiles(part).tokens)),
  }
}

/** The manifest's lines of the parts, in their order. */
async function readFinished(folder: string): Promise<{ heldOut: number; lines: readonly PartLine[] }> {
  if (!(await isFolder(folder))) {
    throw new UserError(`There is no folder \`${folder}\`: write shards with \`score --out ${folder}\`.`)
  }
  const plan = await readPlan(folder)
  const manifest = await readManifest(folder)
  if (!plan || !manifest) {
    throw new UserError(`\`${folder}\` holds no shards: write some with \`score --out ${folder}\`.`)
  }
  const [damaged] = manifest.damaged
  if (damaged !== undefined) {
    throw new UserError(
      `\`${damaged}\` is damaged: run the same \`score\` command again, which makes that unit anew and leaves the rest.`,
    )
  }
  const units = finishedUnits(plan, manifest)
  const finished = units.filter((line) => line !== undefined)
  if (finished.length < units.length) {
    throw new UserError(
      `The shards in \`${folder}\` are unfinished, ${units.length - finished.length} of ${units.length} units are missing: ` +
        'run the same `score` command again, which writes those alone.',
    )
  }
  const lines = finished.filter((line): line is PartLine => line.part !== null)
  if (lines.length === 0) {
    throw new UserError(`The shards in \`${folder}\` hold no documents: score an input that has text.`)
  }
  return { heldOut: manifest.header.heldOut, lines }
}

async function* numbered(
  path: string,
): AsyncGenerator<{ firstRow: number; batch: RecordBatch }, void, undefined> {
  let firstRow = 0
  for await (const batch of readArrowFile(path)) {
    yield { firstRow, batch }
    firstRow += batch.numRows
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}

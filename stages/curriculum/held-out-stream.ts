import { isHeldOut } from '../../schemas/held-out.ts'
import { scoreColumns } from '../../schemas/shard.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { Shards } from '../shards/open-shards.ts'
import type { BatchShape } from './packed-stream.ts'
import { overlappingRows } from './rows.ts'
import type { ShardTokens } from './shard-tokens.ts'

/** A held-out document. */
export interface HeldOutDocument {
  /** Of its text, as in the shards. */
  readonly hash: bigint
  /** Part of the shards. */
  readonly part: number
  /** Row in the part. */
  readonly row: number
  /** Token count, without a separator; at least 1. */
  readonly tokens: number
  /** UTF-8 bytes of its text. */
  readonly bytes: number
}

/** A stretch of held-out text that makes a batch of B rows, T tokens each, S from one to the next. */
export interface HeldOutStretch {
  /** `[(B − 1)·S + T + 1]` token ids. */
  readonly stream: Int32Array
  /** `[(B − 1)·S + T]` 1 where the next token is one to predict, of a document; 0 for separators and what fills the end. */
  readonly isTarget: Uint8Array
  /** Targets that are marked. */
  readonly targets: number
  /** UTF-8 bytes of the documents whose last token is a target of this stretch. */
  readonly bytes: number
}

/** A stretch in rows. Plain data, no tensors. */
export interface HeldOutBatch {
  /** `[B, T + 1]` token ids: inputs are the first T of a row, targets the last T. */
  readonly tokens: Int32Array
  /** `[B, T]` 1 where the target counts: each of the stretch's in the first row that has it. */
  readonly mask: Float32Array
}

/**
 * The held-out documents that come first by the hash of their text, up to `tokens` tokens and at least one document:
 * the same ones whatever the order of the input, and fewer tokens give a beginning of what more give.
 *
 * @throws UserError where no document is held out.
 */
export async function chooseHeldOut(shards: Shards, tokens: number): Promise<HeldOutDocument[]> {
  let documents: HeldOutDocument[] = []
  let settled = 0
  for await (const batch of shards.scores()) {
    const columns = scoreColumns(batch)
    for (let i = 0; i < batch.numRows; i++) {
      if (columns.tokens[i] === 0 || !isHeldOut(columns.hashes[i], shards.heldOut)) continue
      documents.push({
        hash: columns.hashes[i],
        part: columns.parts[i],
        row: columns.rows[i],
        tokens: columns.tokens[i],
        bytes: columns.bytes[i],
      })
    }
    // Memory stays within twice what is wanted, and the sorting within a few passes over it.
    if (documents.length > 2 * settled + batch.numRows) {
      documents = firstByHash(documents, tokens)
      settled = documents.length
    }
  }
  if (documents.length === 0) {
    throw new UserError(
      `The shards in \`${shards.folder}\` hold out no document, so there is nothing to evaluate on. Score more text, or score into another folder with a larger \`--held-out\`.`,
    )
  }
  return firstByHash(documents, tokens)
}

function firstByHash(documents: HeldOutDocument[], tokens: number): HeldOutDocument[] {
  documents.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0))
  let taken = 0
  const end = documents.findIndex((document, i) => (taken += document.tokens) > tokens && i > 0)
  return end < 0 ? documents : documents.slice(0, end)
}

/** How held-out text is cut: rows of `length` tokens, each beginning `stride` tokens after the one before it. */
export interface HeldOutShape extends BatchShape {
  /** From 1 to `length`. */
  readonly stride: number
}

/**
 * Documents as a stream that begins with a separator and has one after each document, cut into rows: every token of
 * every document is a target once, in the first row that it stands in. Where the stride is below the length, rows
 * overlap, and all but the first `length` tokens are predicted from at least `length - stride` tokens before them.
 * Bits per byte are Σ nats of the targets / ln 2 / Σ bytes, over all stretches.
 */
export function* heldOutStretches(
  documents: readonly HeldOutDocument[],
  { store, corpus: { endOfText }, locate }: ShardTokens,
  { rows, length, stride }: HeldOutShape,
): Generator<HeldOutStretch> {
  const size = (rows - 1) * stride + length
  let stream = new Int32Array(size + 1).fill(endOfText)
  let isTarget = new Uint8Array(size)
  let filled = 1
  let targets = 0
  let bytes = 0
  for (const document of documents) {
    const start = locate(document.part, document.row)
    for (let read = 0; read <= document.tokens;) {
      const take = Math.min(document.tokens + 1 - read, size + 1 - filled)
      store.read(start + read, stream.subarray(filled, filled + take))
      const ownTokens = Math.min(take, document.tokens - read)
      isTarget.fill(1, filled - 1, filled - 1 + ownTokens)
      targets += ownTokens
      if (ownTokens > 0 && read + ownTokens === document.tokens) bytes += document.bytes
      read += take
      filled += take
      if (filled > size) {
        yield { stream, isTarget, targets, bytes }
        const context = stream.subarray(rows * stride)
        stream = new Int32Array(size + 1).fill(endOfText)
        stream.set(context)
        isTarget = new Uint8Array(size)
        filled = context.length
        targets = 0
        bytes = 0
      }
    }
  }
  if (targets > 0) yield { stream, isTarget, targets, bytes }
}

/** Cuts a stretch into the rows that it was made for. */
export function heldOutBatch(
  { stream, isTarget }: HeldOutStretch,
  { rows, length, stride }: HeldOutShape,
): HeldOutBatch {
  const mask = new Float32Array(rows * length)
  for (let row = 0; row < rows; row++) {
    const own = row === 0 ? 0 : length - stride
    mask.set(isTarget.subarray(row * stride + own, row * stride + length), row * length + own)
  }
  return { tokens: overlappingRows(stream, rows, length, stride), mask }
}

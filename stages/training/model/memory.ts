/**
 * What a step keeps in memory between forward and backward, and what it makes again instead. Kept is faster; the
 * limits hold whatever the size of the vocabulary, the batch and the context.
 */

const float = 4
const MiB = 2 ** 20

/** No tensor is larger: under 32 MiB, glibc's allocator hands out used memory again instead of fresh pages. */
const tensorBytes = 24 * MiB
/** Attention probabilities that are not kept are made in chunks that fit a processor's cache. */
const attentionChunkBytes = 8 * MiB
/** Queries of a sequence that attention takes at a time. */
const queryBlock = 128
/** Probabilities of next tokens in a step, and attention probabilities of a step, are kept up to this size each. */
const keptBytes = 256 * MiB

/** Ends of the chunks into which the head takes `tokens` rows of logits `[tokens, vocabulary]`, even in size. */
export function logitChunks(tokens: number, vocabulary: number): number[] {
  return chunkEnds(tokens, vocabulary, tensorBytes)
}

/**
 * Ends of the blocks into which attention takes the queries of a sequence. A block leaves out the keys in its future, so
 * that n blocks save (n − 1)/2n of the work; shorter ones cost more in operations than they save.
 */
export function queryBlocks(length: number): number[] {
  const blocks = Math.max(1, Math.floor(length / queryBlock))
  return Array.from({ length: blocks }, (_, i) => Math.round(((i + 1) * length) / blocks))
}

/** Numbers in the largest block of a sequence's attention probabilities, `[heads, queries, keys]`. */
function blockNumbers(heads: number, length: number): number {
  return heads * Math.ceil(length / queryBlocks(length).length) * length
}

/** Ends of the chunks of sequences into which attention takes the blocks of its probabilities. */
export function attentionChunks(sequences: number, heads: number, length: number): number[] {
  return chunkEnds(sequences, blockNumbers(heads, length), attentionChunkBytes)
}

/** Whether `[tokens, vocabulary]` probabilities wait for backward; else backward makes those of the kept tokens again. */
export function keepsTokenProbabilities(tokens: number, vocabulary: number): boolean {
  return tokens * vocabulary * float <= keptBytes
}

/** Whether the attention probabilities of all layers wait for backward, a block of all sequences in one piece. */
export function keepsAttentionProbabilities(
  layers: number,
  sequences: number,
  heads: number,
  length: number,
): boolean {
  const ends = queryBlocks(length)
  const seen = ends.reduce((sum, end, i) => sum + (end - (ends[i - 1] ?? 0)) * end, 0)
  return (
    sequences * blockNumbers(heads, length) * float <= tensorBytes &&
    layers * sequences * heads * seen * float <= keptBytes
  )
}

/** Even chunks of at most `chunkBytes`, or of a row, of `rows` that are `columns` numbers wide. */
function chunkEnds(rows: number, columns: number, chunkBytes: number): number[] {
  const chunks = Math.min(rows, Math.ceil((rows * columns * float) / chunkBytes))
  return Array.from({ length: chunks }, (_, i) => Math.round(((i + 1) * rows) / chunks))
}

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
/** Probabilities of next tokens in a step, and attention probabilities of a step, are kept up to this size each. */
const keptBytes = 256 * MiB

/** Ends of the chunks into which the head takes `tokens` rows of logits `[tokens, vocabulary]`, even in size. */
export function logitChunks(tokens: number, vocabulary: number): number[] {
  return chunkEnds(tokens, vocabulary, tensorBytes)
}

/** Ends of the chunks of sequences into which attention takes `[sequences, heads, length, length]` probabilities. */
export function attentionChunks(sequences: number, heads: number, length: number): number[] {
  return chunkEnds(sequences, heads * length * length, attentionChunkBytes)
}

/** Whether `[tokens, vocabulary]` probabilities wait for backward; else backward makes those of the kept tokens again. */
export function keepsTokenProbabilities(tokens: number, vocabulary: number): boolean {
  return tokens * vocabulary * float <= keptBytes
}

/**
 * Whether the attention probabilities of all layers, `[sequences, heads, length, length]` each, wait for backward in one
 * piece a layer.
 */
export function keepsAttentionProbabilities(
  layers: number,
  sequences: number,
  heads: number,
  length: number,
): boolean {
  const bytes = sequences * heads * length * length * float
  return bytes <= tensorBytes && layers * bytes <= keptBytes
}

/** Even chunks of at most `chunkBytes`, or of a row, of `rows` that are `columns` numbers wide. */
function chunkEnds(rows: number, columns: number, chunkBytes: number): number[] {
  const chunks = Math.min(rows, Math.ceil((rows * columns * float) / chunkBytes))
  return Array.from({ length: chunks }, (_, i) => Math.round(((i + 1) * rows) / chunks))
}

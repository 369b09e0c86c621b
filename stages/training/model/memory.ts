/**
 * What a step keeps in memory between forward and backward, and what it makes again instead. Kept is faster; the
 * limits hold whatever the size of the vocabulary, the batch and the context.
 */

const float = 4
const MiB = 2 ** 20

/** Logits are made in chunks of this size: under 32 MiB, glibc's allocator hands out used memory again instead of fresh pages. */
const logitChunkBytes = 24 * MiB
/** Probabilities of next tokens in a step, and attention probabilities of a step, are kept up to this size each. */
const keptBytes = 256 * MiB

/** Ends of the chunks into which the head takes `tokens` rows of logits `[tokens, vocabulary]`, even in size. */
export function logitChunks(tokens: number, vocabulary: number): number[] {
  const chunks = Math.min(tokens, Math.ceil((tokens * vocabulary * float) / logitChunkBytes))
  return Array.from({ length: chunks }, (_, i) => Math.round(((i + 1) * tokens) / chunks))
}

/** Whether `[tokens, vocabulary]` probabilities wait for backward; else backward makes those of the kept tokens again. */
export function keepsTokenProbabilities(tokens: number, vocabulary: number): boolean {
  return tokens * vocabulary * float <= keptBytes
}

/** Whether the attention probabilities of all layers, `[sequences·heads, length, length]` each, wait for backward. */
export function keepsAttentionProbabilities(
  layers: number,
  sequences: number,
  heads: number,
  length: number,
): boolean {
  return layers * sequences * heads * length * length * float <= keptBytes
}

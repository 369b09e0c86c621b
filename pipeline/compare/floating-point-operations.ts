/** The matrices of a model, by what backward runs on. */
export interface MatrixSizes {
  /** Numbers in the matrix of the head, V·D. */
  readonly head: number
  /** Numbers in everything else that a token is multiplied by; an embedding that is not the head is looked up instead. */
  readonly body: number
}

export interface StepWork {
  /** Predicted tokens, B·T. */
  readonly tokens: number
  /** Share of them that has a gradient. */
  readonly keptFraction: number
  /** What is kept or not: without the rows of the others, or with all rows and single tokens in the head. */
  readonly granularity: 'sequence' | 'token'
}

/**
 * Floating-point operations of a training step: two a parameter and token forwards, four backwards (Kaplan et al. 2020,
 * arXiv 2001.08361, section 2.1), the products of attention itself left out.
 *
 *     2·N·T + 4·N·kept                    where sequences are kept: the others have no backward pass
 *     2·N·T + 4·(body·T + head·kept)      where tokens are: the layers below the head work on whole sequences
 */
export function stepFlops(
  { head, body }: MatrixSizes,
  { tokens, keptFraction, granularity }: StepWork,
): number {
  const kept = keptFraction * tokens
  const inBody = granularity === 'sequence' ? kept : tokens
  return 2 * (head + body) * tokens + 4 * (body * inBody + head * kept)
}

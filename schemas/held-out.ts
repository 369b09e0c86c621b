/**
 * Whether a document is held out: kept from training, and what evaluation reads. It hangs on the text alone, so
 * that the same text is held out in every order and every copy, and a larger share holds out all that a smaller one does.
 *
 * `hash` is the document's `hash` column, `share` the shards' held-out share in [0, 1].
 */
export function isHeldOut(hash: bigint, share: number): boolean {
  return Number(hash >> 32n) < share * 2 ** 32
}

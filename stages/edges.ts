import type { RecordBatch } from 'apache-arrow'
import type { Batch, Forwarded, Gradients, Selected, Step } from './training/messages.ts'

/** What travels along an edge of a graph, by the edge's kind. `edgeKinds` says it in words. */
export interface EdgeItems {
  documents: RecordBatch
  tokenized: RecordBatch
  scored: RecordBatch
  scores: RecordBatch
  ordered: RecordBatch
  batches: Batch
  forwarded: Forwarded
  selected: Selected
  gradients: Gradients
  steps: Step
}

export type EdgeKind = keyof EdgeItems

interface EdgeKindDescription {
  readonly summary: string
  /** Items that may wait between two stages. None where the next item depends on what becomes of this one. */
  readonly readAhead: number
  /** Whether two stages may receive the same item; not where an item owns tensors. */
  readonly shareable: boolean
}

export const edgeKinds: Readonly<Record<EdgeKind, EdgeKindDescription>> = {
  documents: { summary: 'record batch: hash, id, text, source, position', readAhead: 1, shareable: true },
  tokenized: { summary: 'documents + token ids', readAhead: 1, shareable: true },
  scored: { summary: 'tokenized + a column a metric, + flags', readAhead: 1, shareable: true },
  scores: {
    summary: 'record batch of a shard without text and tokens: part, row, hash, lengths, a column a metric',
    readAhead: 1,
    shareable: true,
  },
  ordered: {
    summary: 'record batch in training order: part, row, tokens, hardness, phase',
    readAhead: 1,
    shareable: true,
  },
  batches: { summary: '{step, tokens [B, T+1], documents, hardness}', readAhead: 2, shareable: true },
  forwarded: { summary: 'batch + losses [B, T] + activations', readAhead: 0, shareable: false },
  selected: { summary: 'forwarded + a weight a token and the kept rows', readAhead: 0, shareable: false },
  gradients: { summary: 'gradients by parameter name + step statistics', readAhead: 0, shareable: false },
  steps: { summary: 'what one training step did, and the model after it', readAhead: 0, shareable: true },
}

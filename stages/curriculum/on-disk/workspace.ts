import type { Scratch } from './scratch.ts'

/** Where big intermediate results lie, and how many documents are worked on in memory at once. */
export interface Workspace {
  readonly scratch: Scratch
  readonly memory: number
  readonly signal: AbortSignal
}

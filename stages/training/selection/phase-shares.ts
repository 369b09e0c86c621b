/** A row's phase, how many of its tokens were kept, and how many it has. */
export interface PhaseRow {
  readonly phase: number
  readonly kept: number
  readonly tokens: number
}

/** The share of each phase's tokens that was kept, by phase. */
export function phaseShares(rows: readonly PhaseRow[]): Record<string, number> {
  const sums = new Map<number, { kept: number; tokens: number }>()
  for (const { phase, kept, tokens } of rows) {
    const before = sums.get(phase) ?? { kept: 0, tokens: 0 }
    sums.set(phase, { kept: before.kept + kept, tokens: before.tokens + tokens })
  }
  return Object.fromEntries(Array.from(sums, ([phase, { kept, tokens }]) => [phase, kept / tokens]))
}

// Prints the megabytes of memory that this process has had at most, after five steps of 16,384 tokens.
import { openEngine } from './engine.ts'
import { ownPeakBytes } from './own-peak.ts'
import { manyTokens } from './training-shape.ts'

const engine = await openEngine('tensorflow', { ...manyTokens, rows: 128 })
for (let step = 0; step < 5; step++) await engine.step()
console.log(Math.round(ownPeakBytes() / 1e6))
engine.dispose()

// Prints the megabytes of memory that this process has had at most, after five steps of 16,384 tokens.
import { readFileSync } from 'node:fs'
import { openEngine } from './engine.ts'
import { manyTokens } from './training-shape.ts'

const engine = await openEngine('tensorflow', { ...manyTokens, rows: 128 })
for (let step = 0; step < 5; step++) await engine.step()
const [, kibibytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) as RegExpExecArray
console.log(Math.round((Number(kibibytes) * 1024) / 1e6))
engine.dispose()

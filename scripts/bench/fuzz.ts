import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { UserError } from '../../schemas/user-error.ts'
import { readers } from './fuzz/readers.ts'

export interface FuzzLimits {
  readonly seed: number
  /** Inputs of each reader. */
  readonly runs?: number
  /** Time for each reader. */
  readonly milliseconds?: number
}

export interface FuzzResult {
  readonly runs: number
  /** Most memory that the process held at any time until then. */
  readonly peakRssMB: number
  /** What it takes to see it again: the input, shrunk, and fast-check's seed and path. */
  readonly failure?: string
}

/**
 * `npm run bench -- fuzz [MINUTES] [SEED] --json`: feeds every reader of what people hand us with spoilt input, ten
 * minutes each unless told otherwise. Nothing but a sentence for the user may come of it.
 */
export async function run([
  minutes = '10',
  seed = `${Date.now() % 2 ** 31}`,
]: readonly string[]): Promise<object> {
  return {
    seed: Number(seed),
    ...(await fuzz({ seed: Number(seed), milliseconds: Number(minutes) * 60_000 })),
  }
}

export async function fuzz({ seed, runs, milliseconds }: FuzzLimits): Promise<Record<string, FuzzResult>> {
  const folder = await mkdtemp(join(tmpdir(), 'gradus-fuzz-'))
  const results: Record<string, FuzzResult> = {}
  try {
    for (const { name, input, read } of readers) {
      const property = fc.asyncProperty(input, async (bytes) => {
        try {
          await read(bytes, folder)
        } catch (error) {
          if (!(error instanceof UserError)) throw error
        }
      })
      const details = await fc.check(property, {
        seed,
        numRuns: runs ?? Number.MAX_SAFE_INTEGER,
        ...(milliseconds !== undefined && { interruptAfterTimeLimit: milliseconds }),
      })
      results[name] = {
        runs: details.numRuns,
        peakRssMB: Math.round(process.resourceUsage().maxRSS / 1024),
        ...(details.counterexample && { failure: describe(details) }),
      }
    }
    return results
  } finally {
    await rm(folder, { recursive: true })
  }
}

function describe({
  counterexample,
  errorInstance,
  seed,
  counterexamplePath,
}: fc.RunDetails<[Uint8Array]>): string {
  const input = JSON.stringify(Buffer.from(counterexample?.[0] ?? []).toString('latin1'))
  const stack = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance)
  return `${input} (seed ${seed}, path ${counterexamplePath}): ${stack}`
}

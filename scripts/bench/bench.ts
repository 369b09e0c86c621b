import { parseArgs } from 'node:util'
import { UserError } from '../../schemas/user-error.ts'

/** `npm run bench -- NAME [FILES] --json` runs `scripts/bench/NAME.ts` and prints one JSON object of its figures. */

const benchmarks: Readonly<
  Record<string, () => Promise<{ run(files: readonly string[]): Promise<object> }>>
> = {
  faults: () => import('./faults.ts'),
  fuzz: () => import('./fuzz.ts'),
  metrics: () => import('./metrics.ts'),
  order: () => import('./order.ts'),
  score: () => import('./score.ts'),
  shards: () => import('./shards.ts'),
  train: () => import('./train.ts'),
}

const {
  positionals: [name, ...files],
  values: { json },
} = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } })

const benchmark = name === undefined ? undefined : benchmarks[name]
if (benchmark) {
  try {
    const figures = await (await benchmark()).run(files)
    console.log(JSON.stringify(figures, null, json ? undefined : 2))
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
} else {
  console.error(`Name a benchmark: ${Object.keys(benchmarks).join(', ')}.`)
  process.exitCode = 1
}

import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Argv, CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { isOwn, type Share } from '../../stages/documents/unit.ts'
import { readManifest, readPlan, finishedUnits } from '../../stages/shards/manifest-file.ts'
import { openShards } from '../../stages/shards/open-shards.ts'
import { checkTokenizer, makeFolder } from '../../stages/shards/shards-folder.ts'
import { execute } from '../execute.ts'
import { type FolderLock, lockFolder } from '../folder-lock.ts'
import type { Graph } from '../graph/graph.ts'
import { loadGraph } from '../graph/load.ts'
import type { RunSummary } from '../run.ts'
import { type Place, placeOf } from '../share.ts'
import { countingGraph, withCounts } from './ngram-counting.ts'
import { type ScoreFlags, scoreFlags, scoreGraph, tokenizerGraph, trainedTokenizer } from './score-flags.ts'

interface Flags extends ScoreFlags {
  workers: number
  rank: number | undefined
  worldSize: number | undefined
}

export const score: CommandModule<object, Flags> = {
  command: 'score',
  describe: 'Score every document of a corpus once and keep tokens and scores in Arrow shards',
  builder: (yargs) =>
    scoreFlags(yargs)
      .option('workers', {
        type: 'number',
        requiresArg: true,
        default: availableParallelism(),
        defaultDescription: 'one a core',
        describe: 'Threads among which units of 64 MiB of text are divided; the result is the same',
      })
      .option('rank', {
        type: 'number',
        requiresArg: true,
        describe:
          'Which of several processes this is, from 0, that divide the units [default: what an array of jobs tells]',
      })
      .option('world-size', {
        type: 'number',
        requiresArg: true,
        describe: 'Number of those processes',
      }) as unknown as Argv<Flags>,
  async handler(flags) {
    if (!Number.isInteger(flags.workers) || flags.workers < 1) {
      throw new UserError(`--workers is ${flags.workers}, and it must be a whole number above 0.`)
    }
    const place = placeOf(flags, process.env)
    await makeFolder(flags.out)
    try {
      await (place ? scoreShare(flags, place) : scoreAll(flags))
    } catch (error) {
      if (!(error instanceof Error && error.name === 'AbortError')) throw error
      process.stderr.write('Stopped. The same command goes on with what is missing.\n')
      process.exitCode = 130
    }
  },
}

async function scoreAll(flags: Flags): Promise<void> {
  const started = performance.now()
  await using _lock = await lockFolder(flags.out)
  const summary = await execute(await prepare(flags), { workers: flags.workers })
  tellDrops(summary)
  const shards = await openShards(flags.out)
  process.stdout.write(
    `${shards.rows.toLocaleString('en')} documents, ${shards.tokenCount.toLocaleString('en')} tokens in ${flags.out}${reuse(summary)} (${seconds(started)})\n`,
  )
}

/** The units that fall to one of several processes. What all of them need is made by the first, and the others wait. */
async function scoreShare(flags: Flags, { rank, worldSize, source }: Place): Promise<void> {
  const started = performance.now()
  process.stderr.write(
    `This is process ${rank} of ${worldSize} (${source}), and its units alone are scored; --world-size 1 scores all.\n`,
  )
  const sibling = new RegExp(`^(rank|busy)-\\d+-of-${worldSize}$`)
  const request = { admits: (role: string) => role === 'planning' || sibling.test(role) }
  await using _lock = await lockFolder(flags.out, { ...request, role: `rank-${rank}-of-${worldSize}` })
  const planning = await lockFolder(flags.out, {
    role: 'planning',
    admits: (role) => sibling.test(role),
    wait: new AbortController().signal,
  })
  let busy: FolderLock | undefined
  try {
    const graph = await prepare(flags)
    const isFirst = !planning.others.some((role) => role.startsWith('busy-'))
    const share: Share = { rank, worldSize, isFirst }
    const summary = await execute(graph, {
      workers: flags.workers,
      share,
      async onPlanned() {
        busy = await lockFolder(flags.out, { ...request, role: `busy-${rank}-of-${worldSize}` })
        await planning[Symbol.asyncDispose]()
      },
    })
    tellDrops(summary)
    const left = await unitsLeft(flags.out, share)
    const others = left === 0 ? 'all units are there' : `${left} units of other processes are still missing`
    process.stdout.write(
      `${summary.units} units of process ${rank} in ${flags.out}${reuse(summary)}; ${others} (${seconds(started)})\n`,
    )
  } finally {
    await planning[Symbol.asyncDispose]()
    await busy?.[Symbol.asyncDispose]()
  }
}

/** Makes what scoring needs besides the input, and returns the graph. */
async function prepare(flags: Flags): Promise<Graph> {
  const scoring = await withCounts(scoreGraph(flags), flags.out)
  const graph = await loadGraph(scoring.file, scoring.assignments)
  if (flags.tokenizer === undefined) {
    if (existsSync(trainedTokenizer(flags))) {
      await checkTokenizer(flags.out, (await readManifest(flags.out)) ?? { lines: [] })
    } else {
      const training = tokenizerGraph(flags)
      process.stderr.write(`Training a tokenizer of ${flags.vocabulary} tokens on the input.\n`)
      await execute(await loadGraph(training.file, training.assignments))
    }
  }
  const counting = countingGraph(graph)
  if (counting) {
    process.stderr.write('Counting the n-grams of the input.\n')
    await execute(await loadGraph(counting.file, counting.assignments), { workers: flags.workers })
  }
  return graph
}

async function unitsLeft(folder: string, share: Share): Promise<number> {
  const [plan, manifest] = [await readPlan(folder), await readManifest(folder)]
  if (!plan || !manifest) return 0
  const finished = finishedUnits(plan, manifest)
  return plan.units.filter(({ unit }, index) => !finished[index] && !isOwn(unit, share)).length
}

function tellDrops({ progress }: Awaited<ReturnType<typeof execute>>): void {
  for (const { rows, reason } of progress.drops()) process.stderr.write(`${rows} rows left out: ${reason}.\n`)
}

function reuse({ units, reused, completed }: RunSummary): string {
  if (units > 0 && reused === units) return '; all of them were there and are reused'
  const whole = reused > 0 ? `; ${reused} of ${units} units were there and are reused` : ''
  const partial = `; text and columns that were there are reused in ${completed} of ${units} units`
  return whole + (completed > 0 ? partial : '')
}

function seconds(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`
}

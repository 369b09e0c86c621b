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
import { jsonFlag, type Output, outputFor } from '../output/output.ts'
import type { RunSummary } from '../run.ts'
import { type Place, placeOf } from '../share.ts'
import { countingGraph, withCounts } from './ngram-counting.ts'
import { type ScoreFlags, scoreFlags, scoreGraph, tokenizerGraph, trainedTokenizer } from './score-flags.ts'

interface Flags extends ScoreFlags {
  workers: number
  rank: number | undefined
  worldSize: number | undefined
  json: boolean
}

export const score: CommandModule<object, Flags> = {
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
      })
      .options(jsonFlag) as unknown as Argv<Flags>,
  async handler(flags) {
    if (!Number.isInteger(flags.workers) || flags.workers < 1) {
      throw new UserError(`--workers is ${flags.workers}, and it must be a whole number above 0.`)
    }
    const place = placeOf(flags, process.env)
    const output = outputFor(flags.json)
    await makeFolder(flags.out)
    try {
      await (place ? scoreShare(flags, place, output) : scoreAll(flags, output))
    } catch (error) {
      if (!(error instanceof Error && error.name === 'AbortError')) throw error
      output.tell('Stopped. The same command goes on with what is missing.', { event: 'stopped' })
      process.exitCode = 130
    }
  },
}

async function scoreAll(flags: Flags, output: Output): Promise<void> {
  const started = performance.now()
  await using _lock = await lockFolder(flags.out)
  const graph = await prepare(flags, output)
  const summary = await execute(graph, { workers: flags.workers, progress: output.progress() })
  tellDrops(summary, output)
  const { rows, tokenCount } = await openShards(flags.out)
  const { units, reused } = summary
  output.conclude(
    `${rows.toLocaleString('en')} documents, ${tokenCount.toLocaleString('en')} tokens in ${flags.out}${reuse(summary)} (${seconds(started)})\n`,
    { event: 'ended', shards: flags.out, documents: rows, tokens: tokenCount, units, reused, missing: 0 },
  )
}

/** The units that fall to one of several processes. What all of them need is made by the first, and the others wait. */
async function scoreShare(flags: Flags, { rank, worldSize, source }: Place, output: Output): Promise<void> {
  const started = performance.now()
  output.say(
    `This is process ${rank} of ${worldSize} (${source}), and its units alone are scored; --world-size 1 scores all.`,
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
    const graph = await prepare(flags, output)
    const isFirst = !planning.others.some((role) => role.startsWith('busy-'))
    const share: Share = { rank, worldSize, isFirst }
    const summary = await execute(graph, {
      workers: flags.workers,
      progress: output.progress(),
      share,
      async onPlanned() {
        busy = await lockFolder(flags.out, { ...request, role: `busy-${rank}-of-${worldSize}` })
        await planning[Symbol.asyncDispose]()
      },
    })
    tellDrops(summary, output)
    const { units, reused } = summary
    const left = await unitsLeft(flags.out, share)
    const others = left === 0 ? 'all units are there' : `${left} units of other processes are still missing`
    output.conclude(
      `${units} units of process ${rank} in ${flags.out}${reuse(summary)}; ${others} (${seconds(started)})\n`,
      { event: 'ended', shards: flags.out, units, reused, missing: left },
    )
  } finally {
    await planning[Symbol.asyncDispose]()
    await busy?.[Symbol.asyncDispose]()
  }
}

/** Makes what scoring needs besides the input, and returns the graph. */
async function prepare(flags: Flags, output: Output): Promise<Graph> {
  const scoring = await withCounts(scoreGraph(flags), flags.out)
  const graph = await loadGraph(scoring.file, scoring.assignments)
  if (flags.tokenizer === undefined) {
    if (existsSync(trainedTokenizer(flags))) {
      await checkTokenizer(flags.out, (await readManifest(flags.out)) ?? { lines: [] })
    } else {
      const training = tokenizerGraph(flags)
      output.say(`Training a tokenizer of ${flags.vocabulary} tokens on the input.`)
      await execute(await loadGraph(training.file, training.assignments), { progress: output.progress() })
    }
  }
  const counting = countingGraph(graph)
  if (counting) {
    output.say('Counting the n-grams of the input.')
    await execute(await loadGraph(counting.file, counting.assignments), {
      workers: flags.workers,
      progress: output.progress(),
    })
  }
  return graph
}

async function unitsLeft(folder: string, share: Share): Promise<number> {
  const [plan, manifest] = [await readPlan(folder), await readManifest(folder)]
  if (!plan || !manifest) return 0
  const finished = finishedUnits(plan, manifest)
  return plan.units.filter(({ unit }, index) => !finished[index] && !isOwn(unit, share)).length
}

function tellDrops({ progress }: Awaited<ReturnType<typeof execute>>, output: Output): void {
  for (const drop of progress.drops()) output.tell(`${drop.rows} rows left out: ${drop.reason}.`, drop)
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

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { replaceFile } from '../../stages/replace-file.ts'
import { listCheckpoints, updatesOf } from '../../stages/training/checkpoint-folder.ts'
import { withdrawAll } from '../../stages/training/requests.ts'
import { execute } from '../execute.ts'
import { type FolderLock, lockFolder } from '../folder-lock.ts'
import type { Graph } from '../graph/graph.ts'
import { loadGraph } from '../graph/load.ts'
import { renderYaml } from '../graph/render.ts'
import { jsonFlag, type Output, outputFor } from '../output/output.ts'
import { resumedGraph } from '../resume.ts'
import { readRun, summarize } from '../run-summary.ts'
import { type PageProcess, startPage } from '../watch/page-process.ts'
import { portFlag } from './port-flag.ts'
import { resumeChanges, type TrainFlags, trainFlags, trainGraph } from './train-flags.ts'

interface Flags extends TrainFlags {
  resume: string | undefined
  ui: boolean
  port: number
  json: boolean
}

const signals = ['SIGINT', 'SIGTERM'] as const

export const train: CommandModule<object, Flags> = {
  builder: (yargs) =>
    trainFlags(yargs)
      .option('resume', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder of a run that was stopped or killed, which goes on as if it had not been',
      })
      .option('ui', {
        type: 'boolean',
        default: false,
        describe: 'Show the run in a browser on this machine, as `watch` does, until Ctrl+C',
      })
      .options(portFlag)
      .options(jsonFlag),
  async handler(flags) {
    const output = outputFor(flags.json)
    const job = flags.resume === undefined ? await newRun(flags) : await oldRun(flags.resume, flags, output)
    await using lock = job.lock
    // Awaited, so that the lock is held until the run ends.
    if (!flags.ui) return await perform(job, output)
    await using page = await openPage(job.folder, flags.port, output)
    const interruption = new AbortController()
    for (const signal of signals) process.once(signal, () => interruption.abort())
    await perform(job, output)
    if (interruption.signal.aborted) return
    // The page may let a run go on that it has stopped.
    await lock?.[Symbol.asyncDispose]()
    output.say('The page stays until Ctrl+C.')
    await Promise.race([page.closed, once(interruption.signal, 'abort')])
  },
}

async function perform({ graph, folder }: Job, output: Output): Promise<void> {
  try {
    if (graph) await execute(graph, { progress: output.progress() })
  } catch (error) {
    const isStopped = error instanceof Error && error.name === 'AbortError'
    const end = isStopped && graph ? await endOf(graph, folder) : undefined
    if (!end) throw error
    output.tell(end.sentence, { event: 'stopped', checkpoint: end.checkpoint })
    process.exitCode = 130
    return
  }
  if (folder === undefined) return
  const record = await readRun(folder)
  output.conclude(summarize(record, folder), { event: 'ended', run: folder, record })
}

async function openPage(folder: string | undefined, port: number, output: Output): Promise<PageProcess> {
  if (folder === undefined) {
    throw new UserError(
      '--ui shows what a `record` stage writes, and this graph has none: put one at its end, or leave --ui out.',
    )
  }
  const page = await startPage(folder, port, output.say)
  output.tell(`The run is shown at ${page.url}`, { event: 'page', url: page.url })
  return page
}

/** What a command runs, and the folder of its run where it has one. */
interface Job {
  /** Undefined where nothing is left to do. */
  readonly graph: Graph | undefined
  readonly folder: string | undefined
  /** Keeps other processes out of that folder. */
  readonly lock: FolderLock | undefined
}

async function newRun(flags: TrainFlags): Promise<Job> {
  const { file, assignments } = trainGraph(flags)
  const graph = await loadGraph(file, assignments)
  const folder = optionOf(graph, 'record', 'to')
  if (folder === undefined) return { graph, folder, lock: undefined }
  return locked(folder, async () => {
    await startFolder(folder, graph)
    return graph
  })
}

async function startFolder(folder: string, graph: Graph): Promise<void> {
  if (['steps.jsonl', 'checkpoints'].some((name) => existsSync(join(folder, name)))) {
    throw new UserError(
      `\`${folder}\` already holds a run, which stays as it is. Give another folder, or go on with that run by --resume ${folder}.`,
    )
  }
  await replaceFile(join(folder, 'graph.yaml'), (file) => file.writeFile(renderYaml(graph)))
}

async function oldRun(folder: string, flags: TrainFlags, { say }: Output): Promise<Job> {
  const changes = resumeChanges(flags)
  if (existsSync(join(folder, 'run.json'))) {
    say(`\`${folder}\` holds a run that has reached its end.`)
    return { graph: undefined, folder, lock: undefined }
  }
  if (!existsSync(folder)) return { graph: await resumedGraph(folder, changes, say), folder, lock: undefined }
  return locked(folder, () => resumedGraph(folder, changes, say))
}

/** Keeps other processes out of a run's folder from before its graph is made until its end. */
async function locked(folder: string, makeGraph: () => Promise<Graph>): Promise<Job> {
  const lock = await lockFolder(folder)
  try {
    const graph = await makeGraph()
    const checkpoints = optionOf(graph, 'checkpoint', 'to')
    if (checkpoints !== undefined) await withdrawAll(checkpoints)
    return { graph, folder, lock }
  } catch (error) {
    await lock[Symbol.asyncDispose]()
    throw error
  }
}

/** How to go on with a run that was stopped; undefined where it has no records or keeps no checkpoints. */
async function endOf(
  graph: Graph,
  folder: string | undefined,
): Promise<{ sentence: string; checkpoint: number | null } | undefined> {
  const checkpoints = optionOf(graph, 'checkpoint', 'to')
  if (folder === undefined || checkpoints === undefined) return undefined
  const newest = (await listCheckpoints(checkpoints)).at(-1)
  const checkpoint = newest === undefined ? null : updatesOf(newest)
  const place = checkpoint === null ? 'from the start' : `after step ${checkpoint}`
  return {
    sentence: `Stopped. \`npm run pipeline -- train --resume ${folder}\` goes on ${place}.`,
    checkpoint,
  }
}

/** An option of the graph's stage of that name, if it has one. */
function optionOf(graph: Graph, stage: string, option: string): string | undefined {
  return graph.nodes.find((node) => node.stage.name === stage)?.options[option] as string | undefined
}

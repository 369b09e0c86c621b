import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { replaceFile } from '../../stages/replace-file.ts'
import { listCheckpoints, updatesOf } from '../../stages/training/checkpoint-folder.ts'
import { execute } from '../execute.ts'
import { type FolderLock, lockFolder } from '../folder-lock.ts'
import type { Graph } from '../graph/graph.ts'
import { loadGraph } from '../graph/load.ts'
import { renderYaml } from '../graph/render.ts'
import { resumedGraph } from '../resume.ts'
import { readRun, summarize } from '../run-summary.ts'
import { resumeChanges, type TrainFlags, trainFlags, trainGraph } from './train-flags.ts'

type Flags = TrainFlags & { resume: string | undefined }

export const train: CommandModule<object, Flags> = {
  command: 'train [graph]',
  describe: 'Train a model on scored shards, with a curriculum and OHEM where asked for',
  builder: (yargs) =>
    trainFlags(yargs).option('resume', {
      type: 'string',
      requiresArg: true,
      describe: 'Folder of a run that was stopped or killed, which goes on as if it had not been',
    }),
  async handler(flags) {
    const { graph, folder, lock } =
      flags.resume === undefined ? await newRun(flags) : await oldRun(flags.resume, flags)
    await using _lock = lock
    if (graph) {
      try {
        await execute(graph)
      } catch (error) {
        const sentence = await howToGoOn(graph, folder)
        if (!(error instanceof Error && error.name === 'AbortError') || sentence === undefined) throw error
        process.stderr.write(sentence)
        process.exitCode = 130
        return
      }
    }
    if (folder !== undefined) process.stdout.write(summarize(await readRun(folder), folder))
  },
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

async function oldRun(folder: string, flags: TrainFlags): Promise<Job> {
  const changes = resumeChanges(flags)
  const log = (sentence: string) => process.stderr.write(`${sentence}\n`)
  if (existsSync(join(folder, 'run.json'))) {
    log(`\`${folder}\` holds a run that has reached its end.`)
    return { graph: undefined, folder, lock: undefined }
  }
  if (!existsSync(folder)) return { graph: await resumedGraph(folder, changes, log), folder, lock: undefined }
  return locked(folder, () => resumedGraph(folder, changes, log))
}

/** Keeps other processes out of a run's folder from before its graph is made until its end. */
async function locked(folder: string, makeGraph: () => Promise<Graph>): Promise<Job> {
  const lock = await lockFolder(folder)
  try {
    return { graph: await makeGraph(), folder, lock }
  } catch (error) {
    await lock[Symbol.asyncDispose]()
    throw error
  }
}

/** One sentence for a run that was stopped; undefined where it has no records or keeps no checkpoints. */
async function howToGoOn(graph: Graph, folder: string | undefined): Promise<string | undefined> {
  const checkpoints = optionOf(graph, 'checkpoint', 'to')
  if (folder === undefined || checkpoints === undefined) return undefined
  const newest = (await listCheckpoints(checkpoints)).at(-1)
  const place = newest === undefined ? 'from the start' : `after step ${updatesOf(newest)}`
  return `Stopped. \`npm run pipeline -- train --resume ${folder}\` goes on ${place}.\n`
}

/** An option of the graph's stage of that name, if it has one. */
function optionOf(graph: Graph, stage: string, option: string): string | undefined {
  return graph.nodes.find((node) => node.stage.name === stage)?.options[option] as string | undefined
}

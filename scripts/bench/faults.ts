import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../../stages/seeded-random.ts'
import { corrupt, type CorruptionResults } from './faults/corruptions.ts'
import { kill, type KilledCommand, type KillResults, trainOrResume } from './faults/kills.ts'
import {
  copyWorld,
  makeWorld,
  resuming,
  runContents,
  scoring,
  shardsContents,
  succeed,
  training,
} from './faults/world.ts'
import { gradus } from './faults/command-line.ts'

export interface FaultOptions {
  /** Of `score` and of `train` each. */
  readonly kills: number
  readonly corruptions: number
  readonly seed: number
  /** Documents of the corpus. */
  readonly texts: number
  readonly backend: string
}

export interface FaultResults {
  readonly killed: number
  readonly corrupted: number
  readonly recovered: number
  readonly lost: number
  readonly score: KillResults
  readonly train: KillResults
  readonly corruptions: CorruptionResults
}

/**
 * `npm run bench -- faults [TIMES] [SEED] --json`: kills the real command line at seeded random moments, 200 times each
 * for `score` and `train`, and changes 200 single bytes of what they wrote. Everything must come to what an unbroken
 * run comes to.
 */
export async function run([times = '200', seed = '1']: readonly string[]): Promise<FaultResults> {
  const count = Number(times)
  return faults({ kills: count, corruptions: count, seed: Number(seed), texts: 20, backend: 'wasm' })
}

export async function faults(options: FaultOptions): Promise<FaultResults> {
  const folder = await mkdtemp(join(tmpdir(), 'gradus-faults-'))
  try {
    const next = seededRandom(options.seed)
    const random = () => next() / 2 ** 32
    const worlds = await makeWorlds(folder, options)
    const score = await kill(worlds.scored, options.kills, folder, random)
    const train = await kill(worlds.trained, options.kills, folder, random)
    const corruptions = await corrupt(worlds.corrupted, options.corruptions, folder, random)
    const all = [score, train, corruptions]
    return {
      killed: score.killed + train.killed,
      corrupted: corruptions.corrupted,
      recovered: all.reduce((sum, { recovered }) => sum + recovered, 0),
      lost: all.reduce((sum, { lost }) => sum + lost.length, 0),
      score,
      train,
      corruptions,
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Unbroken runs of everything, and the worlds from which they begin. */
async function makeWorlds(folder: string, { texts, backend }: FaultOptions) {
  const world = (name: string) => join(folder, name)
  const [bare, one, two, other] = ['bare', 'one', 'two', 'other'].map(world)
  await makeWorld(bare, texts)
  const first = scoring('--vocabulary', '400', '--metrics', 'compression-ratio', '--workers', '1')
  await copyWorld(bare, one)
  const fresh = await succeed(one, first)
  const second = scoring('--metrics', 'mtld,compression-ratio,entropy', '--workers', '2')
  await copyWorld(one, two)
  const added = await succeed(two, second)
  // Another tokenizer, of fewer documents.
  const tokenizer = '../elsewhere/shards/tokenizer.json'
  await makeWorld(world('elsewhere'), Math.ceil(texts / 2))
  await succeed(world('elsewhere'), scoring('--vocabulary', '300', '--metrics', 'entropy'))
  const third = scoring('--metrics', 'compression-ratio', '--tokenizer', tokenizer)
  await copyWorld(one, other)
  const retokenized = await succeed(other, third)
  const scored = [
    { name: 'score', from: bare, to: one, command: first, took: fresh },
    { name: 'score with metrics added', from: one, to: two, command: second, took: added },
    { name: 'score with another tokenizer', from: one, to: other, command: third, took: retokenized },
  ]
  const train = training(backend)
  const trainedWorld = world('trained')
  await copyWorld(one, trainedWorld)
  const trained = await succeed(trainedWorld, train)
  const run = (await runContents(trainedWorld)) as string
  return {
    scored: await Promise.all(
      scored.map(async ({ name, from, to, command, took }): Promise<KilledCommand> => ({
        name,
        from,
        next: () => command,
        contents: shardsContents,
        expected: await shardsContents(to),
        milliseconds: took.milliseconds,
      })),
    ),
    trained: [
      {
        name: 'train',
        from: one,
        next: (place: string) => trainOrResume(place, train),
        contents: runContents,
        expected: run,
        milliseconds: trained.milliseconds,
      },
    ],
    corrupted: {
      from: await stopped(world('stopped'), one, train, trained.milliseconds),
      score: first,
      resume: resuming,
      shards: await shardsContents(one),
      run,
    },
  }
}

/** A world in which a run was killed late, with two checkpoints. */
async function stopped(world: string, from: string, train: readonly string[], milliseconds: number) {
  for (let share = 0.95; ; share = share > 0.5 ? share - 0.03 : 0.95) {
    await copyWorld(from, world)
    const { signal } = await gradus(world, train, { killAfter: milliseconds * share })
    const isStopped = signal !== null && (await runContents(world)) === undefined
    if (isStopped && (await checkpointsOf(world)).length === 2) return world
  }
}

async function checkpointsOf(world: string): Promise<string[]> {
  const names = await readdir(join(world, 'run', 'checkpoints')).catch(() => [])
  return names.filter((name) => name.startsWith('step-'))
}

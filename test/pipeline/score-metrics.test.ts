import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openShards } from '../../stages/shards/open-shards.ts'
import { sentences } from '../stages/shards/corpus.ts'
import { gradus } from './command-line.ts'

/** Metrics that need more than their name, through the real command line. */

let folder: string
let input: string
let tokenizer: string
let own: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-score-metrics-'))
  input = join(folder, 'sentences.jsonl')
  const texts = await sentences(2)
  await writeFile(input, texts.map((text, n) => `${JSON.stringify({ id: `s${n}`, text })}\n`).join(''))
  own = join(folder, 'own.mjs')
  await writeFile(
    own,
    `export default {
      name: 'commas', version: 1, hardEnd: 'high',
      open: () => ({ flags: 0, measure: ({ text }) => text.split(',').length - 1 }),
    }`,
  )
  const first = await score('first', '1', 'mtld')
  expect(first).toMatchObject({ code: 0 })
  tokenizer = join(folder, 'first', 'tokenizer.json')
})
afterAll(() => rm(folder, { recursive: true }))

/** Scores in units of 10 kB, so that there are several to divide. */
function score(out: string, workers: string, metrics: string) {
  return gradus(
    ...['score', '--input', input, '--out', join(folder, out), '--workers', workers],
    ...(tokenizer === undefined ? ['--vocabulary', '300'] : ['--tokenizer', tokenizer]),
    ...['--set', 'stages.read.with.unit-bytes=10000', '--set', `stages.score.with.metrics=[${metrics}]`],
  )
}

async function hashes(out: string): Promise<Record<string, string>> {
  const names = (await readdir(join(folder, out))).filter((name) => name.endsWith('.arrow'))
  const bytes = await Promise.all(names.map((name) => readFile(join(folder, out, name))))
  return Object.fromEntries(
    names.map((name, at) => [name, createHash('sha256').update(bytes[at]).digest('hex')]),
  )
}

test('n-grams are counted before scoring, and both come out the same for one worker and for two', async () => {
  const metrics = 'ngram-perplexity, {ngram-perplexity: {order: 2}}'
  for (const workers of ['1', '2']) {
    const { code, stderr } = await score(`ngrams-${workers}`, workers, metrics)
    expect(code).toBe(0)
    expect(stderr).toMatch(/Counting the n-grams/)
  }
  const one = await hashes('ngrams-1')
  expect(Object.keys(one).length).toBeGreaterThan(5)
  expect(Object.keys(one)).toContain('ngrams.arrow')
  expect(await hashes('ngrams-2')).toEqual(one)
  const shards = await openShards(join(folder, 'ngrams-2'))
  expect(shards.metrics.map(({ name }) => name)).toEqual(['ngram-perplexity', 'ngram-perplexity-2'])
  expect(await score('ngrams-1', '1', metrics)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('all of them were there and are reused') as string,
  })
})

test('a metric of the user’s own works in worker threads, and a change of its file scores anew', async () => {
  for (const workers of ['1', '2'])
    expect(await score(`own-${workers}`, workers, own)).toMatchObject({ code: 0 })
  expect(await hashes('own-2')).toEqual(await hashes('own-1'))
  const shards = await openShards(join(folder, 'own-2'))
  expect(shards.metrics).toMatchObject([{ name: 'commas', version: 1, hardEnd: 'high' }])
  const code = await readFile(own, 'utf8')
  await writeFile(own, code.replace("split(',')", "split(';')"))
  const { stdout } = await score('own-2', '2', own)
  expect(stdout).not.toContain('all of them were there')
  expect(await hashes('own-2')).not.toEqual(await hashes('own-1'))
})

test('a run says that it runs code of the user’s own, and where that gives NaN, with which document', async () => {
  const broken = join(folder, 'broken.mjs')
  await writeFile(broken, (await readFile(own, 'utf8')).replace('.length - 1', '.size'))
  const { code, stderr } = await score('broken', '2', broken)
  expect(code).toBe(1)
  expect(stderr).toContain(`This graph runs code of your own, \`${broken}\`.`)
  expect(stderr).toMatch(
    /The metric in `.*broken\.mjs` measured undefined for document `s\d+`: let it return/,
  )
  expect(stderr).not.toMatch(/^\s+at /m)
})

test('lint says where a graph runs code of the user’s own, plan says that it does', async () => {
  const graph = join(folder, 'graph.yaml')
  await writeFile(
    graph,
    [
      'stages:',
      '  read: { use: read-jsonl, with: { paths: [a.jsonl] } }',
      '  tokenize: { use: tokenize, with: { tokenizer: t.json } }',
      '  score: { use: score, with: { metrics: [mtld, ./mine.js] } }',
      '  write: { use: write-shards, with: { to: x } }',
    ].join('\n'),
  )
  const sentence = 'This graph runs code of your own, `./mine.js`.'
  const lint = await gradus('lint', graph)
  expect(lint.code).toBe(0)
  expect(lint.stdout).toContain(`${graph}:4:48 warning ${sentence}`)
  const plan = await gradus('plan', graph)
  expect(plan).toMatchObject({ code: 0, stderr: `${sentence}\n` })
  expect(plan.stdout).toContain('- ./mine.js')
})

test('lint says that n-gram perplexity needs counts, and what a metric’s options can be', async () => {
  const graph = join(folder, 'wrong.yaml')
  const scoring = (metrics: string) =>
    [
      'stages:',
      '  read: { use: read-jsonl, with: { paths: [a.jsonl] } }',
      '  tokenize: { use: tokenize, with: { tokenizer: t.json } }',
      `  score: { use: score, with: { metrics: ${metrics} } }`,
    ].join('\n')
  await writeFile(graph, scoring('[ngram-perplexity]'))
  expect((await gradus('lint', graph)).stdout).toContain(
    `${graph}:4:3 error \`score\` needs the option \`ngrams\` (File of counts that count-ngrams wrote`,
  )
  await writeFile(graph, scoring('[{mtld: {preset: lenient}}]'))
  expect((await gradus('lint', graph)).stdout).toMatch(/4:42 error .*"lexicalrichness"\|"lexical-diversity"/)
  await writeFile(graph, scoring('[mltd]'))
  expect((await gradus('lint', graph)).stdout).toMatch(/4:42 error .*there is no metric "mltd"; use one of/)
})

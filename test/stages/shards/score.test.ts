import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { metricColumns, metricValues } from '../../../schemas/scored.ts'
import { flags } from '../../../scoring/metric.ts'
import { metricNamed } from '../../../scoring/metrics.ts'
import { score } from '../../../stages/shards/score.ts'
import { tokenize } from '../../../stages/shards/tokenize.ts'
import { batchesOf, collect, context, sentences, streamOf, train } from './corpus.ts'

let folder: string
let tokenizer: string
let texts: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-score-'))
  tokenizer = join(folder, 'tokenizer.json')
  texts = ['', ...(await sentences(2))]
  await train(tokenizer, texts, 300)
})
afterAll(() => rm(folder, { recursive: true }))

const tokenized = () => tokenize.run(streamOf(batchesOf(texts, 50)), context({ tokenizer }))

test('each metric has a column of what its gauge measures, and one of its flags, in the order asked for', async () => {
  const metrics = ['mtld', 'compression-ratio']
  const batches = await collect(score.run(tokenized(), context({ metrics })))
  expect(metricColumns(batches[0].schema)).toEqual([
    { name: 'mtld', version: metricNamed('mtld').version, hardEnd: 'high' },
    { name: 'compression-ratio', version: metricNamed('compression-ratio').version, hardEnd: 'low' },
  ])
  for (const name of metrics) {
    const gauge = await metricNamed(name).open()
    const expected = texts.map((text) => {
      return [gauge.measure({ text, bytes: Buffer.from(text), tokens: new Uint16Array() }), gauge.flags]
    })
    const found = batches.flatMap((batch) => {
      const { values, flags } = metricValues(batch, name)
      return Array.from(values, (value, row) => [value, flags[row]])
    })
    expect(found).toEqual(expected)
    expect(found[0][1] & flags.empty).toBe(flags.empty)
  }
})

test('what counts for reuse is the metrics and their versions', async () => {
  expect(await score.identity?.({ metrics: ['mtld'] })).toEqual({
    metrics: [{ name: 'mtld', version: metricNamed('mtld').version }],
  })
})

test('an unknown metric and one named twice are refused', () => {
  expect(score.options.safeParse({ metrics: ['mltd'] }).success).toBe(false)
  expect(() => score.options.parse({ metrics: ['mtld', 'mtld'] })).toThrow(/named twice/)
})

test('scoring stops where the run is aborted', async () => {
  const own = { ...context({ metrics: ['mtld'] }), signal: AbortSignal.abort(new Error('stopped')) }
  await expect(collect(score.run(tokenized(), own))).rejects.toThrow()
})

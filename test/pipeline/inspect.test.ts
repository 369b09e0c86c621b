import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { type Inspection, inspectShards } from '../../pipeline/inspection.ts'
import { renderInspection } from '../../pipeline/render-inspection.ts'
import { fitted, onOneLine, padded } from '../../pipeline/terminal-text.ts'
import { UniformSample } from '../../pipeline/uniform-sample.ts'
import { metricNamed } from '../../scoring/metrics.ts'
import { rankCorrelation } from '../../scoring/rank-correlation.ts'
import { openShards } from '../../stages/shards/open-shards.ts'
import { scoreUnits, sentences, train } from '../stages/shards/corpus.ts'
import { gradus } from './command-line.ts'

const escape = String.fromCharCode(27)
const metrics = ['compression-ratio', 'mtld', 'flesch']
let folder: string
let shards: string
let texts: string[]
let inspection: Inspection

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-inspect-'))
  shards = join(folder, 'shards')
  const tokenizer = join(folder, 'tokenizer.json')
  texts = await sentences(3)
  // Repeats itself most of all, and would colour the terminal.
  texts[7] = `${escape}[31mred\r\n` + 'red '.repeat(500)
  await train(tokenizer, texts, 300)
  const units = [texts.slice(0, 200), texts.slice(200)].map((texts, index) => ({ key: `${index}`, texts }))
  await scoreUnits(units, { to: shards, tokenizer, metrics })
  inspection = await inspectShards(await openShards(shards))
})
afterAll(() => rm(folder, { recursive: true }))

test('correlations are those of the columns, over all documents, with length first', async () => {
  const lengths = texts.map((text) => Buffer.byteLength(text))
  const columns = [lengths]
  for (const name of metrics) {
    const gauge = await metricNamed(name).open()
    const bytes = texts.map((text) => Buffer.from(text))
    columns.push(
      bytes.map((bytes, at) => gauge.measure({ text: texts[at], bytes, tokens: new Uint16Array() })),
    )
  }
  const { correlations } = inspection
  expect(correlations.documents).toBe(texts.length)
  expect(correlations.columns).toEqual(['bytes', ...metrics])
  columns.forEach((a, i) =>
    columns.forEach((b, j) => expect(correlations.matrix[i][j]).toBeCloseTo(rankCorrelation(a, b), 10)),
  )
})

test('the ends of a metric are its extreme documents without a flag, the easiest first', async () => {
  const [ratio] = inspection.metrics
  expect(ratio.easiest[0].id).toBe('d7')
  expect(ratio.easiest[0].beginning).toMatch(/^\[31mred red red/)
  const gauge = await metricNamed('compression-ratio').open()
  const values = texts.map((text) =>
    gauge.measure({ text, bytes: Buffer.from(text), tokens: new Uint16Array() }),
  )
  const measured = values.filter((_, at) => texts[at] !== '')
  expect(measured.length).toBeLessThan(values.length)
  expect(ratio.hardest.map(({ value }) => value)).toEqual(measured.sort((a, b) => a - b).slice(0, 3))
  expect([ratio.minimum, ratio.maximum]).toEqual([Math.min(...values), Math.max(...values)])
})

test.each([80, 120])(
  'no line is longer than a terminal of %i columns, and no document colours it',
  (width) => {
    const text = renderInspection(inspection, width)
    expect(text).toContain('[31mred red')
    expect(text).not.toContain(`${escape}[31mred`)
    for (const line of text.split('\n')) {
      expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(width)
    }
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeGreaterThan(width - 5)
  },
)

test('the command prints it for people, and with --json the same as one object for programs', async () => {
  const forPeople = await gradus('inspect', shards)
  expect(forPeople).toMatchObject({ code: 0, stderr: '' })
  expect(forPeople.stdout).toMatch(/length in bytes\n.*compression-ratio +0\.\d\d\n/)
  const forPrograms = await gradus('inspect', shards, '--json')
  expect(forPrograms).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(forPrograms.stdout)).toEqual(inspection)
  expect(forPrograms.stdout.trimEnd()).not.toContain('\n')
})

test('documents without anything to measure leave nothing to correlate, and no lists', async () => {
  const empty = join(folder, 'empty')
  await scoreUnits([{ key: '0', texts: ['', '', ''] }], {
    to: empty,
    tokenizer: join(folder, 'tokenizer.json'),
    metrics,
  })
  const found = await inspectShards(await openShards(empty))
  expect(found.correlations.matrix.flat()).toEqual(new Array(16).fill(null))
  expect(found.metrics.map(({ flagged, easiest }) => [flagged, easiest])).toEqual(metrics.map(() => [3, []]))
  expect(renderInspection(found, 80)).not.toMatch(/NaN|Infinity|undefined/)
})

test('a sample has exactly the size asked for, and every row the same chance', () => {
  const chosen = new Array<number>(100).fill(0)
  const rows = 100_000
  const sample = new UniformSample(rows, 5000)
  for (let row = 0; row < rows; row++) if (sample.next()) chosen[Math.floor(row / 1000)]++
  expect(chosen.reduce((sum, count) => sum + count)).toBe(5000)
  // 50 a thousand rows; four standard deviations are 28.
  for (const count of chosen) expect(Math.abs(count - 50)).toBeLessThan(28)
  const all = new UniformSample(10, 20)
  expect(all.size).toBe(10)
  expect(Array.from({ length: 10 }, () => all.next())).toEqual(new Array(10).fill(true))
})

test('text is cut by the columns a terminal needs, not by its characters', () => {
  expect(fitted('tokens', 6)).toBe('tokens')
  expect(fitted('tokens', 5)).toBe('toke…')
  expect(fitted('天地玄黃', 8)).toBe('天地玄黃')
  expect(fitted('天地玄黃', 7)).toBe('天地玄…')
  expect(fitted('天地玄黃', 6)).toBe('天地…')
  expect(fitted('e\u0301te\u0301', 3)).toBe('e\u0301te\u0301')
  expect(padded('天地', 6)).toBe('天地  ')
  expect(onOneLine(' a\n\tb\u0007\u202ec\u0085')).toBe('a bc')
})

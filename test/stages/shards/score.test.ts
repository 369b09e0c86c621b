import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { metricColumns, metricValues } from '../../../schemas/scored.ts'
import { flags } from '../../../scoring/metric.ts'
import { metricNamed, metrics } from '../../../scoring/metrics.ts'
import { mtld } from '../../../scoring/mtld.ts'
import { UserError } from '../../../schemas/user-error.ts'
import { tokenLists } from '../../../schemas/tokenized.ts'
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

const tokenized = (some = texts) => tokenize.run(streamOf(batchesOf(some, 50)), context({ tokenizer }))

/** Rows of `[value, flags]` of each metric. */
async function scored(entries: unknown[], some = texts): Promise<Map<string, [number, number][]>> {
  const options = score.options.parse({ metrics: entries })
  const batches = await collect(score.run(tokenized(some), context(options)))
  return new Map(
    metricColumns(batches[0].schema).map(({ name }) => [
      name,
      batches.flatMap((batch) => {
        const { values, flags } = metricValues(batch, name)
        return Array.from(values, (value, row): [number, number] => [value, flags[row]])
      }),
    ]),
  )
}

let files = 0
async function metricFile(code: string): Promise<string> {
  const path = join(folder, `metric-${files++}.mjs`)
  await writeFile(path, code)
  return path
}

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

test('what counts for reuse of a column is its metric, the version, and tokens where it reads them', async () => {
  expect(await score.columns?.({ metrics: ['mtld', 'entropy'] })).toEqual([
    { name: 'mtld', madeFrom: [], identity: { name: 'mtld', version: metricNamed('mtld').version } },
    {
      name: 'entropy',
      madeFrom: ['tokens'],
      identity: { name: 'entropy', version: metricNamed('entropy').version },
    },
  ])
})

test('columns that are kept are not measured again', async () => {
  const kept = { documents: true, columns: ['tokens', 'mtld'] }
  const run = score.run(tokenized(), { ...context({ metrics: ['mtld', 'flesch'] }), kept })
  expect(metricColumns((await collect(run))[0].schema).map(({ name }) => name)).toEqual(['flesch'])
})

test.each([
  ['an unknown metric', ['mltd'], /there is no metric .*mltd.*use one of .*mtld/],
  ['a metric named twice', ['mtld', 'mtld'], /named twice/],
  ['a metric named twice in two ways', ['mtld', { mtld: { preset: 'strict' } }], /named twice/],
  ['an unknown preset', [{ mtld: { preset: 'lenient' } }], /mtld.preset: .*lexicalrichness/],
  ['an unknown option', [{ mtld: { threshold: 0.5 } }], /Unrecognized key.*threshold/],
  ['options of a metric that has none', [{ flesch: {} }], /flesch has no options; write its name alone/],
  ['two metrics in one entry', [{ mtld: {}, flesch: {} }], /Unrecognized key.*flesch/],
  ['n-grams of four tokens', [{ 'ngram-perplexity': { order: 4 } }], /ngram-perplexity.order/],
  ['a list', [['mtld']], /a map of one name to its options/],
  ['no counts for n-grams', ['ngram-perplexity'], /ngrams/],
])('%s is refused with the remedy', (_, metrics, message) => {
  expect(() => score.options.parse({ metrics })).toThrow(message)
})

test('presets of MTLD are columns of their own, with the values of the function', async () => {
  const columns = await scored([
    'mtld',
    { mtld: { preset: 'lexicalrichness' } },
    { mtld: { preset: 'lexical-diversity' } },
  ])
  expect([...columns.keys()]).toEqual(['mtld', 'mtld-lexicalrichness', 'mtld-lexical-diversity'])
  for (const [name, preset] of [
    ['mtld', 'strict'],
    ['mtld-lexicalrichness', 'lexicalrichness'],
    ['mtld-lexical-diversity', 'lexical-diversity'],
  ] as const) {
    const expected = texts.map((text) => mtld(text.toLowerCase().match(/[a-z]+/g) ?? [], { preset }))
    expect(columns.get(name)?.map(([value]) => value)).toEqual(expected)
  }
})

describe('a metric of the user’s own', () => {
  const commas = `
    class Commas {
      name = 'commas'; version = 3; hardEnd = 'high'; unit = 'commas'; summary = ''; source = ''; needsTokens = false
      #character = ','
      async open() {
        const character = this.#character
        return { flags: 0, measure(document) {
          this.flags = document.bytes.length === 0 ? 1 : 0
          return document.text.split(character).length - 1 + document.tokens.length / 1000
        } }
      }
    }
    export default new Commas()`

  it('sees text, bytes and tokens, and is a column beside the others', async () => {
    const file = await metricFile(commas)
    const columns = await scored(['mtld', file])
    expect([...columns.keys()]).toEqual(['mtld', 'commas'])
    const batches = await collect(tokenized())
    const tokens = batches.flatMap((batch) => {
      const { offsets } = tokenLists(batch)
      return Array.from({ length: batch.numRows }, (_, row) => offsets[row + 1] - offsets[row])
    })
    expect(columns.get('commas')).toEqual(
      texts.map((text, at) => [text.split(',').length - 1 + tokens[at] / 1000, text === '' ? 1 : 0]),
    )
  })

  it('counts for reuse by what its file holds, and lint and plan are told that it runs', async () => {
    const [file, same, other] = [commas, commas, `${commas} // changed`].map(metricFile)
    const identity = async (path: Promise<string>) =>
      JSON.stringify(await score.columns?.({ metrics: [await path] }))
    expect(await identity(file)).toBe(await identity(same))
    expect(await identity(file)).not.toBe(await identity(other))
    expect(await identity(file)).toContain('"commas","version":3')
    expect(score.remarks?.({ metrics: ['mtld', await file] })).toEqual([
      {
        path: ['metrics', 1],
        message: expect.stringContaining(`code of your own, \`${await file}\``) as string,
      },
    ])
    expect(score.remarks?.({ metrics: ['mtld'] })).toEqual([])
  })

  const gauge = (measure: string, flags = '0', name = 'own') =>
    `export default { name: '${name}', version: 1, hardEnd: 'low', open: () => ({ flags: ${flags}, measure: ${measure} }) }`

  it.each([
    ['exports nothing', 'export const x = 1', /exports no metric, its default export is no object/],
    ['is not JavaScript', 'export default {', /cannot be loaded \(.*\): mend it/],
    ['throws when it is loaded', 'throw "so much"', /cannot be loaded \(so much\)/],
    [
      'has no version',
      "export default { name: 'x', hardEnd: 'low', open() {} }",
      /its `version` is not a whole number/,
    ],
    ['has a name for no column', gauge('() => 1', '0', 'My Metric'), /its `name` is not in kebab-case/],
    ['has a column’s name', gauge('() => 1', '0', 'text'), /its `name` is the name of another column/],
    ['has a built-in name', gauge('() => 1', '0', 'flesch'), /is called `flesch`, and so is another one/],
    [
      'opens nothing',
      "export default { name: 'x', version: 1, hardEnd: 'low', open() {} }",
      /gives nothing to measure with/,
    ],
    [
      'fails to open',
      "export default { name: 'x', version: 1, hardEnd: 'low', open() { throw Error('no') } }",
      /`open` .* failed: no\./,
    ],
    [
      'measures NaN',
      gauge('({ bytes }) => (bytes.length > 0 ? 0 / 0 : 0)'),
      /measured NaN for document `d1`: let it return/,
    ],
    ['measures a promise', gauge('async () => 1'), /measured a Promise for document `d0`/],
    [
      'throws',
      gauge('({ bytes }) => { if (bytes.length > 0) throw new Error("too long.") ; return 0 }'),
      /failed on document `d1`: too long\./,
    ],
    ['has odd flags', gauge('() => 1', '0.5'), /has the flags 0.5 after document `d0`/],
  ])('that %s is answered with the file and the remedy', async (_, code, message) => {
    const file = await metricFile(code)
    const failing = scored([file])
    await expect(failing).rejects.toThrow(UserError)
    await expect(failing).rejects.toThrow(message)
    await expect(failing).rejects.toThrow(file)
  })

  it('that is not there, or is there twice, is named', async () => {
    await expect(scored([join(folder, 'none.js')])).rejects.toThrow(/none\.js` cannot be read \(ENOENT\)/)
    const file = await metricFile(commas)
    await expect(scored([file, await metricFile(commas)])).rejects.toThrow(
      /called `commas`, and so is another/,
    )
  })
})

test('troublesome documents are flagged, and never measured as NaN or in silence as 0', async () => {
  const chinese = '天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。'.repeat(60)
  const russian = 'Все счастливые семьи похожи друг на друга. '.repeat(40)
  const cases: [string, Record<string, number>][] = [
    [
      '',
      {
        'compression-ratio': flags.empty,
        'compression-ratio-fixed': flags.empty,
        mtld: flags.empty,
        flesch: flags.empty,
        entropy: flags.empty,
      },
    ],
    [' \n\t ', { 'compression-ratio-fixed': flags.censored, mtld: flags.empty, flesch: flags.empty }],
    ['\u0000\u0001\u0007\u001b\u007f'.repeat(200), { mtld: flags.empty, flesch: flags.empty }],
    ['a'.repeat(200_000), { mtld: flags.censored, flesch: flags.censored | flags.truncated }],
    ['and then we went on '.repeat(200), {}],
    [
      'nothing stops',
      { 'compression-ratio-fixed': flags.censored, mtld: flags.censored, flesch: flags.censored },
    ],
    // Without a space or a full stop of ASCII it is one word.
    [
      chinese,
      {
        mtld: flags.foreign | flags.empty,
        flesch: flags.foreign | flags.censored | flags.truncated,
      },
    ],
    [russian, { mtld: flags.foreign | flags.empty, flesch: flags.foreign }],
    [texts.join(' ').repeat(100), {}],
  ]
  const names = metrics.map(({ name }) => name)
  const columns = await scored(
    names,
    cases.map(([text]) => text),
  )
  cases.forEach(([text, expected], row) => {
    for (const name of names) {
      const [value, flag] = columns.get(name)?.[row] as [number, number]
      const label = `${name} of ${JSON.stringify(text.slice(0, 20))}`
      expect([label, Number.isFinite(value)]).toEqual([label, true])
      expect([label, flag]).toEqual([label, expected[name] ?? 0])
    }
  })
})

test('scoring stops where the run is aborted', async () => {
  const own = { ...context({ metrics: ['mtld'] }), signal: AbortSignal.abort(new Error('stopped')) }
  await expect(collect(score.run(tokenized(), own))).rejects.toThrow()
})

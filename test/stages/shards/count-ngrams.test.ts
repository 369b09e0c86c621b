import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { metricValues } from '../../../schemas/scored.ts'
import { tokenLists } from '../../../schemas/tokenized.ts'
import { UserError } from '../../../schemas/user-error.ts'
import { flags } from '../../../scoring/metric.ts'
import { NgramCounts } from '../../../scoring/ngram-counts.ts'
import { ngramPerplexity } from '../../../scoring/ngram-perplexity.ts'
import { countNgrams } from '../../../stages/shards/count-ngrams.ts'
import { openNgrams } from '../../../stages/shards/ngram-file.ts'
import { score } from '../../../stages/shards/score.ts'
import { tokenize } from '../../../stages/shards/tokenize.ts'
import { batchesOf, collect, context, sentences, streamOf, train } from './corpus.ts'

let folder: string
let tokenizer: string
let texts: string[]
let documents: (Uint16Array | Uint32Array)[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-ngrams-'))
  tokenizer = join(folder, 'tokenizer.json')
  texts = ['', ...(await sentences(3))]
  await train(tokenizer, texts, 300)
  documents = (await collect(tokenized(texts))).flatMap((batch) => {
    const { offsets, values } = tokenLists(batch)
    return Array.from({ length: batch.numRows }, (_, row) => values.slice(offsets[row], offsets[row + 1]))
  })
})
afterAll(() => rm(folder, { recursive: true }))

const tokenized = (some: readonly string[], path = tokenizer) =>
  tokenize.run(streamOf(batchesOf(some, 64)), context({ tokenizer: path }))

/** Counts units as the pipeline does, in any order of theirs; returns the indices of those that had to be run. */
async function count(
  to: string,
  units: readonly (readonly string[])[],
  { order = 3, reversed = false, stopAfter = Infinity, path = tokenizer } = {},
): Promise<number[]> {
  const own = context({ to, order: order as 1 | 2 | 3 })
  const planned = units.map((texts, index) => {
    const key = Buffer.from(texts.join('|')).toString('base64url').slice(0, 40) + texts.length
    const keys = { all: key, documents: key, columns: {} }
    return { keys, unit: { index, slices: [], bytes: 1, hash: key } }
  })
  const todo = [...((await countNgrams.unfinished?.(planned, own)) ?? [])]
  for (const { unit, keys } of (reversed ? todo.toReversed() : todo).slice(0, stopAfter)) {
    await collect(countNgrams.run(tokenized(units[unit.index], path), { ...own, unit, keys }))
  }
  if (todo.length <= stopAfter) await countNgrams.finished?.(own)
  return todo.map(({ unit }) => unit.index)
}

test('a document has the perplexity that all counts of the corpus give it, though those of 1 are not kept', async () => {
  const ngrams = join(folder, 'all.arrow')
  await count(ngrams, [texts])
  const { counts: kept } = await openNgrams(ngrams)
  const all = new NgramCounts({ order: 3, vocabulary: kept.vocabulary, endOfText: kept.endOfText })
  for (const document of documents) all.add(document)
  expect(kept.tokens).toBe(all.tokens)
  const found = await perplexities(ngrams, texts)
  expect(found.map(([value]) => value)).toEqual(
    documents.map((document) => ngramPerplexity(document, all, { counted: true })),
  )
  expect(found[0]).toEqual([kept.vocabulary, flags.empty])
  expect(found.map(([, flag]) => flag)).toEqual(texts.map((text) => (text === '' ? flags.empty : 0)))
})

test('the file is the same for one unit and for many, whichever is counted first', async () => {
  const thirds = [texts.slice(0, 100), [], texts.slice(100, 150), texts.slice(150)]
  const [whole, cut, reversed] = ['whole.arrow', 'cut.arrow', 'reversed.arrow'].map((name) =>
    join(folder, name),
  )
  await count(whole, [texts])
  await count(cut, thirds)
  await count(reversed, thirds, { reversed: true })
  expect(await readFile(reversed)).toEqual(await readFile(cut))
  expect(await perplexities(cut, texts)).toEqual(await perplexities(whole, texts))
  expect((await readdir(folder)).filter((name) => name.endsWith('.units'))).toEqual([])
})

test('what is counted already is not counted again, and a broken run goes on where it stopped', async () => {
  const to = join(folder, 'again.arrow')
  const units = [texts.slice(0, 50), texts.slice(50, 100), texts.slice(100, 150)]
  expect(await count(to, units, { stopAfter: 1 })).toEqual([0, 1, 2])
  expect(existsSync(to)).toBe(false)
  expect(await count(to, units)).toEqual([1, 2])
  const bytes = await readFile(to)
  expect(await count(to, units)).toEqual([])
  expect(await readFile(to)).toEqual(bytes)
  expect(await count(to, units, { order: 2 })).toEqual([0, 1, 2])
  expect(await count(to, units.slice(1), { order: 2 })).toEqual([0, 1])
  // A damaged file is no reason to stop.
  await writeFile(to, 'damaged')
  expect(await count(to, units)).toEqual([0, 1, 2])
  expect(await readFile(to)).toEqual(bytes)
})

test('orders and interpolations are columns of their own over one file of counts', async () => {
  const ngrams = join(folder, 'orders.arrow')
  await count(ngrams, [texts])
  const { counts } = await openNgrams(ngrams)
  const metrics = [
    'ngram-perplexity',
    { 'ngram-perplexity': { order: 2 } },
    { 'ngram-perplexity': { order: 1, interpolate: 'perplexities' } },
  ]
  const options = score.options.parse({ metrics, ngrams })
  const batches = await collect(score.run(tokenized(texts), context(options)))
  const column = (name: string) => batches.flatMap((batch) => [...metricValues(batch, name).values])
  const expected = (options: { order: 1 | 2; interpolate: 'probabilities' | 'perplexities' }) =>
    documents.map((document) => ngramPerplexity(document, counts, { ...options, counted: true }))
  expect(column('ngram-perplexity-2')).toEqual(expected({ order: 2, interpolate: 'probabilities' }))
  expect(column('ngram-perplexity-1-perplexities')).toEqual(
    expected({ order: 1, interpolate: 'perplexities' }),
  )
  expect(column('ngram-perplexity')).not.toEqual(column('ngram-perplexity-2'))
})

test('scores count for reuse by the counts they are measured against', async () => {
  const [one, other] = ['one.arrow', 'other.arrow'].map((name) => join(folder, name))
  await count(one, [texts])
  await count(other, [texts.slice(1)])
  const identity = (ngrams: string, metric: string) => score.columns?.({ metrics: [metric], ngrams })
  expect(await identity(one, 'ngram-perplexity')).not.toEqual(await identity(other, 'ngram-perplexity'))
  expect(await identity(one, 'mtld')).toEqual(await identity(other, 'mtld'))
})

test('counts of another corpus, another tokenizer or shorter n-grams are refused, and what is no file of counts', async () => {
  const ngrams = join(folder, 'few.arrow')
  await count(ngrams, [texts.slice(0, 20)], { order: 2 })
  const refused = async (promise: Promise<unknown>, message: RegExp) => {
    await expect(promise).rejects.toThrow(UserError)
    await expect(promise).rejects.toThrow(message)
  }
  await refused(perplexities(ngrams, texts), /go up to 2 tokens, and .* asks for 3/)
  await refused(perplexities(ngrams, ['zzz zzz zzz'], 2), /Document `d0` is not in the n-gram counts/)
  await refused(perplexities(join(folder, 'none.arrow'), texts), /none\.arrow` cannot be read/)
  await refused(perplexities(tokenizer, texts), /tokenizer\.json` is damaged/)
  const another = join(folder, 'another.json')
  await train(another, texts, 270)
  await count(ngrams, [texts], { path: another })
  await refused(perplexities(ngrams, texts), /are of another tokenizer/)
  await refused(count(join(folder, 'empty.arrow'), [[]]), /no documents to count/)
})

async function perplexities(ngrams: string, some: readonly string[], order = 3): Promise<[number, number][]> {
  const options = score.options.parse({ metrics: [{ 'ngram-perplexity': { order } }], ngrams })
  const batches = await collect(score.run(tokenized(some), context(options)))
  return batches.flatMap((batch) => {
    const { values, flags } = metricValues(
      batch,
      order === 3 ? 'ngram-perplexity' : `ngram-perplexity-${order}`,
    )
    return Array.from(values, (value, row): [number, number] => [value, flags[row]])
  })
}

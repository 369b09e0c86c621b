import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { documentColumns, documentHash } from '../../../schemas/documents.ts'
import { metricValues } from '../../../schemas/scored.ts'
import { scoreColumns, shardsFolder } from '../../../schemas/shard.ts'
import { metricNamed } from '../../../scoring/metrics.ts'
import { openShards, type Shards } from '../../../stages/shards/open-shards.ts'
import { openTokenizer } from '../../../stages/shards/tokenizer-file.ts'
import { writeShards } from '../../../stages/shards/write-shards.ts'
import {
  collect,
  context,
  oddTexts,
  sentences,
  type ScoredUnit,
  scoreUnits,
  type ScoreOptions,
  train,
} from './corpus.ts'

let folder: string
let tokenizer: string
let units: ScoredUnit[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-write-shards-'))
  tokenizer = join(folder, 'tokenizer.json')
  const texts = await sentences()
  await train(tokenizer, texts, 800)
  const half = texts.length >> 1
  units = [
    { key: 'a', texts: [...texts.slice(0, half), ...oddTexts] },
    { key: 'b', texts: texts.slice(half) },
  ]
})
afterAll(() => rm(folder, { recursive: true }))

let count = 0
/** A folder of shards of its own for each test. */
function options(changes: Partial<ScoreOptions> = {}): ScoreOptions {
  return { to: join(folder, `shards-${count++}`), tokenizer, ...changes }
}

async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort()
  const files = await Promise.all(
    names.map(async (name) => [name, (await readFile(join(folder, name))).toString('latin1')]),
  )
  return Object.fromEntries(files) as Record<string, string>
}

async function textsOf(shards: Shards): Promise<string[]> {
  const texts: string[] = []
  for (const { part } of shards.parts) {
    for await (const { batch } of shards.documents(part)) {
      const column = documentColumns(batch).texts
      for (let row = 0; row < batch.numRows; row++) texts.push(column.text(row))
    }
  }
  return texts
}

test('what is written is read back: documents, tokens, scores, and the sums over them', async () => {
  const own = options({ metrics: ['compression-ratio', 'mtld'], heldOut: 0.1 })
  expect(await scoreUnits(units, own)).toEqual([0, 1])
  const shards = await openShards(own.to)
  const texts = units.flatMap(({ texts }) => texts)
  expect(await textsOf(shards)).toEqual(texts)

  const { tokenizer: library } = await openTokenizer(tokenizer)
  const ids = (await library.encodeBatch(texts, { addSpecialTokens: false })).map((encoding) =>
    encoding.getIds(),
  )
  const read: number[][] = []
  for (const { part, rows } of shards.parts) {
    for await (const { firstRow, offsets, values } of shards.tokens(part)) {
      expect(values).toBeInstanceOf(Uint16Array)
      expect(firstRow + offsets.length - 1).toBeLessThanOrEqual(rows)
      for (let row = 0; row + 1 < offsets.length; row++)
        read.push([...values.subarray(offsets[row], offsets[row + 1])])
    }
  }
  expect(read).toEqual(ids)

  const gauge = await metricNamed('mtld').open()
  let row = 0
  for (const batch of await collect(shards.scores())) {
    expect(shardsFolder(batch.schema)).toBe(own.to)
    const columns = scoreColumns(batch)
    const mtld = metricValues(batch, 'mtld')
    for (let r = 0; r < batch.numRows; r++, row++) {
      const bytes = Buffer.from(texts[row])
      const part = row < units[0].texts.length ? 0 : 1
      expect([columns.parts[r], columns.rows[r]]).toEqual([part, part ? row - units[0].texts.length : row])
      expect([columns.bytes[r], columns.tokens[r]]).toEqual([bytes.length, ids[row].length])
      expect(columns.hashes[r]).toBe(documentHash(bytes))
      expect(mtld.values[r]).toBe(
        gauge.measure({ text: texts[row], bytes, tokens: Uint16Array.from(ids[row]) }),
      )
      expect(mtld.flags[r]).toBe(gauge.flags)
    }
  }
  expect(row).toBe(texts.length)

  expect(shards).toMatchObject({
    rows: texts.length,
    byteCount: Buffer.byteLength(texts.join('')),
    tokenCount: ids.flat().length,
    heldOut: 0.1,
    vocabulary: 800,
    metrics: [
      { name: 'compression-ratio', hardEnd: 'low', sketch: { count: texts.length } },
      { name: 'mtld', hardEnd: 'high', sketch: { count: texts.length } },
    ],
  })
  expect(await readFile(shards.tokenizerPath)).toEqual(await readFile(tokenizer))
})

test('the same documents give the same bytes, however they are cut into batches', async () => {
  const [one, other] = [options({ rows: 4096 }), options({ rows: 13 })]
  await scoreUnits(units, one)
  await scoreUnits(units, other)
  expect(await contents(other.to)).toEqual(await contents(one.to))
})

test('batches are cut at 4096 rows', async () => {
  const own = options({ rows: 1000 })
  await scoreUnits([{ key: 'many', texts: Array.from({ length: 10_000 }, (_, n) => `text ${n}`) }], own)
  const shards = await openShards(own.to)
  const batches = await collect(shards.tokens(0))
  expect(batches.map(({ firstRow, offsets }) => [firstRow, offsets.length - 1])).toEqual([
    [0, 4096],
    [4096, 4096],
    [8192, 1808],
  ])
})

test('finished units are not run again', async () => {
  const own = options()
  await scoreUnits(units, own)
  const before = await contents(own.to)
  expect(await scoreUnits(units, own)).toEqual([])
  expect(await contents(own.to)).toEqual(before)
})

test('a unit whose key has changed is run again, alone, and replaces its part', async () => {
  const own = options()
  await scoreUnits(units, own)
  const changed = [units[0], { key: 'b2', texts: ['another', 'text'] }]
  expect(await scoreUnits(changed, own)).toEqual([1])
  expect(await textsOf(await openShards(own.to))).toEqual(changed.flatMap(({ texts }) => texts))
  const fresh = options()
  await scoreUnits(changed, fresh)
  expect(await contents(own.to)).toEqual(await contents(fresh.to))
})

test('parts of units that are gone are removed', async () => {
  const own = options()
  await scoreUnits(units, own)
  expect(await scoreUnits(units.slice(0, 1), own)).toEqual([])
  expect((await readdir(own.to)).sort()).toEqual([
    'manifest.jsonl',
    'part-00000.scores.arrow',
    'part-00000.tokens.arrow',
    'plan.json',
    'tokenizer.json',
  ])
})

test('a run that breaks off leaves finished units and no temporary file, and the next run finishes it', async () => {
  const [own, whole] = [options(), options()]
  // More rows than a batch has: the part's files are open by then.
  const many = [units[0], { key: 'many', texts: Array.from({ length: 5000 }, (_, n) => `text ${n}`) }]
  await scoreUnits(many, whole)
  await expect(scoreUnits([many[0], { ...many[1], breaks: true }], own)).rejects.toThrow('The cable is torn.')
  expect(
    (await readdir(own.to)).filter((name) => name.includes('part-00001') || name.endsWith('.partial')),
  ).toEqual([])
  await expect(openShards(own.to)).rejects.toThrow(
    /unfinished, 1 of 2 units are missing: run the same `score` command/,
  )
  expect(await scoreUnits(many, own)).toEqual([1])
  expect(await contents(own.to)).toEqual(await contents(whole.to))
})

test('what a crash leaves behind is removed: temporary files, parts without a line, a torn line', async () => {
  const [own, whole] = [options(), options()]
  await scoreUnits(units, whole)
  await scoreUnits(units, own)
  const manifest = join(own.to, 'manifest.jsonl')
  // As after a crash while the second unit's line was written, with leftovers of every other step.
  await truncate(manifest, (await readFile(manifest)).length - 20)
  for (const name of [
    'part-00001.tokens.arrow.partial',
    'part-00007.scores.arrow',
    'plan.json.partial',
    'manifest.jsonl.partial',
  ]) {
    await writeFile(join(own.to, name), 'half')
  }
  await writeFile(join(own.to, 'rejected.jsonl'), 'the user’s')
  expect(await scoreUnits(units, own)).toEqual([1])
  const { 'rejected.jsonl': rejected, ...rest } = await contents(own.to)
  expect(rejected).toBeDefined()
  expect(rest).toEqual(await contents(whole.to))
})

test.each<[string, (path: string) => Promise<void>]>([
  ['truncated', (path) => truncate(path, 100)],
  ['longer', (path) => appendFile(path, 'x')],
  ['missing', (path) => rm(path)],
  [
    'changed in one byte',
    async (path) => {
      const bytes = await readFile(path)
      bytes[bytes.length >> 1] ^= 1
      await writeFile(path, bytes)
    },
  ],
])('a %s file is found and its unit written anew', async (_, damage) => {
  const own = options()
  await scoreUnits(units, own)
  const before = await contents(own.to)
  await damage(join(own.to, 'part-00001.tokens.arrow'))
  expect(await scoreUnits(units, own)).toEqual([1])
  expect(await contents(own.to)).toEqual(before)
})

test('a unit without rows has a line and no files', async () => {
  const own = options()
  const withEmpty = [{ key: 'none', texts: [] }, units[1]]
  expect(await scoreUnits(withEmpty, own)).toEqual([0, 1])
  const shards = await openShards(own.to)
  expect(shards.parts.map(({ part }) => part)).toEqual([1])
  expect(await textsOf(shards)).toEqual(units[1].texts)
  expect(await readdir(own.to)).not.toContain('part-00000.tokens.arrow')
  expect(await scoreUnits(withEmpty, own)).toEqual([])
})

test('another tokenizer gives the shards that it would give from the start', async () => {
  const own = options({ metrics: ['compression-ratio', 'entropy'] })
  await scoreUnits(units, own)
  const other = join(folder, 'other.json')
  await train(other, units[0].texts, 300)
  const fresh = options({ metrics: own.metrics ?? [], tokenizer: other })
  expect(await scoreUnits(units, { ...own, tokenizer: other })).toEqual([0, 1])
  await scoreUnits(units, fresh)
  expect(await contents(own.to)).toEqual(await contents(fresh.to))
})

test('the folder’s own tokenizer with a flipped bit is refused, and the shards stay as they were', async () => {
  const own = options()
  await scoreUnits(units, own)
  const kept = join(own.to, 'tokenizer.json')
  const text = await readFile(kept, 'utf8')
  await writeFile(kept, text.replace('"lstrip": false', '"lstrip": true'))
  await expect(scoreUnits(units, { ...own, tokenizer: kept })).rejects.toMatchObject({
    name: 'UserError',
    message: expect.stringMatching(/is not the tokenizer that made the shards beside it/) as string,
  })
  expect(await scoreUnits(units, own)).toEqual([])
  expect(await readFile(kept, 'utf8')).toBe(text)
})

test('another held-out share is refused', async () => {
  const own = options()
  await scoreUnits(units, own)
  await expect(scoreUnits(units, { ...own, heldOut: 0.2 })).rejects.toThrow(
    /hold out 0\.05 of the documents, not 0\.2/,
  )
})

test('a file in the folder’s place is refused in one sentence', async () => {
  const to = join(folder, 'file')
  await writeFile(to, '')
  const outcome = writeShards.unfinished?.([], context({ to, 'held-out': 0.05 }))
  await expect(outcome).rejects.toMatchObject({
    name: 'UserError',
    message: expect.stringContaining(to) as string,
  })
})

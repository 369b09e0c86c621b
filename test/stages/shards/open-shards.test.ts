import { cp, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scoreColumns } from '../../../schemas/shard.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import { readShards } from '../../../stages/shards/read-shards.ts'
import { collect, context, sentences, scoreUnits, train } from './corpus.ts'

let folder: string
let good: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-open-shards-'))
  good = join(folder, 'good')
  const texts = await sentences(2)
  const tokenizer = join(folder, 'tokenizer.json')
  await train(tokenizer, texts, 400)
  await scoreUnits(
    [
      { key: 'a', texts },
      { key: 'b', texts: texts.toReversed() },
    ],
    { to: good, tokenizer },
  )
})
afterAll(() => rm(folder, { recursive: true }))

/** A copy of the shards with one thing changed. */
async function spoilt(name: string, spoil: (shards: string) => Promise<void>): Promise<string> {
  const shards = join(folder, name)
  await cp(good, shards, { recursive: true })
  await spoil(shards)
  return shards
}

async function writeManifest(shards: string, change: (text: string) => string): Promise<void> {
  const path = join(shards, 'manifest.jsonl')
  await writeFile(path, change(await readFile(path, 'utf8')))
}

const refusal = (message: RegExp) => ({
  name: 'UserError',
  message: expect.stringMatching(message) as string,
})

test('a missing folder is named, with the command that makes one', async () => {
  await expect(openShards(join(folder, 'nowhere'))).rejects.toMatchObject(
    refusal(/no folder `.*nowhere`: write shards with `score --out .*nowhere`/),
  )
})

test('a folder without shards is named', async () => {
  await mkdir(join(folder, 'bare'))
  await expect(openShards(join(folder, 'bare'))).rejects.toMatchObject(refusal(/bare` holds no shards/))
})

test('a damaged manifest is named with its line', async () => {
  const shards = await spoilt('manifest', (shards) =>
    writeManifest(shards, (text) => text.replace('"rows":', '"row5":')),
  )
  await expect(openShards(shards)).rejects.toMatchObject(refusal(/manifest\.jsonl:2` is damaged/))
})

test('one digit of the manifest that is another is damage, and not another corpus', async () => {
  const shards = await spoilt('digit', (shards) =>
    writeManifest(shards, (text) =>
      text.replace(/"tokens":(\d)/, (_, digit) => `"tokens":${9 - Number(digit)}`),
    ),
  )
  await expect(openShards(shards)).rejects.toMatchObject(refusal(/manifest\.jsonl:2` is damaged/))
})

test('shards of an earlier version are said to be', async () => {
  const shards = await spoilt('version', (shards) =>
    writeFile(join(shards, 'manifest.jsonl'), '{"format":1,"heldOut":0.05}\n'),
  )
  await expect(openShards(shards)).rejects.toMatchObject(refusal(/another version of gradus/))
})

test('units that are missing are counted', async () => {
  const shards = await spoilt('unfinished', async (shards) => {
    const [header, first] = (await readFile(join(shards, 'manifest.jsonl'), 'utf8')).split('\n')
    await writeFile(join(shards, 'manifest.jsonl'), `${header}\n${first}\n`)
  })
  await expect(openShards(shards)).rejects.toMatchObject(refusal(/1 of 2 units are missing/))
})

test('a file of another size is named with both sizes', async () => {
  const shards = await spoilt('truncated', (shards) => truncate(join(shards, 'part-00001.scores.arrow'), 99))
  await expect(openShards(shards)).rejects.toMatchObject(
    refusal(/part-00001\.scores\.arrow` has 99 bytes instead of \d+/),
  )
})

test('another tokenizer beside the shards is refused', async () => {
  const shards = await spoilt('tokenizer', async (shards) => {
    const path = join(shards, 'tokenizer.json')
    await writeFile(path, (await readFile(path, 'utf8')).replace('"lstrip": false', '"lstrip": true'))
  })
  await expect(openShards(shards)).rejects.toMatchObject(
    refusal(/tokenizer\.json` is not the tokenizer that made the shards/),
  )
})

test('a flipped bit is found when it is read, and is never another token', async () => {
  let found = 0
  for (const where of [0.2, 0.4, 0.6, 0.8]) {
    const shards = await spoilt(`bit-${where}`, async (shards) => {
      const path = join(shards, 'part-00000.tokens.arrow')
      const bytes = await readFile(path)
      bytes[Math.floor(bytes.length * where)] ^= 0x10
      await writeFile(path, bytes)
    })
    await expect(collect((await openShards(shards)).tokens(0))).rejects.toMatchObject(
      refusal(/part-00000\.tokens\.arrow` is damaged/),
    )
    found++
  }
  expect(found).toBe(4)
})

test('two readers of the same part do not disturb each other', async () => {
  const shards = await openShards(good)
  const [one, other] = await Promise.all([collect(shards.tokens(0)), collect(shards.tokens(0))])
  expect(other).toEqual(one)
})

test('read-shards gives every row once, in the order of the parts', async () => {
  const batches = await collect(readShards.run(collectNothing(), context({ shards: good })))
  const places = batches.flatMap((batch) => {
    const { parts, rows } = scoreColumns(batch)
    return Array.from(parts, (part, row) => `${part}:${rows[row]}`)
  })
  const { parts } = await openShards(good)
  expect(places).toEqual(
    parts.flatMap(({ part, rows }) => Array.from({ length: rows }, (_, row) => `${part}:${row}`)),
  )
})

async function* collectNothing(): AsyncGenerator<never, void, undefined> {}

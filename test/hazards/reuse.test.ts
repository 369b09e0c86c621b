import { cp, mkdtemp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gradus } from '../../scripts/bench/faults/command-line.ts'
import { copyWorld, filesBelow, makeWorld, shardsContents } from '../../scripts/bench/faults/world.ts'

/** What the real command line makes again, and what it leaves alone. */

let folder: string
/** A world with shards by mtld and compression ratio. */
let scored: string
/** The addresses in lines of JSON, in one file and in three. */
const input = { one: ['all.jsonl'], three: ['a.jsonl', 'b.jsonl', 'c.jsonl'] }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-reuse-'))
  scored = join(folder, 'scored')
  await makeWorld(scored, 12)
  const texts = await Promise.all(
    (await filesBelow(join(scored, 'texts'))).map((name) => readFile(join(scored, 'texts', name), 'utf8')),
  )
  const lines = texts.flatMap((text) =>
    text.split(/(?<=[.?!]) +/).map((sentence) => `${JSON.stringify({ text: sentence })}\n`),
  )
  await writeFile(join(scored, 'all.jsonl'), lines.join(''))
  const third = Math.ceil(lines.length / 3)
  for (const [index, name] of input.three.entries())
    await writeFile(join(scored, name), lines.slice(index * third, (index + 1) * third).join(''))
  expect(await score(scored, 'mtld,compression-ratio', ['--vocabulary', '400'])).toMatchObject({ code: 0 })
})
afterAll(() => rm(folder, { recursive: true }))

function score(world: string, metrics: string, more: readonly string[] = [], paths = input.one) {
  return gradus(world, [
    ...['score', '--input', ...paths, '--out', 'shards', '--metrics', metrics, '--workers', '1'],
    ...['--set', 'stages.read.with.unit-bytes=65536', ...more],
  ])
}

function plan(world: string, metrics: string, more: readonly string[] = [], paths = input.one) {
  return gradus(world, [
    ...['plan', 'score', '--input', ...paths, '--out', 'shards', '--metrics', metrics],
    ...['--set', 'stages.read.with.unit-bytes=65536', ...more],
  ])
}

let worlds = 0
async function copy(): Promise<string> {
  const world = join(folder, `world-${worlds++}`)
  await copyWorld(scored, world)
  return world
}

/** Shards that are made from the start. */
async function fresh(metrics: string, more: readonly string[] = []): Promise<string> {
  const world = await copy()
  await cp(join(world, 'shards', 'tokenizer.json'), join(world, 'tokenizer.json'))
  await rm(join(world, 'shards'), { recursive: true })
  const tokenizer = more.includes('--tokenizer') ? [] : ['--tokenizer', 'tokenizer.json']
  expect(await score(world, metrics, [...more, ...tokenizer])).toMatchObject({ code: 0 })
  return shardsContents(world)
}

/** Inodes of a world's token files: a file that is written anew gets another. */
async function tokenFiles(world: string): Promise<unknown[]> {
  const names = (await readdir(join(world, 'shards'))).filter((name) => name.includes('.tokens.'))
  return Promise.all(names.map(async (name) => [name, (await stat(join(world, 'shards', name))).ino]))
}

test('a metric that is added is computed alone, and the shards are those of a fresh run', async () => {
  const world = await copy()
  const before = await tokenFiles(world)
  const comments = (await plan(world, 'mtld,entropy,compression-ratio')).stdout
  expect(comments).toMatch(
    /^# units 0 to \d: score \(entropy\), write run; text, tokens, mtld, compression-ratio are reused, since `entropy` is new\.$/m,
  )
  const { code, stdout } = await score(world, 'mtld,entropy,compression-ratio')
  expect(code).toBe(0)
  expect(stdout).toMatch(/text and columns that were there are reused in (\d) of \1 units/)
  expect(await tokenFiles(world)).toEqual(before)
  expect(await shardsContents(world)).toBe(await fresh('mtld,entropy,compression-ratio'))
})

test('metrics in another order, or fewer, give the shards of a fresh run', async () => {
  const world = await copy()
  expect(await score(world, 'compression-ratio,mtld')).toMatchObject({ code: 0 })
  expect(await shardsContents(world)).toBe(await fresh('compression-ratio,mtld'))
  expect(await score(world, 'mtld')).toMatchObject({ code: 0 })
  expect(await shardsContents(world)).toBe(await fresh('mtld'))
})

test('a metric of another version is computed alone', async () => {
  const world = await copy()
  const metric = (version: number, value: number) =>
    writeFile(
      join(world, 'own.mjs'),
      `export default { name: 'own', version: ${version}, hardEnd: 'high', open: () => ({ flags: 0, measure: () => ${value} }) }`,
    )
  await metric(1, 5)
  expect(await score(world, 'mtld,own.mjs,compression-ratio')).toMatchObject({ code: 0 })
  await metric(2, 7)
  expect((await plan(world, 'mtld,own.mjs,compression-ratio')).stdout).toMatch(
    /score \(own\), write run; text, tokens, mtld, compression-ratio are reused, since what `own` is made from has changed/,
  )
  expect(await score(world, 'mtld,own.mjs,compression-ratio')).toMatchObject({ code: 0 })
  const manifest = await readFile(join(world, 'shards', 'manifest.jsonl'), 'utf8')
  expect(manifest).toContain('"name":"own","version":2')
})

test('another tokenizer makes tokens and what is measured on them anew, and nothing else', async () => {
  const world = await copy()
  const tokenizer = join(folder, 'other.json')
  const text = await readFile(join(world, 'shards', 'tokenizer.json'), 'utf8')
  // Another file, and other ids: the last merge is gone.
  const json = JSON.parse(text) as { model: { merges: unknown[] } }
  json.model.merges.pop()
  await writeFile(tokenizer, JSON.stringify(json))
  await score(world, 'mtld,entropy')
  expect((await plan(world, 'mtld,entropy', ['--tokenizer', tokenizer])).stdout).toMatch(
    /tokenize, score \(entropy\), write run; text, mtld are reused, since what `tokens` is made from has changed, and what `entropy` is made from has changed/,
  )
  expect(await score(world, 'mtld,entropy', ['--tokenizer', tokenizer])).toMatchObject({ code: 0 })
  expect(await shardsContents(world)).toBe(await fresh('mtld,entropy', ['--tokenizer', tokenizer]))
  expect(await readFile(join(world, 'shards', 'tokenizer.json'), 'utf8')).toBe(
    await readFile(tokenizer, 'utf8'),
  )
})

test('files that are renamed, moved or cut into others change nothing', async () => {
  const world = await copy()
  const before = await shardsContents(world)
  await mkdir(join(world, 'elsewhere'))
  await rename(join(world, 'all.jsonl'), join(world, 'elsewhere', 'renamed.jsonl'))
  for (const paths of [['elsewhere/renamed.jsonl'], input.three]) {
    expect((await plan(world, 'mtld,compression-ratio', [], paths)).stdout).toMatch(
      /^# units 0 to \d: reused whole/m,
    )
    expect((await score(world, 'mtld,compression-ratio', [], paths)).stdout).toContain(
      'all of them were there',
    )
    expect(await shardsContents(world)).toBe(before)
  }
})

test.each(['part-00001.tokens.arrow', 'part-00001.scores.arrow'])(
  'plan names `%s` where a bit of it is another, and changes nothing; score makes that unit anew',
  async (name) => {
    const world = await copy()
    const before = await shardsContents(world)
    const path = join(world, 'shards', name)
    const bytes = await readFile(path)
    bytes[bytes.length >> 1] ^= 4
    await writeFile(path, bytes)
    const { stdout } = await plan(world, 'mtld,compression-ratio')
    expect(stdout).toMatch(new RegExp(`^# unit 1: .* since \`${name}\` is missing or damaged\\.$`, 'm'))
    expect(await readFile(path)).toEqual(bytes)
    expect((await score(world, 'mtld,compression-ratio')).stdout).toMatch(
      /(\d) of \d units were there and are reused/,
    )
    expect(await shardsContents(world)).toBe(before)
  },
)

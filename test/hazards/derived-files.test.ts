import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gradus, type Outcome } from '../../scripts/bench/faults/command-line.ts'
import { copyWorld, resuming, runContents, succeed, training } from '../../scripts/bench/faults/world.ts'
import { makeScoredWorld } from './scored-world.ts'

/**
 * Orders and laid out tokens, which are made from the shards: what `plan` says of them, and what damage comes to; and the
 * mean of a run's models.
 */

const train = training('wasm')
let folder: string
/** A world with shards alone, and one with orders and a run too. */
let scored: string
let trained: string
let expected: string | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-derived-'))
  ;[scored, trained] = ['scored', 'trained'].map((name) => join(folder, name))
  await makeScoredWorld(scored)
  await copyWorld(scored, trained)
  await succeed(trained, train)
  expected = await runContents(trained)
})
afterAll(() => rm(folder, { recursive: true }))

let worlds = 0
async function copyOf(world: string): Promise<string> {
  const copy = join(folder, `world-${worlds++}`)
  await copyWorld(world, copy)
  return copy
}

/** The comments below the graph, without the `# `. */
async function planned(world: string, ...more: string[]): Promise<string[]> {
  const { stdout } = await succeed(world, ['plan', ...train, ...more])
  return stdout.split('\n').flatMap((line) => (line.startsWith('# ') ? line.slice(2) : []))
}

async function derived(world: string, extension: 'arrow' | 'tokens'): Promise<string> {
  const names = await readdir(join(world, 'shards', 'orders'))
  return `shards/orders/${names.find((name) => name.endsWith(extension))}`
}

async function flip(path: string, ...places: number[]): Promise<Buffer> {
  const bytes = await readFile(path)
  const before = Buffer.from(bytes)
  for (const place of places) bytes[place < 0 ? bytes.length + place : place] ^= 8
  await writeFile(path, bytes)
  return before
}

const sentence = (text: string) => expect.stringMatching(new RegExp(`^${text}$`)) as string

describe('plan train', () => {
  const units = sentence('read: `shards` is finished and is reused: \\d units, \\d+ documents.')

  it('says of every stage that it runs, where there are shards alone, and makes nothing', async () => {
    const world = await copyOf(scored)
    expect(await planned(world)).toEqual([
      units,
      sentence(
        'order: `shards/orders/\\w+.arrow` is made, since none was made from these scores, options and seed yet.',
      ),
      sentence(
        'pack: `shards/orders/\\w+.tokens` is made, since none was made from the tokens of these shards yet.',
      ),
      'forward, ohem, backward, optimize, evaluate, checkpoint, record run for every batch, since `run` holds no run yet.',
    ])
    expect(['shards/orders', 'run'].filter((name) => existsSync(join(world, name)))).toEqual([])
  })

  it('names the files that are reused, and what another seed leaves of them', async () => {
    const [order, tokens] = [await derived(trained, 'arrow'), await derived(trained, 'tokens')]
    const reused = `pack: \`${tokens}\` is reused, since it was made from the tokens of these shards.`
    const ended = '`run` holds a run that has reached its end, which stays as it is: name another folder.'
    expect(await planned(trained)).toEqual([
      units,
      `order: \`${order}\` is reused, since it was made from these scores, options and seed.`,
      reused,
      ended,
    ])
    const other = await planned(trained, '--seed', '2')
    expect(other[1]).toMatch(/^order: .* is made, since none was made/)
    expect(other[1]).not.toContain(order)
    expect(other.slice(2)).toEqual([reused, ended])
  })

  it('names damage, and the checkpoint that a run goes on from', async () => {
    const world = await copyOf(trained)
    const [order, tokens] = [await derived(world, 'arrow'), await derived(world, 'tokens')]
    await flip(join(world, order), 300)
    await flip(join(world, tokens), 5000)
    await rm(join(world, 'run', 'run.json'))
    expect((await planned(world)).slice(1)).toEqual([
      `order: \`${order}\` is made anew, since it is damaged.`,
      `pack: \`${tokens}\` is made anew, since it is damaged.`,
      '`run` holds a run, and `train --resume run` goes on with it after 12 of 12 steps, since `run/checkpoints/step-000012` is whole.',
    ])
    await rm(join(world, 'shards', 'part-00001.scores.arrow'))
    expect(await planned(world)).toEqual([
      sentence('What would run is not known: `shards/part-00001.scores.arrow` is missing: run the same .*'),
    ])
  })
})

describe('a file that is made from the shards and was damaged', () => {
  /** Trains from the start in a world whose run is gone. */
  async function trainAnew(world: string): Promise<Outcome> {
    await rm(join(world, 'run'), { recursive: true })
    return gradus(world, train)
  }

  it.each([
    ['an order', 'arrow', [300], /^The order `ORDER` is damaged and is made anew\.$/m],
    // The blocks are 64 KiB, and training reads of all of them.
    [
      'laid out tokens, within',
      'tokens',
      [5000, 70_000],
      /^`ORDER` is damaged: laying out [\d,]+ tokens .* anew\.$/m,
    ],
    [
      'laid out tokens, at the end',
      'tokens',
      [-1],
      /^`ORDER` is damaged: laying out [\d,]+ tokens .* anew\.$/m,
    ],
  ] as const)(
    '%s, is made anew with a sentence, and training comes to the same',
    async (_, kind, places, text) => {
      const world = await copyOf(trained)
      const name = await derived(world, kind)
      const bytes = await flip(join(world, name), ...places)
      const { code, stderr } = await trainAnew(world)
      expect({ code, stderr }).toEqual({
        code: 0,
        stderr: expect.stringMatching(new RegExp(text.source.replace('ORDER', name), 'm')) as string,
      })
      expect(await readFile(join(world, name))).toEqual(bytes)
      expect(await runContents(world)).toBe(expected)
      expect(await succeed(world, ['verify', 'shards'])).toMatchObject({ code: 0 })
    },
  )

  it('is made anew under a run that goes on', async () => {
    const world = await copyOf(trained)
    for (const name of ['run/run.json', 'run/checkpoints/step-000012'])
      await rm(join(world, name), { recursive: true })
    await flip(join(world, await derived(world, 'arrow')), 300)
    await flip(join(world, await derived(world, 'tokens')), 5000, 70_000)
    const { code, stderr } = await gradus(world, resuming)
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/Going on after 10 of 12 steps/) as string,
    })
    expect(await runContents(world)).toBe(expected)
  })

  it('is refused where the shards that it is made from are damaged too', async () => {
    const world = await copyOf(trained)
    await flip(join(world, await derived(world, 'tokens')), 5000, 70_000)
    await flip(join(world, 'shards', 'part-00001.tokens.arrow'), 3000)
    const { code, stderr } = await trainAnew(world)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^`shards\/part-00001\.tokens\.arrow` is damaged \(.*\): run the same `score` command again, which writes it anew\.$/m,
    )
    expect(stderr).not.toMatch(/fault of gradus/)
  })
})

describe('the mean of the last models of a run', () => {
  it('is verified, is not generated from where a byte was changed, and is made anew by a run that goes on', async () => {
    const world = await copyOf(trained)
    const path = 'run/checkpoints/average/model.safetensors'
    const bytes = await flip(join(world, path), -3)
    const problem = `\`${path}\` was altered since it was written. Remove the \`run.json\` of its run and go on with \`train --resume\`, which writes the mean of the run's models anew.\n`
    expect(await gradus(world, ['verify', 'run'])).toMatchObject({ code: 1, stdout: problem })
    const generated = await gradus(world, ['generate', 'run/checkpoints/average'])
    expect(generated).toMatchObject({ code: 1, stdout: '', stderr: problem })
    await rm(join(world, 'run', 'run.json'))
    await succeed(world, resuming)
    expect(await readFile(join(world, path))).toEqual(bytes)
    expect(await gradus(world, ['verify', 'run'])).toMatchObject({ code: 0 })
    expect(await runContents(world)).toBe(expected)
  })
})

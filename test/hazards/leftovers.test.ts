import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gradus } from '../../scripts/bench/faults/command-line.ts'
import {
  copyWorld,
  filesBelow,
  resuming,
  runContents,
  succeed,
  training,
} from '../../scripts/bench/faults/world.ts'
import { makeScoredWorld } from './scored-world.ts'
import { ownMark } from '../../stages/process-mark.ts'
import { removeAbandoned, sharedPartial } from '../../stages/shared-partials.ts'

/** Temporary files of processes that were killed while they wrote them. */

const train = training('wasm')
let folder: string
let scored: string
let expected: string | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-leftovers-'))
  scored = join(folder, 'scored')
  await makeScoredWorld(scored)
  const whole = join(folder, 'whole')
  await copyWorld(scored, whole)
  await succeed(whole, train)
  expected = await runContents(whole)
})
afterAll(() => rm(folder, { recursive: true }))

/** Paths of temporary files and of all that temporary folders hold. */
async function partials(world: string): Promise<string[]> {
  return (await filesBelow(world)).filter((name) => name.includes('.partial'))
}

/** A module that kills its process before the first rename to a path that ends so. */
async function killerAt(world: string, ending: string): Promise<string> {
  const path = join(world, 'kill.mjs')
  await writeFile(
    path,
    `import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const { rename } = fs.promises
    fs.promises.rename = (from, to) => {
      if (${new RegExp(ending).toString()}.test(String(to))) process.kill(process.pid, 'SIGKILL')
      return rename(from, to)
    }
    syncBuiltinESMExports()`,
  )
  return path
}

test.each([
  ['while it writes an order', '\\.arrow$', /^shards\/orders\/\w+\.arrow\.[\w-]+$/],
  ['while it lays out tokens', '\\.tokens$', /^shards\/orders\/\w+\.tokens\.[\w-]+\.partial$/],
  ['while it writes a checkpoint', 'step-000004$', /^run\/checkpoints\/\.step-000004\.partial\//],
  ['while it writes its last record', 'run\\.json$', /^run\/run\.json\.partial$/],
])('what a process leaves that is killed %s is removed by the next one', async (_, ending, left) => {
  const world = join(folder, 'killed')
  await copyWorld(scored, world)
  const killed = await gradus(world, train, { preload: await killerAt(world, ending) })
  expect(killed.signal).toBe('SIGKILL')
  const there = await filesBelow(world)
  expect(there.filter((name) => left.test(name)).length).toBeGreaterThan(0)
  const isBegun = there.includes('run/steps.jsonl')
  expect(await gradus(world, isBegun ? resuming : train)).toMatchObject({ code: 0 })
  expect((await filesBelow(world)).filter((name) => left.test(name))).toEqual([])
  expect(await partials(world)).toEqual([])
  expect(await runContents(world)).toBe(expected)
})

test('a file or folder stays while its process lives, here or on another machine', async () => {
  const orders = join(folder, 'orders')
  const { place, pid, began } = ownMark()
  const far = 'f00f00f00f00'
  const [live, reborn, working, silent, order] = [
    `a.tokens.${place}-${pid}-${began}.partial`,
    // Another process has had its number since.
    `b.tokens.${place}-${pid}-000000000000.partial`,
    `c.tokens.${far}-${pid}-${began}.partial`,
    `d.arrow.${far}-${pid}-`,
    'e.arrow',
  ]
  expect(`${sharedPartial('a.tokens')}.partial`).toBe(live)
  await mkdir(orders)
  for (const name of [live, reborn, working, silent, order]) await writeFile(join(orders, name), '')
  const longAgo = new Date(Date.now() - 48 * 3600 * 1000)
  for (const name of [live, silent, order]) await utimes(join(orders, name), longAgo, longAgo)
  const [sorting, sorted] = [`sorting.${place}-${pid}-${began}`, `sorting.${place}-${pid}-000000000000`]
  for (const name of [sorting, sorted]) {
    await mkdir(join(orders, name))
    await writeFile(join(orders, name, '0'), '')
  }
  await removeAbandoned(orders)
  expect((await readdir(orders)).sort()).toEqual([live, working, order, sorting])
})

import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gradus } from '../../scripts/bench/faults/command-line.ts'
import { copyWorld, resuming, runContents, succeed, training } from '../../scripts/bench/faults/world.ts'
import { makeScoredWorld } from './scored-world.ts'

/** A run that selects by another model's losses, and goes on after that model has changed. */

let folder: string
/** A world with a reference model, and a run with it that was killed before its last checkpoint. */
let stopped: string
let expected: string | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-reference-'))
  stopped = join(folder, 'stopped')
  await makeScoredWorld(stopped)
  await succeed(stopped, training('wasm'))
  await rename(join(stopped, 'run'), join(stopped, 'reference'))
  const options = ['criterion=excess', 'reference=reference'].flatMap((option) => [
    '--set',
    `stages.ohem.with.${option}`,
  ])
  await succeed(stopped, [...training('wasm'), ...options])
  expected = await runContents(stopped)
  for (const name of ['run/run.json', 'run/checkpoints/step-000012'])
    await rm(join(stopped, name), { recursive: true })
})
afterAll(() => rm(folder, { recursive: true }))

async function copy(name: string): Promise<string> {
  const world = join(folder, name)
  await copyWorld(stopped, world)
  return world
}

test('it is refused in one sentence that names the model, and goes on once that is put back', async () => {
  const world = await copy('changed')
  const newest = join(world, 'reference', 'checkpoints', 'step-000012')
  await rename(newest, join(world, 'aside'))
  const { code, stderr } = await gradus(world, resuming)
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr:
      'The checkpoint `run/checkpoints/step-000010` was trained with `reference` of `ohem` at "reference", and what "reference" holds has changed since. Put it back, or begin a new run.\n',
  })
  await rename(join(world, 'aside'), newest)
  expect(await gradus(world, resuming)).toMatchObject({ code: 0 })
  expect(await runContents(world)).toBe(expected)
})

test('it is refused where a weight of the model is another', async () => {
  const world = await copy('weight')
  const path = join(world, 'reference', 'checkpoints', 'step-000012', 'model.safetensors')
  const bytes = await readFile(path)
  bytes[bytes.length - 5] ^= 1
  await writeFile(path, bytes)
  expect((await gradus(world, resuming)).stderr).toContain('what "reference" holds has changed since')
})

test('it is refused where the model is gone, and goes on where it lies elsewhere by now', async () => {
  const world = await copy('moved')
  await cp(join(world, 'reference', 'checkpoints', 'step-000012'), join(world, 'elsewhere'), {
    recursive: true,
  })
  await rm(join(world, 'reference'), { recursive: true })
  expect((await gradus(world, resuming)).stderr).toMatch(
    /^The `reference` of `ohem` is no model to compare with: `reference` holds no checkpoint\. .*\n$/,
  )
  const moved = [...resuming, '--set', 'stages.ohem.with.reference=elsewhere']
  expect(await gradus(world, moved)).toMatchObject({ code: 0 })
  expect(await runContents(world)).toBe(expected)
})

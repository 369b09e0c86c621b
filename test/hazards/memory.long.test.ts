import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Circumstances, gradus } from '../../scripts/bench/faults/command-line.ts'
import {
  copyWorld,
  makeWorld,
  scoring,
  shardsContents,
  succeed,
  training,
} from '../../scripts/bench/faults/world.ts'
import { tryBackend } from '../../stages/training/backend/open-backend.ts'

/** Memory under a limit, as far as a process can still say something when it meets it. */

let folder: string
let bare: string
let whole: string
const score = scoring('--vocabulary', '400', '--metrics', 'compression-ratio,hungry.mjs')

/** A metric that takes all the memory it can get, in the way and after as many documents as the environment says. */
const hungry = `
const grow = {
  buffers: () => new Uint8Array(2 ** 28),
  objects: () => Array.from({ length: 1e5 }, (_, n) => ({ n })),
}[process.env.HUNGRY]
let documents = 0
export default {
  name: 'hungry', version: 1, hardEnd: 'high',
  open: () => ({
    flags: 0,
    measure() {
      documents++
      const held = []
      while (grow && documents > process.env.AFTER) held.push(grow())
      return 1
    },
  }),
}`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-memory-'))
  ;[bare, whole] = ['bare', 'whole'].map((name) => join(folder, name))
  await makeWorld(bare, 12)
  await writeFile(join(bare, 'hungry.mjs'), hungry)
  await copyWorld(bare, whole)
  await succeed(whole, [...score, '--workers', '1'])
})
afterAll(() => rm(folder, { recursive: true }))

/** Address space can be limited on Linux alone. */
const onLinux = process.platform === 'linux' ? test.each : test.skip.each

onLinux<[string, number, Circumstances, RegExp]>([
  [
    'in its only thread',
    1,
    { memory: 4 * 2 ** 20, environment: { HUNGRY: 'buffers', AFTER: '250' } },
    /^Memory has run out \(Array buffer allocation failed\): end other programs, .*\.$/m,
  ],
  [
    'in one of its workers',
    2,
    { memory: 4 * 2 ** 20, environment: { HUNGRY: 'buffers', AFTER: '60' } },
    /^Memory has run out \(Array buffer allocation failed\): end other programs, .*\.$/m,
  ],
  [
    'in the heap of a worker',
    2,
    { heap: 100, environment: { HUNGRY: 'objects', AFTER: '60' } },
    /^Memory has run out \(a worker reached its limit\): end other programs, .*\.$/m,
  ],
])(
  'scoring that runs out of memory %s says so, and the same command goes on',
  async (_, workers, limits, text) => {
    const world = join(folder, `world-${workers}`)
    await copyWorld(bare, world)
    const command = [...score, '--workers', `${workers}`]
    const { code, stderr } = await gradus(world, command, limits)
    expect(stderr).toMatch(text)
    expect(stderr).not.toMatch(/^\s+at |fault of gradus/m)
    expect(code).toBe(1)
    const again = await succeed(world, command)
    // Two workers begin with a unit each.
    if (workers === 1) expect(again.stdout).toContain('1 of 3 units were there and are reused')
    expect(await shardsContents(world)).toBe(await shardsContents(whole))
  },
)

const isNative = !('problem' in (await tryBackend('tensorflow')))
const onTensorflow = isNative && process.platform === 'linux' ? test : test.skip

onTensorflow.each<[string, Circumstances]>([
  ['the process', { memory: 14 * 2 ** 20 }],
  [
    'TensorFlow, which has nine tenths of the machine otherwise,',
    { environment: { TF_CPU_BFC_MEM_LIMIT_IN_MB: '4000' } },
  ],
])(
  'a batch that %s has no memory for is one sentence, and a smaller one goes through',
  async (who, limits) => {
    const world = join(folder, `train-${who.length}`)
    await copyWorld(whole, world)
    // The activations of 2^22 tokens in 1024 dimensions take 16 GiB at once.
    const large = [
      'order.with.tokens=4194304',
      ...['pack.with.rows=4096', 'pack.with.length=1024', 'forward.with.dim=1024'],
    ].flatMap((option) => ['--set', `stages.${option}`])
    const command = training('tensorflow')
    const { code, stderr } = await gradus(world, [...command, ...large], limits)
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^Memory has run out \(OOM when allocating tensor with shape\[[\d,]+\]\): .*fewer `rows`.*\.$/m,
      ) as string,
    })
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(await gradus(world, ['verify', 'shards'])).toMatchObject({ code: 0 })
    expect(await gradus(world, command)).toMatchObject({ code: 0 })
  },
)

onTensorflow('a step of 16,384 tokens of a vocabulary of 32,000 takes less than 1.5 GB', () => {
  const { status, stdout } = spawnSync(process.execPath, ['dist/scripts/bench/peak-memory.js'], {
    env: process.env,
    encoding: 'utf8',
  })
  expect(status).toBe(0)
  expect(Number(stdout)).toBeGreaterThan(300)
  expect(Number(stdout)).toBeLessThan(1500)
})

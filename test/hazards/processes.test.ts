import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { lockFolder } from '../../pipeline/folder-lock.ts'
import { thisProcess } from '../../pipeline/lock-holder.ts'
import { placeOf } from '../../pipeline/share.ts'
import { gradus } from '../../scripts/bench/faults/command-line.ts'
import {
  copyWorld,
  makeWorld,
  resuming,
  scoring,
  shardsContents,
  training,
} from '../../scripts/bench/faults/world.ts'
import { openShards } from '../../stages/shards/open-shards.ts'
import { cli } from '../pipeline/command-line.ts'

/** Several processes in one folder. */

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'gradus-processes-'))))
afterAll(() => rm(folder, { recursive: true }))

let places = 0
const place = () => join(folder, `place-${places++}`)

describe('a lock', () => {
  it('keeps a second process out, in a sentence that says who is there, until it is released', async () => {
    const to = place()
    const lock = await lockFolder(to)
    await expect(lockFolder(to)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(
        new RegExp(
          `\`${to}\` is being written by process ${process.pid} on ${hostname()}, since \\d{4}-\\d\\d-\\d\\d [\\d:]+ UTC: wait`,
        ),
      ) as string,
    })
    await lock[Symbol.asyncDispose]()
    await (await lockFolder(to))[Symbol.asyncDispose]()
    expect(await readdir(to)).toEqual([])
  })

  it('is taken by one of many that come at once', async () => {
    const to = place()
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(to)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('of a process that was killed is taken over at once, by one of many', async () => {
    const to = place()
    await lockFolder(to)
    const child = spawn(process.execPath, ['-e', ''])
    await new Promise((resolve) => child.on('close', resolve))
    const gone = { ...thisProcess(''), id: 'gone', pid: child.pid as number }
    for (let round = 0; round < 100; round++) {
      await writeFile(join(to, '.lock'), JSON.stringify(gone))
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(to)))
      const locks = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
      expect(locks).toHaveLength(1)
      await locks[0]?.[Symbol.asyncDispose]()
      expect(await readdir(to)).toEqual([])
    }
  })

  it('of which a process was killed while it took it over from another passes to one of many', async () => {
    const to = place()
    await lockFolder(to)
    const gone = { ...thisProcess(''), id: 'gone', began: '1' }
    await writeFile(join(to, '.lock'), JSON.stringify(gone))
    await writeFile(join(to, '.lock.after-gone'), JSON.stringify({ ...gone, id: 'heir' }))
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(to)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await readdir(to)).toEqual(['.lock'])
  })

  it('leaves nothing behind of a process that was killed before it had written down who it is', async () => {
    const to = place()
    await lockFolder(to)
    const { place: own, pid } = thisProcess('')
    await writeFile(join(to, `.lock.${randomUUID()}.${own}-${pid}-000000000000`), '')
    await rm(join(to, '.lock'))
    await lockFolder(to)
    expect(await readdir(to)).toEqual(['.lock'])
  })

  it('of a process whose number another has got by now is taken over', async () => {
    const to = place()
    await lockFolder(to)
    await writeFile(join(to, '.lock'), JSON.stringify({ ...thisProcess(''), id: 'gone', began: '1' }))
    await (await lockFolder(to))[Symbol.asyncDispose]()
  })

  it('of another machine is respected while its heart beats, and taken over after a silence', async () => {
    const to = place()
    await lockFolder(to)
    const path = join(to, '.lock')
    await writeFile(
      path,
      JSON.stringify({ ...thisProcess(''), id: 'far', host: 'far-away', place: 'far-away' }),
    )
    await expect(lockFolder(to)).rejects.toThrow(/on far-away/)
    const longAgo = new Date(Date.now() - 120_000)
    await utimes(path, longAgo, longAgo)
    await (await lockFolder(to))[Symbol.asyncDispose]()
  })

  it('that is half written is respected while it is fresh', async () => {
    const to = place()
    await lockFolder(to)
    await writeFile(join(to, '.lock'), '{"id":"ab')
    await expect(lockFolder(to)).rejects.toThrow(/is being written by another process:/)
  })
})

test.each<[string, Record<string, string>, object, unknown]>([
  [
    'Slurm, from 3',
    { SLURM_ARRAY_TASK_ID: '5', SLURM_ARRAY_TASK_COUNT: '4', SLURM_ARRAY_TASK_MIN: '3' },
    {},
    [2, 4],
  ],
  [
    'Slurm, every other',
    {
      SLURM_ARRAY_TASK_ID: '6',
      SLURM_ARRAY_TASK_COUNT: '4',
      SLURM_ARRAY_TASK_MIN: '0',
      SLURM_ARRAY_TASK_STEP: '2',
    },
    {},
    [3, 4],
  ],
  ['Kubernetes', { JOB_COMPLETION_INDEX: '1' }, { worldSize: 3 }, [1, 3]],
  ['AWS Batch', { AWS_BATCH_JOB_ARRAY_INDEX: '0', AWS_BATCH_JOB_ARRAY_SIZE: '9' }, {}, [0, 9]],
  [
    'Grid Engine',
    { SGE_TASK_ID: '1', SGE_TASK_FIRST: '1', SGE_TASK_LAST: '5', SGE_TASK_STEPSIZE: '2' },
    {},
    [0, 3],
  ],
  ['Grid Engine without an array', { SGE_TASK_ID: 'undefined' }, {}, undefined],
  [
    'flags over an array',
    { SLURM_ARRAY_TASK_ID: '1', SLURM_ARRAY_TASK_COUNT: '4' },
    { rank: 0, worldSize: 2 },
    [0, 2],
  ],
  [
    'all in one process',
    { SLURM_ARRAY_TASK_ID: '1', SLURM_ARRAY_TASK_COUNT: '4' },
    { worldSize: 1 },
    undefined,
  ],
  ['nothing', {}, {}, undefined],
])('%s says which process this is', (_, environment, flags, expected) => {
  const found = placeOf(flags, environment)
  expect(found && [found.rank, found.worldSize]).toEqual(expected)
})

test.each<[string, Record<string, string>, object, RegExp]>([
  ['a rank alone', {}, { rank: 1 }, /not of how many: give --world-size/],
  [
    'a Kubernetes index alone',
    { JOB_COMPLETION_INDEX: '2' },
    {},
    /JOB_COMPLETION_INDEX says that this is process 2/,
  ],
  ['a number alone', {}, { worldSize: 2 }, /--world-size needs --rank/],
  ['a rank too high', {}, { rank: 2, worldSize: 2 }, /Process 2 of 2 .* cannot be/],
  ['half a rank', {}, { rank: 0.5, worldSize: 2 }, /cannot be/],
])('%s is refused in one sentence', (_, environment, flags, message) => {
  expect(() => placeOf(flags, environment)).toThrow(message)
})

describe('processes that divide a plan', () => {
  const first = scoring('--vocabulary', '400', '--metrics', 'compression-ratio', '--workers', '1')
  const share = (rank: number) => [...first, '--rank', `${rank}`, '--world-size', '2']
  let whole: string
  let bare: string

  beforeAll(async () => {
    bare = place()
    await makeWorld(bare, 16)
    whole = place()
    await copyWorld(bare, whole)
    expect(await gradus(whole, first)).toMatchObject({ code: 0 })
  })

  it('come to the parts of a single process, with a manifest each, at once', async () => {
    const world = place()
    await copyWorld(bare, world)
    const outcomes = await Promise.all([0, 1].map((rank) => gradus(world, share(rank))))
    expect(outcomes).toMatchObject([{ code: 0 }, { code: 0 }])
    // One trained the tokenizer, and the other waited for it.
    expect(outcomes.filter(({ stderr }) => stderr.includes('Training a tokenizer'))).toHaveLength(1)
    const manifests = (await readdir(join(world, 'shards'))).filter((name) =>
      /^manifest\.\d\.jsonl$/.test(name),
    )
    expect(manifests.length).toBeGreaterThan(0)
    expect((await openShards(join(world, 'shards'))).rows).toBe(
      (await openShards(join(whole, 'shards'))).rows,
    )
    // A process that is alone joins what they have left.
    expect((await gradus(world, first)).stdout).toContain('all of them were there and are reused')
    expect(await shardsContents(world)).toBe(await shardsContents(whole))
  })

  it('one after the other, and after a unit was lost', async () => {
    const world = place()
    await copyWorld(bare, world)
    const { stdout } = await gradus(world, share(0))
    expect(stdout).toMatch(/units of process 0 in shards; \d units of other processes are still missing/)
    await expect(openShards(join(world, 'shards'))).rejects.toThrow(/unfinished, \d of \d units are missing/)
    await rm(join(world, 'shards', 'part-00000.scores.arrow'))
    expect((await gradus(world, share(1))).stdout).not.toContain('all units are there')
    expect((await gradus(world, share(0))).stdout).toContain('all units are there')
    expect(await gradus(world, first)).toMatchObject({ code: 0 })
    expect(await shardsContents(world)).toBe(await shardsContents(whole))
  })

  it('are kept out by one that scores everything, and a run by the same run', async () => {
    const world = place()
    await copyWorld(whole, world)
    const refused = expect.stringMatching(/^`(shards|run)` is being written by process \d+ on /) as string
    const lock = await lockFolder(join(world, 'shards'))
    expect(await gradus(world, first)).toMatchObject({ code: 1, stderr: refused })
    expect((await gradus(world, share(0))).stderr).toMatch(/^`shards` is being written by process/m)
    await lock[Symbol.asyncDispose]()
    const run = await lockFolder(join(world, 'run'))
    await writeFile(join(world, 'run', 'graph.yaml'), 'stages: {}')
    for (const command of [training('wasm'), resuming])
      expect(await gradus(world, command)).toMatchObject({ code: 1, stderr: refused })
    await run[Symbol.asyncDispose]()
    expect(await readFile(join(world, 'run', 'graph.yaml'), 'utf8')).toBe('stages: {}')
  })

  it('are kept out of a run as long as it trains', async () => {
    const world = place()
    await copyWorld(whole, world)
    const words = [...training('wasm'), '--set', 'stages.order.with.tokens=640000']
    const child = spawn(process.execPath, [cli, ...words], { cwd: world, stdio: 'ignore' })
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    const begun = setInterval(() => {
      if (!existsSync(join(world, 'run', 'steps.jsonl'))) return
      clearInterval(begun)
      void lockFolder(join(world, 'run')).then(
        () => child.kill('SIGKILL'),
        () => child.kill('SIGTERM'),
      )
    }, 1)
    // It ends in good order where the lock was held.
    expect(await ended).toBe(130)
    clearInterval(begun)
  })
})

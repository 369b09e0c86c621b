import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gradus } from '../../scripts/bench/faults/command-line.ts'
import {
  copyWorld,
  makeWorld,
  scoring,
  shardsContents,
  shardsFolder,
} from '../../scripts/bench/faults/world.ts'

/** What runs out: room, permission, files. */

let folder: string
let bare: string
let whole: string
const command = scoring('--vocabulary', '400', '--metrics', 'compression-ratio', '--workers', '1')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-resources-'))
  bare = join(folder, 'bare')
  whole = join(folder, 'whole')
  await makeWorld(bare, 12)
  await copyWorld(bare, whole)
  expect(await gradus(whole, command)).toMatchObject({ code: 0 })
})
afterAll(() => rm(folder, { recursive: true }))

/** Whether this machine lets tests make small disks: in a container without the right to, they have nothing to fill. */
const canMount = (() => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', '/mnt'], { stdio: 'ignore' })
    execFileSync('umount', ['/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
const onSmallDisks = canMount ? describe : describe.skip

onSmallDisks('a small disk', () => {
  let world: string
  beforeEach(async () => {
    world = join(folder, 'small')
    await copyWorld(bare, world)
    await mkdir(join(world, shardsFolder))
    mount('-t', 'tmpfs', '-o', 'size=120k', 'tmpfs')
  })
  afterEach(() => void execFileSync('umount', [join(world, shardsFolder)]))

  function mount(...options: readonly string[]): void {
    execFileSync('mount', [...options, join(world, shardsFolder)])
  }

  test('that is full is one sentence, what was finished stays, and the same command goes on', async () => {
    const full = await gradus(world, command)
    expect(full).toMatchObject({ code: 1 })
    expect(full.stderr).toMatch(/^There is no room left on the disk.*ENOSPC.*run the same command again/m)
    const there = await readdir(join(world, shardsFolder))
    expect(there).toContain('part-00000.tokens.arrow')
    expect(there.filter((name) => name.endsWith('.partial'))).toEqual([])
    mount('-o', 'remount,size=4m')
    const { code, stdout } = await gradus(world, command)
    expect(code).toBe(0)
    expect(stdout).toMatch(/\d of \d units were there and are reused/)
    expect(await shardsContents(world)).toBe(await shardsContents(whole))
  })

  test('that can only be read is one sentence', async () => {
    mount('-o', 'remount,ro')
    const { code, stderr } = await gradus(world, command)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^The file system at `shards` can only be read \(EROFS\): name a folder/m)
  })
})

test('too many open files is one sentence, and the same command goes on', async () => {
  const world = join(folder, 'files')
  await copyWorld(bare, world)
  const preload = join(world, 'open-all.mjs')
  await writeFile(
    preload,
    `import { existsSync, openSync } from 'node:fs'
    const timer = setInterval(() => {
      if (!existsSync('shards/part-00000.tokens.arrow')) return
      clearInterval(timer)
      try { for (;;) openSync('/dev/null') } catch {}
    }, 1)
    timer.unref()`,
  )
  const { code, stderr } = await gradus(world, command, { openFiles: 512, preload })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^Too many files are open \(EMFILE\): raise the limit/m)
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(await gradus(world, command)).toMatchObject({ code: 0 })
  expect(await shardsContents(world)).toBe(await shardsContents(whole))
})

test('verify reads every file, and names those that are not as they were written', async () => {
  const world = join(folder, 'verified')
  await copyWorld(whole, world)
  expect(await gradus(world, ['verify', 'shards'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+ files are as they were written\.\n$/) as string,
  })
  const path = join(world, shardsFolder, 'part-00001.scores.arrow')
  const bytes = await readFile(path)
  bytes[40] ^= 1
  await writeFile(path, bytes)
  const { code, stdout } = await gradus(world, ['verify', 'shards', '--json'])
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toEqual({
    folder: 'shards',
    files: expect.any(Number) as number,
    damage: [
      '`shards/part-00001.scores.arrow` is missing or was altered: run the same `score` command again, which makes that unit anew.',
    ],
  })
  expect(await gradus(world, ['verify', 'texts'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('holds no shards and no run') as string,
  })
})

test('a signal ends scoring after the unit at hand, and says how to go on', async () => {
  const world = join(folder, 'stopped')
  await copyWorld(bare, world)
  const preload = join(world, 'stop.mjs')
  await writeFile(
    preload,
    `import { existsSync, readdirSync } from 'node:fs'
    const timer = setInterval(() => {
      if (!existsSync('shards') || !readdirSync('shards').some((name) => name.startsWith('part-'))) return
      clearInterval(timer)
      process.kill(process.pid, 'SIGTERM')
    }, 0)
    timer.unref()`,
  )
  const { code, stderr } = await gradus(world, command, { preload })
  expect(code).toBe(130)
  expect(stderr).toMatch(/Stopping after the unit at hand\. A second signal stops at once\.\n/)
  expect(stderr).toMatch(/Stopped\. The same command goes on with what is missing\.\n$/)
  expect(await readdir(join(world, shardsFolder))).toContain('part-00000.scores.arrow')
  expect((await gradus(world, command)).stdout).toMatch(/\d of \d units were there and are reused/)
  expect(await shardsContents(world)).toBe(await shardsContents(whole))
})

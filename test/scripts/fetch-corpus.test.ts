import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Content, commit, LocalHub, sha256 } from './local-hub.ts'

/** The compiled script as a child process, against a hub on this machine. */

let root: string
let out: string
let hub: LocalHub
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gradus-fetch-'))
  out = join(root, 'data')
  hub = await LocalHub.start()
})
afterEach(async () => {
  hub.close()
  await rm(root, { recursive: true })
})

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(parameters: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ['dist/scripts/fetch-corpus.js', ...parameters], {
    env: { PATH: process.env.PATH, HF_ENDPOINT: hub.endpoint, ...env },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }))
  })
  return { child, ended }
}

function fetchStories(pattern: string, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return start(['owner/stories', '--out', out, '--file', pattern], env).ended
}

async function fails(outcome: Promise<Outcome>, message: RegExp) {
  const { code, stdout, stderr } = await outcome
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  const sentence = stderr.trimEnd().split('\n').at(-1)
  expect(sentence).toMatch(message)
  expect(sentence).toMatch(/: .*\.$/)
  expect(stderr).not.toMatch(/^\s+at /m)
}

/** Bytes without a pattern that a shifted range could hide in. */
function bytes(length: number, seed = 1): Buffer {
  return createHash('shake256', { outputLength: length }).update(String(seed)).digest()
}

function addLarge(path: string, content: Partial<Content> = {}): Buffer {
  const made = content.bytes ?? bytes(3_000_000)
  hub.files.set(path, { bytes: made, large: true, ...content })
  return made
}

/** Names in the folder and below, sorted. */
async function listed(): Promise<string[]> {
  const entries = await readdir(out, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(out.length + 1))
    .sort()
}

const partial = (path: string, content: Buffer) =>
  join(out, `${path}.${sha256(content).slice(0, 12)}.partial`)

/** Starts, and waits until the storage has sent 1 MB of the file and fallen silent, and that much is on disk. */
async function startHalf(path: string, content: Buffer) {
  hub.faults.push({ sent: 1_000_000, then: 'silence' })
  const started = start(['owner/stories', '--out', out, '--file', path])
  while ((await stat(partial(path, content)).catch(() => undefined))?.size !== 1_000_000) await setTimeout(20)
  return started
}

async function interrupt(path: string, content: Buffer, signal: NodeJS.Signals): Promise<Outcome> {
  const { child, ended } = await startHalf(path, content)
  child.kill(signal)
  return ended
}

test('files that match arrive whole, from the storage to which the hub redirects and from the hub itself', async () => {
  const story = addLarge('data/train #1.parquet')
  const other = addLarge('data/deep/validation.parquet', { bytes: bytes(70_000, 2) })
  const readme = Buffer.from('# Stories\n')
  hub.files.set('README.md', { bytes: readme })
  hub.files.set('empty.txt', { bytes: Buffer.alloc(0) })
  addLarge('stories.tar.gz')

  const patterns = ['data/**', '*.md', 'empty.txt'].flatMap((pattern) => ['--file', pattern])
  const { code, stdout, stderr } = await start(['owner/stories', '--out', out, ...patterns]).ended

  expect(stderr).toContain(`owner/stories at ${commit.slice(0, 12)}: 4 files, 3.07 MB`)
  expect({ code, stdout }).toEqual({ code: 0, stdout: `4 files of owner/stories in ${out}\n` })
  expect(await listed()).toEqual([
    'README.md',
    'data/deep/validation.parquet',
    'data/train #1.parquet',
    'empty.txt',
  ])
  expect((await readFile(join(out, 'data/train #1.parquet'))).equals(story)).toBe(true)
  expect((await readFile(join(out, 'data/deep/validation.parquet'))).equals(other)).toBe(true)
  expect(await readFile(join(out, 'README.md'))).toEqual(readme)
})

test('the name tinystories stands for the training and validation files of roneneldan/TinyStories', async () => {
  const paths = [
    'data/train-00000-of-00004-2d5a1467fff1081b.parquet',
    'data/validation-00000-of-00001-869c898b519ad725.parquet',
  ]
  for (const path of [...paths, 'README.md', 'TinyStories_all_data.tar.gz'])
    addLarge(path, { bytes: bytes(100) })
  expect((await start(['tinystories', '--out', out]).ended).code).toBe(0)
  expect(hub.asked[0].path).toContain('/roneneldan/TinyStories/')
  expect(await listed()).toEqual(paths)
})

test('a connection that is cut in the middle is taken up where it broke', async () => {
  const story = addLarge('story.txt')
  hub.faults.push({ sent: 1_000_000, then: 'cut' }, { sent: 500_000, then: 'cut' }, { status: 503 })
  const { code, stderr } = await fetchStories('story.txt')
  expect(code).toBe(0)
  // What was on its way when the connection broke may be lost with it.
  const [first, second, third, fourth] = hub.starts
  expect(first).toBe(0)
  expect(second).toBeGreaterThan(700_000)
  expect(third).toBeGreaterThan(second)
  expect(fourth).toBe(third)
  expect(hub.starts).toHaveLength(4)
  expect(stderr).toMatch(/story\.txt: the connection broke at [\d.]+ (kB|MB), trying again/)
  expect((await readFile(join(out, 'story.txt'))).equals(story)).toBe(true)
  expect(await listed()).toEqual(['story.txt'])
})

test('a download whose process is killed goes on from there the next time', async () => {
  const story = addLarge('story.txt')
  await interrupt('story.txt', story, 'SIGKILL')
  expect(await listed()).toEqual([partial('story.txt', story).slice(out.length + 1)])

  expect((await fetchStories('story.txt')).code).toBe(0)
  expect(hub.starts).toEqual([0, 1_000_000])
  expect((await readFile(join(out, 'story.txt'))).equals(story)).toBe(true)
  expect(await listed()).toEqual(['story.txt'])
})

test('Ctrl-C stops with a sentence and code 130, and keeps what came', async () => {
  const story = addLarge('story.txt')
  const { code, stderr } = await interrupt('story.txt', story, 'SIGINT')
  expect(code).toBe(130)
  expect(stderr).toMatch(/Stopped\. The same command goes on from here\.\n$/)
  expect((await readFile(partial('story.txt', story))).equals(story.subarray(0, 1_000_000))).toBe(true)
})

test('what came of a file that has changed on the hub since is not mixed with the new one', async () => {
  const old = addLarge('story.txt')
  await interrupt('story.txt', old, 'SIGKILL')
  const story = addLarge('story.txt', { bytes: bytes(3_000_000, 7) })
  expect((await fetchStories('story.txt')).code).toBe(0)
  expect(hub.starts).toEqual([0, 0])
  expect((await readFile(join(out, 'story.txt'))).equals(story)).toBe(true)
})

test('a server that cannot start in the middle makes the download start over', async () => {
  const story = addLarge('story.txt')
  hub.faults.push({ sent: 1_000_000, then: 'cut' }, { ignoreRange: true })
  expect((await fetchStories('story.txt')).code).toBe(0)
  expect((await readFile(join(out, 'story.txt'))).equals(story)).toBe(true)
})

test('bytes that another process appended meanwhile do not get into the file', async () => {
  const story = addLarge('story.txt')
  const { ended } = await startHalf('story.txt', story)
  await appendFile(partial('story.txt', story), 'of another process')
  hub.resume()
  await fails(ended, /Another process downloaded story\.txt.*: wait until it is done/)
  expect(await listed()).toEqual([])
})

test('files that are there and whole are not downloaded again', async () => {
  addLarge('story.txt')
  hub.files.set('small.txt', { bytes: Buffer.from('Once upon a time.\n') })
  expect((await fetchStories('*.txt')).code).toBe(0)
  const before = await stat(join(out, 'story.txt'))
  hub.asked.length = 0

  const { code, stderr } = await fetchStories('*.txt')
  expect(code).toBe(0)
  expect(stderr).toContain('story.txt: there already, checksum right')
  expect(stderr).toContain('small.txt: there already, checksum right')
  expect(hub.asked.filter(({ path }) => !path.startsWith('/api/'))).toEqual([])
  expect((await stat(join(out, 'story.txt'))).mtimeMs).toBe(before.mtimeMs)
})

test.each([
  ['the SHA-256 of a large file', true, '5'.repeat(64)],
  ['the git object id of a small one', false, '5'.repeat(40)],
])('bytes that do not have %s are an error and are not kept', async (_, large, listedChecksum) => {
  hub.files.set('story.txt', { bytes: bytes(50_000), large, listedChecksum })
  await fails(
    fetchStories('story.txt'),
    new RegExp(`checksum of story.txt is .* and not ${listedChecksum}.*again`),
  )
  expect(await listed()).toEqual([])
})

test('a file of another content that lies in the way is left as it is', async () => {
  addLarge('story.txt')
  await mkdir(out)
  await writeFile(join(out, 'story.txt'), 'my own story')
  await fails(
    fetchStories('story.txt'),
    /story\.txt is there but is not the file of this revision.*another folder/,
  )
  expect(await readFile(join(out, 'story.txt'), 'utf8')).toBe('my own story')
})

test('the token goes to the hub and to no other server', async () => {
  addLarge('story.txt')
  hub.files.set('small.txt', { bytes: Buffer.from('Once.') })
  const env = { HF_TOKEN: 'hf_accepted' }
  const { code } = await start(['owner/gated', '--out', out, '--file', '*'], env).ended
  expect(code).toBe(0)
  const tokens = (server: string) =>
    new Set(hub.asked.filter((asked) => asked.server === server).map((asked) => asked.authorization))
  expect(tokens('hub')).toEqual(new Set(['Bearer hf_accepted']))
  expect(tokens('storage')).toEqual(new Set([undefined]))
})

test('a revision may be a branch with slashes, and all files are those of its commit', async () => {
  addLarge('story.txt', { bytes: bytes(100) })
  const { code } = await start([
    'owner/stories',
    '--out',
    out,
    '--file',
    '*',
    '--revision',
    'refs/convert/parquet',
  ]).ended
  expect(code).toBe(0)
  const paths = hub.asked.filter(({ server }) => server === 'hub').map(({ path }) => path)
  expect(paths[0]).toContain('/revision/refs%2Fconvert%2Fparquet?')
  for (const path of paths.slice(1)) expect(path).toContain(`/${commit}`)
})

describe('what cannot be had is said in one sentence with a remedy', () => {
  beforeEach(() => {
    addLarge('story.txt', { bytes: bytes(1000) })
    hub.files.set('README.md', { bytes: Buffer.from('# Stories\n') })
  })

  test.each<[string, string[], NodeJS.ProcessEnv, RegExp]>([
    [
      'a dataset that is not there',
      ['owner/storeys', '--file', '*'],
      {},
      /no dataset owner\/storeys on http.*check the name/,
    ],
    [
      'a dataset that is not there for this token',
      ['owner/storeys', '--file', '*'],
      { HF_TOKEN: 'hf_other' },
      /no dataset owner\/storeys.*check the name, or take a token/,
    ],
    ['a name that is none', ['stories'], {}, /no dataset called `stories`.*tinystories.*owner\/name/],
    [
      'a revision that is not there',
      ['owner/stories', '--file', '*', '--revision', 'v2'],
      {},
      /no revision `v2`.*branch, tag or commit/,
    ],
    [
      'a file that is not there',
      ['owner/stories', '--file', 'story.*', '--file', '*.csv'],
      {},
      /matches `\*\.csv`: it has story\.txt \(1 kB\), README\.md \(10 bytes\)\./,
    ],
    ['files that nobody chose', ['owner/stories'], {}, /--file PATTERN.*it has story\.txt/],
    [
      'a gated dataset without a token',
      ['owner/gated', '--file', 'story.txt'],
      {},
      /owner\/gated is gated: accept its terms at .* HF_TOKEN/,
    ],
    [
      'a gated dataset with the token of somebody else',
      ['owner/gated', '--file', 'story.txt'],
      { HF_TOKEN: 'hf_other' },
      /owner\/gated is gated: accept its terms/,
    ],
    [
      'a token that is over',
      ['owner/stories', '--file', '*'],
      { HF_TOKEN: 'hf_expired' },
      /Invalid credentials.*HF_TOKEN: make a new one/,
    ],
    [
      'a token that is none',
      ['owner/stories', '--file', '*'],
      { HF_TOKEN: 'secret' },
      /HF_TOKEN is not a token/,
    ],
    [
      'an endpoint that is no address',
      ['owner/stories'],
      { HF_ENDPOINT: 'hub.local' },
      /HF_ENDPOINT is `hub\.local`/,
    ],
    [
      'a hub that does not answer',
      ['owner/stories'],
      { HF_ENDPOINT: 'http://127.0.0.1:9' },
      /connection to http:\/\/127\.0\.0\.1:9 failed \(.+\): check the network/,
    ],
  ])('%s', async (_, parameters, env, message) => {
    await fails(start([...parameters, '--out', out], env).ended, message)
    expect(existsSync(out) ? await listed() : []).toEqual([])
  })

  test('a storage that keeps failing, and what came before is kept', async () => {
    const story = addLarge('story.txt')
    hub.faults.push(
      { sent: 400_000, then: 'cut' },
      ...Array.from({ length: 4 }, () => ({ sent: 0, then: 'cut' as const })),
    )
    await fails(
      fetchStories('story.txt'),
      /connection to .* failed .*: check the network.*run the same command again/,
    )
    const kept = await readFile(partial('story.txt', story))
    expect(kept.length).toBeGreaterThan(100_000)
    expect(kept.equals(story.subarray(0, kept.length))).toBe(true)
    expect(hub.starts).toEqual([0, ...Array.from({ length: 4 }, () => kept.length)])
  })

  test('a listing that breaks off', async () => {
    hub.cutsListings = true
    await fails(fetchStories('*'), /connection to http.* failed \(other side closed\): check the network/)
  })

  test('a file that the hub lists and does not have', async () => {
    addLarge('story.txt', { gone: true })
    await fails(
      fetchStories('story.txt'),
      /lists the file `story\.txt` of owner\/stories but does not have it/,
    )
  })

  test('a page that is no hub', async () => {
    const env = { HF_ENDPOINT: `${hub.endpoint}/login` }
    await fails(fetchStories('*', env), /does not answer like a Hugging Face hub: check HF_ENDPOINT/)
  })

  test('a file that would lie outside the folder', async () => {
    addLarge('../../story.txt')
    await fails(fetchStories('*'), /`\.\.\/\.\.\/story\.txt`, which would lie outside .*: leave it out/)
    expect(existsSync(out)).toBe(false)
  })

  test('more than the disk has room for, before anything is downloaded', async () => {
    addLarge('story.txt', { listedSize: 4e15 })
    await fails(
      fetchStories('story.txt'),
      /4 PB are to be downloaded, but the disk of .* has .* free: make room/,
    )
    expect(hub.starts).toEqual([])
  })

  test('a folder that cannot be written', async () => {
    await writeFile(out, 'a file')
    await fails(
      fetchStories('story.txt'),
      /data.* cannot be written or read \((EEXIST|ENOTDIR)\): check the path/,
    )
  })

  const testWithFullDevice = existsSync('/dev/full') ? test : test.skip
  testWithFullDevice('a disk that fills up', async () => {
    const story = addLarge('story.txt')
    await mkdir(out)
    await symlink('/dev/full', partial('story.txt', story))
    await fails(fetchStories('story.txt'), /The disk is full: make room and run the same command again/)
    expect(existsSync(join(out, 'story.txt'))).toBe(false)
  })
})

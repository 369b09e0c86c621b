import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openShards } from '../../../stages/shards/open-shards.ts'
import { paragraphs, train } from './corpus.ts'

const cli = fileURLToPath(new URL('../../../dist/pipeline/cli.js', import.meta.url))

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-killed-'))
  const texts = await paragraphs(40)
  await mkdir(join(folder, 'texts'))
  for (const [index, text] of texts.entries())
    await writeFile(join(folder, 'texts', `${100 + index}.txt`), text)
  await train(join(folder, 'tokenizer.json'), texts, 500)
})
afterAll(() => rm(folder, { recursive: true }))

/** Runs `score` on units of 64 kB, and kills it once `count` files of parts have appeared under any name. */
function score(to: string, count = Infinity): Promise<NodeJS.Signals | number | null> {
  const paths = ['--input', join(folder, 'texts'), '--tokenizer', join(folder, 'tokenizer.json'), '--out', to]
  const options = [
    '--split',
    'words:50',
    '--metrics',
    'compression-ratio',
    '--set',
    'stages.read.with.unit-bytes=65536',
  ]
  const child = spawn(process.execPath, [cli, 'score', ...paths, ...options], { stdio: 'ignore' })
  const timer = setInterval(() => {
    void readdir(to).then(
      (names) => {
        if (names.filter((name) => name.startsWith('part-')).length >= count) child.kill('SIGKILL')
      },
      () => {},
    )
  }, 1)
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => {
      clearInterval(timer)
      resolve(signal ?? code)
    })
  })
}

async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort()
  const files = names.map(async (name) => [name, (await readFile(join(folder, name))).toString('latin1')])
  return Object.fromEntries(await Promise.all(files)) as Record<string, string>
}

test('shards whose writer is killed again and again are those of an undisturbed run, once finished', async () => {
  const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')]
  expect(await score(whole)).toBe(0)
  const parts = (await openShards(whole)).parts.length
  expect(parts).toBeGreaterThan(5)
  for (const count of [1, 4, 7]) {
    expect(await score(killed, count)).toBe('SIGKILL')
    await expect(openShards(killed)).rejects.toThrow(/unfinished/)
  }
  expect(await score(killed)).toBe(0)
  expect(await contents(killed)).toEqual(await contents(whole))
})

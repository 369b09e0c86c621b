import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { z } from 'zod'
import { orderColumns, orderReport } from '../../../schemas/order.ts'
import { order } from '../../../stages/curriculum/order.ts'
import { pack } from '../../../stages/curriculum/pack.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import type { Batch } from '../../../stages/training/messages.ts'
import { collect, scoreUnits, train } from '../shards/corpus.ts'
import { readDocuments, recordingContext, sentences } from './shards-fixture.ts'

const files = ['books/a.txt', 'books/b.txt', 'news.txt']
const [rows, length, steps] = [6, 16, 40]

let folder: string
let shards: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-sampled-'))
  shards = join(folder, 'shards')
  const tokenizer = join(folder, 'tokenizer.json')
  const texts = await sentences(3)
  const cuts = [0, 60, 120, texts.length]
  await train(tokenizer, texts, 500)
  await scoreUnits(
    files.map((source, i) => ({ key: source, source, texts: texts.slice(cuts[i], cuts[i + 1]) })),
    { to: shards, tokenizer, metrics: ['mtld'] },
  )
})
afterAll(() => rm(folder, { recursive: true }))

const mixture = { ucb: { window: 40, tau: 0.1 }, sources: ['books', 'news.txt'] }

async function* ordered(given: z.input<typeof order.options> = {}) {
  const options = order.options.parse({ mixture, tokens: steps * rows * length, seed: 5, ...given })
  yield* order.run((await openShards(shards)).scores(), recordingContext(options).context)
}

/** A loss that falls for news alone: a number of each row's source and of its place in the run. */
function lossesOf({ step, phases }: Batch): Float32Array {
  const losses = Float32Array.from(phases, (source) => (source === 1 ? 20 - step / 5 : 3))
  return Float32Array.from({ length: rows * length }, (_, i) => losses[Math.floor(i / length)])
}

/** Batches as training asks for them: each is dealt with before so many more are made. */
async function batches(given: z.input<typeof pack.options>, until = Infinity, ahead = 3): Promise<Batch[]> {
  const options = pack.options.parse({ rows, length, ...given })
  const seen: Batch[] = []
  for await (const batch of pack.run(ordered(), recordingContext(options).context)) {
    seen.push(batch)
    const due = seen.at(-ahead)
    if (due) await due.feedback?.(lossesOf(due))
    if (batch.step === until) break
  }
  for (const due of seen.slice(seen.length - ahead + 1)) await due.feedback?.(lossesOf(due))
  return seen
}

const plain = (some: readonly Batch[]) => some.map(({ feedback: _, ...batch }) => batch)
const linesIn = async (run: string) => readFile(join(folder, run, 'sources.jsonl'), 'utf8')

describe('an order for a mixture by ucb', () => {
  it('has every source for the whole of the budget, one behind the other', async () => {
    const all = await collect(ordered())
    const documents = all.flatMap((batch) => {
      const { part, tokens, phase } = orderColumns(batch)
      return Array.from(part, (part, i) => ({ part, tokens: tokens[i] + 1, phase: phase[i] }))
    })
    for (const [source, isOwn] of [(part: number) => part < 2, (part: number) => part === 2].entries()) {
      const own = documents.filter(({ phase }) => phase === source)
      expect(own.every(({ part }) => isOwn(part))).toBe(true)
      expect(own.reduce((sum, { tokens }) => sum + tokens, 0)).toBeGreaterThan(steps * rows * length)
    }
    expect(documents.map(({ phase }) => phase)).toEqual(documents.map(({ phase }) => phase).sort())
    expect(orderReport(all[0].schema).tokens).toBe(steps * rows * length)
  })

  it.each([
    [{ mixture, order: 'ascending' }, /`ucb` goes with order random alone/],
    [{ mixture: { ucb: {}, temperature: 2 } }, /give either `shares`, a `temperature` or `ucb`/],
    [{ mixture: { ucb: { window: 1 } } }, /window/],
    [{ mixture: { ucb: { tau: 0 } } }, /tau/],
  ])('refuses %j', (given, message) => {
    expect(JSON.stringify(order.options.safeParse(given).error)).toMatch(message)
  })
})

describe('pack with a mixture by ucb', () => {
  it('gives rows of one source each, which read every source on from where it was left', async () => {
    const seen = await batches({ to: join(folder, 'whole') })
    expect(seen).toHaveLength(steps)
    const texts = new Map(
      (await readDocuments(shards)).map(({ part, row, tokens }) => [`${part}:${row}`, tokens]),
    )
    const streams = new Map<number, number[]>([
      [0, []],
      [1, []],
    ])
    for (const batch of await collect(ordered())) {
      const { part, row, phase } = orderColumns(batch)
      part.forEach((part, i) =>
        streams
          .get(phase[i])
          ?.push(...(texts.get(`${part}:${row[i]}`) as number[]), seen[0].corpus.endOfText),
      )
    }
    const read = [0, 0]
    for (const { tokens, phases } of seen) {
      phases.forEach((source, row) => {
        const expected = streams.get(source)?.slice(read[source], read[source] + length + 1)
        expect([...tokens.subarray(row * (length + 1), (row + 1) * (length + 1))]).toEqual(expected)
        read[source] += length
      })
    }
    expect(read[0] + read[1]).toBe(steps * rows * length)
  })

  it('comes to read more of the source whose loss falls', async () => {
    const lines = (await linesIn('whole')).trimEnd().split('\n')
    const drawn = lines.map((line) => (JSON.parse(line) as { sources: number[] }).sources)
    const share = (some: number[][]) =>
      some.flat().filter((source) => source === 1).length / (some.length * rows)
    // Nothing is known of the first eight. Later the fall is near a nat in forty sequences, ten temperatures.
    expect(share(drawn.slice(0, 8))).toBeLessThan(0.75)
    expect(share(drawn.slice(20))).toBeGreaterThan(0.8)
  })

  it('is the same for a seed, whatever lay in the folder, however far training is behind', async () => {
    const whole = await linesIn('whole')
    const again = await batches({ to: join(folder, 'whole') })
    expect(await linesIn('whole')).toBe(whole)
    for (const ahead of [1, 8]) {
      expect(plain(await batches({ to: join(folder, 'other') }, Infinity, ahead))).toEqual(plain(again))
      expect(await linesIn('other')).toBe(whole)
    }
  })

  it.each([3, 8, 21, steps - 1, steps])(
    'goes on after %d batches as if it had not been cut off',
    async (from) => {
      const whole = await linesIn('whole')
      const to = join(folder, `cut-${from}`)
      await batches({ to }, Math.min(from + 1, steps - 1))
      await appendFile(join(to, 'sources.jsonl'), '{"step": 7')
      const resumed = await batches({ to, from })
      expect(plain(resumed)).toEqual(
        plain(await batches({ to: join(folder, 'reference') })).slice(Math.min(from, steps - 1)),
      )
      expect(await linesIn(`cut-${from}`)).toBe(whole)
    },
  )

  it('says what is missing of a run that goes on, and what is not its own', async () => {
    const to = join(folder, 'short')
    await batches({ to }, 10)
    await expect(batches({ to, from: 20 })).rejects.toThrow(/whole lines up to batch 11 only.*with batch 20/)
    const lines = (await linesIn('whole')).split('\n')
    const strange = JSON.stringify({ ...(JSON.parse(lines[2]) as object), sources: [0, 0, 0, 0, 0, 0] })
    await writeFile(join(to, 'sources.jsonl'), [...lines.slice(0, 2), strange, ...lines.slice(3)].join('\n'))
    await expect(batches({ to, from: 20 })).rejects.toThrow(/belongs to another run: batch 2/)
  })

  it('needs a folder, and a stage that says what batches came to', async () => {
    await expect(batches({})).rejects.toThrow(/give `pack` the folder of the run/)
    const options = pack.options.parse({ rows, length, to: join(folder, 'deaf') })
    await expect(collect(pack.run(ordered(), recordingContext(options).context))).rejects.toThrow(
      /What batch 0 came to is not known: .*`backward`/,
    )
  })

  it('names its batches by how they are drawn', async () => {
    const name = async (given: z.input<typeof order.options>) => {
      const options = pack.options.parse({ rows, length, to: join(folder, 'named') })
      for await (const { stream } of pack.run(ordered(given), recordingContext(options).context))
        return stream
    }
    const names = [{}, { seed: 6 }, { mixture: { ...mixture, ucb: { window: 41 } } }].map(name)
    expect(new Set(await Promise.all(names)).size).toBe(3)
  })
})

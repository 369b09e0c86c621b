import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Evaluation, StepLine } from '../../schemas/run-record.ts'
import { writeEvents } from '../../pipeline/report/tensorboard.ts'

/** TensorBoard's file, read as its formats are published and not by the code that wrote it. */

let folder: string
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'gradus-events-'))))
afterEach(() => rm(folder, { recursive: true }))

function step(step: number): StepLine {
  return {
    ...{ step, loss: 5 - step / 4, keptLoss: 6, keepRatio: 0.5, keptFraction: 0.5, threshold: null },
    ...{ keptByPhase: { 0: 0.75 }, keptByFrequency: [0.1, 0.2, 0.3, 0.4], documentGini: 0.25, mostKept: [3] },
    ...{ learningRate: 0.001, gradientNorm: 1, tokens: 64, waitingMs: 0, forwardMs: 250, backwardMs: 250 },
    ...{ stepMs: 500, overlap: step === 0 ? null : 1 },
  }
}

function evaluation(step: number): Evaluation {
  return { step, nats: 4, perplexity: 54.6, bitsPerByte: 2.5, unigramBitsPerByte: 3, tokens: 10, bytes: 40 }
}

async function writeRun(steps: number, evaluated: readonly number[]): Promise<void> {
  const lines = (records: readonly unknown[]) =>
    records.map((record) => `${JSON.stringify(record)}\n`).join('')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'graph.yaml'), 'stages: {}\n', { flag: 'a' })
  await writeFile(join(folder, 'steps.jsonl'), lines(Array.from({ length: steps }, (_, i) => step(i))))
  await writeFile(join(folder, 'evaluations.jsonl'), lines(evaluated.map(evaluation)))
}

/** CRC-32C bit by bit (RFC 3720, B.4: reflected, polynomial 0x82f63b78), masked as TFRecord says. */
function masked(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  crc = ~crc >>> 0
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

function records(file: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at))
    expect(file.readUInt32LE(at + 8)).toBe(masked(file.subarray(at, at + 8)))
    const data = file.subarray(at + 12, at + 12 + length)
    expect(file.readUInt32LE(at + 12 + length)).toBe(masked(data))
    found.push(data)
    at += length + 16
  }
  return found
}

type Field = readonly [number: number, value: number | Buffer]

/** Fields of a message in protocol buffers' wire format. */
function fields(message: Buffer): Field[] {
  const found: Field[] = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++]
      value += (byte & 127) * shift
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const key = varint()
    const [number, type] = [key >>> 3, key & 7]
    if (type === 0) found.push([number, varint()])
    else if (type === 1) found.push([number, message.readDoubleLE((at += 8) - 8)])
    else if (type === 5) found.push([number, message.readFloatLE((at += 4) - 4)])
    else {
      const length = varint()
      found.push([number, message.subarray(at, (at += length))])
    }
  }
  return found
}

/** Field numbers as in event.proto and summary.proto. */
function decode(record: Buffer) {
  const event = new Map(fields(record))
  const scalars = new Map(
    fields((event.get(5) as Buffer | undefined) ?? Buffer.alloc(0)).map(([, value]) => {
      const [[, tag], [, number]] = fields(value as Buffer)
      return [(tag as Buffer).toString(), number as number]
    }),
  )
  const version = (event.get(3) as Buffer | undefined)?.toString()
  return { wallTime: event.get(1) as number, step: (event.get(2) ?? 0) as number, version, scalars }
}

const read = async (path: string) => records(await readFile(path)).map(decode)
const eventFiles = async () => (await readdir(folder)).filter((name) => name.includes('tfevents'))

test('a file of events has every step and every evaluation of the run, with their values', async () => {
  await writeRun(300, [0, 300])
  const [head, first, ...events] = await read(await writeEvents(folder))
  expect(head).toMatchObject({ version: 'brain.Event:2', step: 0 })
  expect(first.step).toBe(0)
  expect(first.scalars.get('held-out/bits-per-byte')).toBe(2.5)
  expect(events.slice(0, 300).map(({ step }) => step)).toEqual(Array.from({ length: 300 }, (_, i) => i))
  const { scalars } = events[7]
  expect(scalars.get('train/loss')).toBe(3.25)
  expect(scalars.get('train/tokens-per-second')).toBe(128)
  expect(scalars.get('selection/kept-by-phase/0')).toBe(0.75)
  expect(scalars.get('selection/kept-by-frequency/quarter-4')).toBeCloseTo(0.4, 6)
  expect(scalars.has('selection/threshold')).toBe(false)
  expect(events.at(-1)?.step).toBe(300)
  expect(events.at(-1)?.scalars.get('held-out/perplexity')).toBeCloseTo(54.6, 4)
})

test('times of day go on by what the steps took', async () => {
  await writeRun(4, [])
  const events = await read(await writeEvents(folder))
  expect(events[4].wallTime - events[1].wallTime).toBeCloseTo(1.5, 3)
  expect(Math.abs(events[0].wallTime - Date.now() / 1000)).toBeLessThan(3600)
})

test('a run that was stopped and went on has no step twice, and one file', async () => {
  await writeRun(5, [0])
  await writeEvents(folder)
  // The records were cut back to a checkpoint after three steps, and went on from there.
  await writeRun(8, [0, 8])
  const path = await writeEvents(folder)
  const steps = (await read(path)).filter(({ scalars }) => scalars.has('train/loss')).map(({ step }) => step)
  expect(steps).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(await eventFiles()).toHaveLength(1)
})

test('event files that others wrote into the folder stay', async () => {
  await writeRun(1, [])
  await writeFile(join(folder, 'events.out.tfevents.1.elsewhere'), '')
  await writeFile(join(folder, 'events.out.tfevents.1.gradus'), '')
  await writeEvents(folder)
  const names = await eventFiles()
  expect(names).toHaveLength(2)
  expect(names).toContain('events.out.tfevents.1.elsewhere')
  expect(names).not.toContain('events.out.tfevents.1.gradus')
})

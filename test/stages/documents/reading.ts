import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import type { z } from 'zod'
import { documentColumns } from '../../../schemas/documents.ts'
import type { Unit } from '../../../stages/documents/unit.ts'
import type { StageDefinition, Stats } from '../../../stages/stage.ts'

export interface Document {
  readonly hash: bigint
  readonly id: string
  readonly text: string
  readonly source: string
  readonly position: number
}

/** A folder of its own for each test, with files written by name; `afterEach` removes it. */
export function temporaryFolder() {
  let root = ''
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'gradus-documents-'))
  })
  afterEach(() => rm(root, { recursive: true }))
  return {
    path: (name = '') => join(root, name),
    async write(name: string, content: string | Uint8Array): Promise<string> {
      const path = join(root, name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, content)
      return path
    },
  }
}

/** Files below a folder that this process holds open; told by /proc, so by Linux alone. */
export async function openFilesBelow(folder: string): Promise<string[]> {
  if (process.platform !== 'linux') return []
  const descriptors = await readdir('/proc/self/fd')
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(folder))
}

/** Counts what a stage reports. */
export class Recorder implements Stats {
  readonly counters: Record<string, number> = {}
  readonly dropped: Record<string, number> = {}
  readonly expected: Record<string, number> = {}
  readonly sentences: string[] = []

  add(counter: string, amount: number): void {
    this.counters[counter] = (this.counters[counter] ?? 0) + amount
  }
  drop(reason: string, rows: number): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + rows
  }
  set(): void {}
  expect(counter: string, total: number): void {
    this.expected[counter] = total
  }
}

type Reader<Options extends z.ZodObject> = StageDefinition<Options, readonly [], 'documents'>

export interface Reading {
  readonly recorder?: Recorder
  readonly signal?: AbortSignal
}

function contextOf<Options extends z.ZodObject>(reader: Reader<Options>, options: object, reading: Reading) {
  const { recorder = new Recorder(), signal = new AbortController().signal } = reading
  const log = (sentence: string) => void recorder.sentences.push(sentence)
  return { options: reader.options.parse(options), signal, stats: recorder, log }
}

export function unitsOf<Options extends z.ZodObject>(
  reader: Reader<Options>,
  options: object,
  reading: Reading = {},
): Promise<readonly Unit[]> {
  return reader.units!(contextOf(reader, options, reading))
}

export function batchesOf<Options extends z.ZodObject>(
  reader: Reader<Options>,
  options: object,
  reading: Reading & { readonly unit?: Unit } = {},
): AsyncGenerator<RecordBatch, void, undefined> {
  const unit = reading.unit ? { unit: reading.unit, key: reading.unit.hash } : {}
  return reader.run(nothing(), { ...contextOf(reader, options, reading), ...unit })
}

/** All documents of a run without units. */
export async function documentsOf<Options extends z.ZodObject>(
  reader: Reader<Options>,
  options: object,
  reading: Reading & { readonly unit?: Unit } = {},
): Promise<Document[]> {
  return rowsOf(batchesOf(reader, options, reading))
}

/** All documents, unit by unit, as a graph that is cut reads them. */
export async function documentsByUnit<Options extends z.ZodObject>(
  reader: Reader<Options>,
  options: object,
): Promise<Document[]> {
  const documents: Document[] = []
  for (const unit of await unitsOf(reader, options))
    documents.push(...(await documentsOf(reader, options, { unit })))
  return documents
}

export async function rowsOf(batches: AsyncIterable<RecordBatch>): Promise<Document[]> {
  const documents: Document[] = []
  for await (const batch of batches) {
    const { rows, hashes, ids, texts, sources, positions } = documentColumns(batch)
    for (let row = 0; row < rows; row++) {
      const [id, text, source] = [ids, texts, sources].map((column) => column.text(row))
      documents.push({ hash: hashes[row], id, text, source, position: positions[row] })
    }
  }
  return documents
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}

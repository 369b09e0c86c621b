import { entropyMetric } from '../../scoring/entropy.ts'
import { flags } from '../../scoring/metric.ts'
import { documentOf, measured } from './texts.ts'

describe('the metric entropy', () => {
  it('is the bits that a token of the document takes on average', async () => {
    const gauge = await entropyMetric.open()
    expect(gauge.measure(documentOf('', [1, 2, 3, 4]))).toBeCloseTo(2, 12)
    expect(gauge.measure(documentOf('', [5, 5, 5, 5, 9, 9, 7, 8]))).toBeCloseTo(1.75, 12)
    expect(gauge.measure(documentOf('', [3, 3, 3]))).toBe(0)
  })

  it('takes ids of any size and forgets the document before', async () => {
    const gauge = await entropyMetric.open()
    expect(gauge.measure(documentOf('', [0, 200_000]))).toBeCloseTo(1, 12)
    expect(gauge.measure(documentOf('', [0, 0, 200_000, 200_000]))).toBeCloseTo(1, 12)
  })

  it('flags a document without tokens', async () => {
    expect(measured(await entropyMetric.open(), documentOf('text'))).toEqual({ value: 0, flags: flags.empty })
  })
})

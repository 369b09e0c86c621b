import { UserError } from '../../schemas/user-error.ts'
import { metricNamed, metrics } from '../../scoring/metrics.ts'
import { documentOf } from './texts.ts'

const troublesome: [string, string][] = [
  ['nothing', ''],
  ['white space', ' \n\t\u00a0\u2028 '],
  ['punctuation', "... !!! ??? --- '''"],
  ['one letter', 'a'],
  ['one letter a million times', 'a'.repeat(1_000_000)],
  ['one word many times', 'a '.repeat(300_000)],
  [
    'only different words',
    Array.from({ length: 5000 }, (_, at) =>
      at.toString(26).replace(/\d/g, (digit) => 'qrstuvwxyz'[Number(digit)]),
    ).join(' '),
  ],
  ['no sentence end', 'and then '.repeat(10_000)],
  ['Chinese', '天地玄黃,宇宙洪荒。'.repeat(100)],
  ['Arabic', 'في البدء كان الكلمة. '.repeat(50)],
  ['emoji and combining marks', 'e\u0301 👩‍👩‍👧‍👦 🏳️‍🌈 '.repeat(50)],
  ['control characters', Array.from({ length: 0x20 }, (_, code) => String.fromCharCode(code)).join('x')],
  ['lone surrogates', 'a \ud800 b \udc00'],
  ['the replacement character', '\ufffd'.repeat(100)],
]

describe('metrics', () => {
  it('have names of their own, in kebab-case, as columns need them', () => {
    const names = metrics.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/)
  })

  it.each(troublesome)('give %s a number, twice the same', async (_, text) => {
    const document = documentOf(text, text === '' ? [] : [7, 7, 7, 8])
    for (const metric of metrics) {
      const gauge = await metric.open()
      const value = gauge.measure(document)
      const flags = gauge.flags
      expect([metric.name, Number.isFinite(value)]).toEqual([metric.name, true])
      expect([metric.name, gauge.measure(document), gauge.flags]).toEqual([metric.name, value, flags])
    }
  })

  it('flag what a metric has nothing to measure in, so that no 0 is silent', async () => {
    for (const metric of metrics) {
      const gauge = await metric.open()
      expect([metric.name, gauge.measure(documentOf('')), gauge.flags]).toEqual([metric.name, 0, 1])
    }
  })

  it('are found by name, and a wrong name is answered with the right ones', () => {
    expect(metricNamed('mtld').hardEnd).toBe('high')
    expect(() => metricNamed('mltd')).toThrow(UserError)
    expect(() => metricNamed('mltd')).toThrow(
      /There is no metric "mltd"; use one of compression-ratio, .*mtld/,
    )
  })
})

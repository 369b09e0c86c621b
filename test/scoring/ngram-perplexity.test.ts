import fc from 'fast-check'
import { NgramCounts, type NgramOrder } from '../../scoring/ngram-counts.ts'
import { ngramPerplexity } from '../../scoring/ngram-perplexity.ts'

const vocabulary = 6
const endOfText = 0

function counted(
  documents: readonly (readonly number[])[],
  order: NgramOrder,
  mostNgrams?: number,
): NgramCounts {
  const counts = new NgramCounts({
    order,
    vocabulary,
    endOfText,
    ...(mostNgrams === undefined ? {} : { mostNgrams }),
  })
  for (const document of documents) counts.add(Uint32Array.from(document))
  return counts
}

/** The probabilities of the definition, counted afresh in the documents for each token. */
function probabilities(
  documents: readonly (readonly number[])[],
  history: readonly number[],
  token: number,
): number[] {
  const streams = documents.map((document) => [endOfText, ...document, endOfText])
  const occurrences = (ngram: readonly number[]): number => {
    let sum = 0
    for (const stream of streams) {
      for (let at = 0; at + ngram.length <= stream.length; at++) {
        // The end-of-text before a document is that after another one, and counts once.
        if (ngram.length === 1 && at === 0) continue
        if (ngram.every((expected, offset) => stream[at + offset] === expected)) sum++
      }
    }
    return sum
  }
  const tokens = streams.reduce((sum, stream) => sum + stream.length - 1, 0)
  const before = [endOfText, ...history]
  const found = [(occurrences([token]) + 1) / (tokens + vocabulary)]
  for (let length = 2; length <= 3; length++) {
    const context = before.slice(1 - length)
    const shorter = found[length - 2]
    const usable = context.length === length - 1
    found.push(usable ? (occurrences([...context, token]) + shorter) / (occurrences(context) + 1) : shorter)
  }
  return found
}

const corpus = fc.array(
  fc.array(fc.integer({ min: 1, max: vocabulary - 1 }), { minLength: 1, maxLength: 12 }),
  {
    minLength: 1,
    maxLength: 6,
  },
)

describe('ngramPerplexity', () => {
  it.each([1, 2, 3] as const)('is that of the definition, counted out, at order %i', (order) => {
    fc.assert(
      fc.property(corpus, (documents) => {
        const [document, ...rest] = documents
        const logs = [0, 0, 0]
        let mixed = 0
        for (const [at, token] of document.entries()) {
          const found = probabilities(rest, document.slice(0, at), token).slice(0, order)
          mixed += Math.log(found.reduce((sum, probability) => sum + probability) / order)
          for (const [length, probability] of found.entries()) logs[length] += Math.log(probability)
        }
        const perplexities = logs.slice(0, order).map((log) => Math.exp(-log / document.length))
        const tokens = Uint32Array.from(document)
        const counts = counted(documents, order)
        expect(ngramPerplexity(tokens, counts, { counted: true })).toBeCloseTo(
          Math.exp(-mixed / document.length),
          9,
        )
        expect(ngramPerplexity(tokens, counts, { counted: true, interpolate: 'perplexities' })).toBeCloseTo(
          perplexities.reduce((sum, perplexity) => sum + perplexity) / order,
          9,
        )
      }),
      { numRuns: 200 },
    )
  })

  it('leaves the document out exactly as if it had never been counted', () => {
    fc.assert(
      fc.property(corpus, (documents) => {
        const document = Uint32Array.from(documents[0])
        const without = ngramPerplexity(document, counted(documents.slice(1), 3), { counted: false })
        expect(ngramPerplexity(document, counted(documents, 3), { counted: true })).toBeCloseTo(without, 9)
      }),
    )
  })

  it('shares out the whole probability over the vocabulary', () => {
    const documents = [
      [1, 2, 3, 1, 2],
      [2, 3, 4],
      [1, 2, 3, 3],
    ]
    const counts = counted(documents, 3)
    // Of a document of one token the perplexity is 1 / P.
    const sum = Array.from(
      { length: vocabulary },
      (_, token) => 1 / ngramPerplexity(Uint32Array.of(token), counts, { counted: false }),
    )
    expect(sum.reduce((total, probability) => total + probability)).toBeCloseTo(1, 12)
  })

  it('finds the familiar easier than the strange, and nothing impossible', () => {
    const counts = counted(
      Array.from({ length: 50 }, () => [1, 2, 3, 1, 2, 3]),
      3,
    )
    const familiar = ngramPerplexity(Uint32Array.of(1, 2, 3), counts, { counted: false })
    const strange = ngramPerplexity(Uint32Array.of(5, 4, 5), counts, { counted: false })
    expect(familiar).toBeLessThan(1.6)
    expect(strange).toBeGreaterThan(100)
    expect(Number.isFinite(strange)).toBe(true)
  })

  it('counts no more distinct n-grams than it is told to, and still leaves documents out', () => {
    const documents = [
      [1, 2, 3, 4, 5],
      [5, 4, 3, 2, 1],
      [1, 3, 5, 2, 4],
    ]
    const counts = counted(documents, 3, 4)
    for (const document of documents) {
      const perplexity = ngramPerplexity(Uint32Array.from(document), counts, { counted: true })
      expect(perplexity).toBeGreaterThan(1)
      expect(Number.isFinite(perplexity)).toBe(true)
    }
  })

  it('knows nothing of a document without tokens', () => {
    expect(ngramPerplexity(new Uint32Array(0), counted([[1]], 2), { counted: false })).toBe(vocabulary)
  })

  it('refuses a vocabulary whose trigrams a number cannot tell apart', () => {
    expect(() => new NgramCounts({ order: 3, vocabulary: 250_000, endOfText: 0 })).toThrow(RangeError)
  })
})

import fc from 'fast-check'
import { PackedStream, type StreamLayout } from '../../../stages/curriculum/packed-stream.ts'

const corpus = { shards: 'shards', vocabulary: 100_000, endOfText: 0 }

interface Document {
  readonly length: number
  readonly hardness: number
  readonly phase: number
}

const anyDocuments = fc.array(
  fc.record({
    length: fc.integer({ min: 2, max: 30 }),
    hardness: fc.integer({ min: 0, max: 8 }).map((eighths) => eighths / 8),
    phase: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 1, maxLength: 40 },
)

/** Documents laid out in reverse in a store whose token at place p is p + 1, so that every token is told apart. */
function lay(documents: readonly Document[]) {
  const total = documents.reduce((sum, { length }) => sum + length, 0)
  const layout: StreamLayout = {
    starts: new Float64Array(documents.length + 1),
    offsets: new Float64Array(documents.length),
    hardness: Float32Array.from(documents, ({ hardness }) => hardness),
    phases: Uint16Array.from(documents, ({ phase }) => phase),
  }
  const stream: { token: number; document: number }[] = []
  documents.forEach(({ length }, document) => {
    layout.starts[document + 1] = layout.starts[document] + length
    layout.offsets[document] = total - layout.starts[document + 1]
    for (let i = 0; i < length; i++) stream.push({ token: layout.offsets[document] + i + 1, document })
  })
  const store = {
    read: (start: number, into: Int32Array) => into.forEach((_, i) => (into[i] = start + i + 1)),
  }
  return { layout, store, stream, tokens: total - 1 }
}

const shape = fc.record({ rows: fc.integer({ min: 1, max: 4 }), length: fc.integer({ min: 1, max: 12 }) })

describe('PackedStream', () => {
  it('predicts each token of the order once, from the token before it', () => {
    fc.assert(
      fc.property(anyDocuments, shape, (documents, { rows, length }) => {
        const { layout, store, stream, tokens } = lay(documents)
        const packed = new PackedStream(layout, store, tokens, { rows, length }, corpus)
        expect(packed.steps).toBe(Math.floor(tokens / (rows * length)))
        const predicted: [input: number, target: number][] = []
        for (let step = 0; step < packed.steps; step++) {
          const batch = packed.readBatch(step)
          expect(batch.tokens.length).toBe(rows * (length + 1))
          for (let row = 0; row < rows; row++) {
            const first = row * (length + 1)
            for (let i = first; i < first + length; i++)
              predicted.push([batch.tokens[i], batch.tokens[i + 1]])
          }
        }
        const count = packed.steps * rows * length
        expect(predicted).toEqual(stream.slice(0, count).map(({ token }, i) => [token, stream[i + 1].token]))
      }),
      { seed: 1 },
    )
  })

  it('says of every token which document it is from, and of every row how hard it is and in which phase it begins', () => {
    fc.assert(
      fc.property(anyDocuments, shape, (documents, { rows, length }) => {
        const { layout, store, stream, tokens } = lay(documents)
        const packed = new PackedStream(layout, store, tokens, { rows, length }, corpus)
        for (let step = 0; step < packed.steps; step++) {
          const batch = packed.readBatch(step)
          for (let row = 0; row < rows; row++) {
            const first = (step * rows + row) * length
            const owners = stream.slice(first, first + length + 1).map(({ document }) => document)
            const width = length + 1
            expect([...batch.documents.subarray(row * width, (row + 1) * width)]).toEqual(owners)
            const hardness = owners.reduce((sum, owner) => sum + documents[owner].hardness, 0) / width
            expect(batch.hardness[row]).toBeCloseTo(hardness, 6)
            expect(batch.phases[row]).toBe(documents[owners[0]].phase)
          }
        }
      }),
      { seed: 1, numRuns: 50 },
    )
  })

  it('reads a batch alike whether or not it has read others', () => {
    const { layout, store, tokens } = lay([
      { length: 20, hardness: 0, phase: 0 },
      { length: 3, hardness: 0.5, phase: 0 },
      { length: 30, hardness: 1, phase: 1 },
    ])
    const one = new PackedStream(layout, store, tokens, { rows: 2, length: 4 }, corpus)
    const other = new PackedStream(layout, store, tokens, { rows: 2, length: 4 }, corpus)
    const inTurn = Array.from({ length: one.steps }, (_, step) => one.readBatch(step))
    const backwards = inTurn.map((_, step) => other.readBatch(one.steps - 1 - step)).reverse()
    expect(backwards).toEqual(inTurn)
  })
})

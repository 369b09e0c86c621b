import { createHash } from 'node:crypto'
import { UserError } from '../../../schemas/user-error.ts'
import { chooseHeldOut, heldOutBatch, heldOutStretches } from '../../../stages/curriculum/held-out-stream.ts'
import { openShardTokens, type ShardTokens } from '../../../stages/curriculum/shard-tokens.ts'
import { openShards, type Shards } from '../../../stages/shards/open-shards.ts'
import { type Document, makeShards, readDocuments, sentences } from './shards-fixture.ts'

let fixture: Awaited<ReturnType<typeof makeShards>>
let shards: Shards
let tokens: ShardTokens
/** The held-out documents in the order of their text's hash. */
let heldOut: Document[]

const hash = ({ text }: Document) => createHash('sha256').update(text).digest('hex').slice(0, 16)

beforeAll(async () => {
  const texts = await sentences(5)
  fixture = await makeShards([texts.slice(0, 50), texts.slice(50)], { heldOut: 0.3 })
  shards = await openShards(fixture.shards)
  tokens = await openShardTokens(shards, new AbortController().signal, () => {})
  heldOut = (await readDocuments(fixture.shards))
    .filter((document) => document.heldOut)
    .sort((a, b) => (hash(a) < hash(b) ? -1 : 1))
})
afterAll(async () => {
  tokens.store.close()
  await fixture.remove()
})

const place = ({ part, row }: { part: number; row: number }) => `${part}:${row}`

describe('chooseHeldOut', () => {
  it('takes all held-out documents in the order of their hashes where there are tokens enough', async () => {
    const chosen = await chooseHeldOut(shards, Infinity)
    expect(chosen.map(place)).toEqual(heldOut.map(place))
    expect(chosen.map(({ tokens }) => tokens)).toEqual(heldOut.map(({ tokens }) => tokens.length))
    expect(chosen.map(({ bytes }) => bytes)).toEqual(heldOut.map(({ text }) => Buffer.byteLength(text)))
  })

  it('takes as many from the beginning as fit into its tokens, and one at least', async () => {
    const three = heldOut.slice(0, 3).reduce((sum, { tokens }) => sum + tokens.length, 0)
    for (const [limit, count] of [
      [three, 3],
      [three - 1, 2],
      [three + 1, 3],
      [1, 1],
    ]) {
      expect((await chooseHeldOut(shards, limit)).map(place)).toEqual(heldOut.slice(0, count).map(place))
    }
  })

  it('says so where nothing is held out', async () => {
    const none = await makeShards([['All of it is for training.', 'This, too.']], { heldOut: 0 })
    try {
      await expect(openShards(none.shards).then((shards) => chooseHeldOut(shards, 100))).rejects.toThrow(
        UserError,
      )
    } finally {
      await none.remove()
    }
  })
})

describe('heldOutStretches', () => {
  it.each([
    [4, 32, 32],
    [1, 1, 1],
    [3, 1000, 1000],
    [4, 32, 8],
    [1, 32, 31],
    [3, 1000, 1],
    [5, 33, 10],
  ])('predicts each token of each document once, in %d rows of %d every %d', async (rows, length, stride) => {
    const chosen = await chooseHeldOut(shards, 4000)
    const shape = { rows, length, stride }
    const batches = Array.from(heldOutStretches(chosen, tokens, shape), (stretch) => ({
      ...stretch,
      ...heldOutBatch(stretch, shape),
    }))
    const targets: number[] = []
    const inputs: number[] = []
    for (const batch of batches) {
      let counted = 0
      for (let row = 0; row < rows; row++) {
        for (let i = 0; i < length; i++) {
          if (batch.mask[row * length + i] === 0) continue
          counted++
          // All but the first row have that much before what they predict.
          if (row > 0 || batch !== batches[0]) expect(i).toBeGreaterThanOrEqual(length - stride)
          inputs.push(batch.tokens[row * (length + 1) + i])
          targets.push(batch.tokens[row * (length + 1) + i + 1])
        }
      }
      expect(batch.targets).toBe(counted)
    }
    const documents = heldOut.slice(0, chosen.length).map((document) => document.tokens)
    expect(targets).toEqual(documents.flat())
    // A document's first token is predicted from the separator, each other one from the token before it.
    expect(inputs).toEqual(documents.flatMap((document) => [0, ...document.slice(0, -1)]))
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes, 0)
    expect(bytes).toBe(chosen.reduce((sum, document) => sum + document.bytes, 0))
  })
})

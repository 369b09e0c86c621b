import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TokenLists } from '../../../schemas/tokenized.ts'
import { openShardTokens } from '../../../stages/curriculum/shard-tokens.ts'
import { openTokenStore, writeTokenStore } from '../../../stages/curriculum/token-store.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import { scoreUnits, train } from '../shards/corpus.ts'

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'gradus-store-'))))
afterEach(() => rm(folder, { recursive: true }))

async function* lists(...batches: number[][][]): AsyncGenerator<TokenLists> {
  for (const rows of batches) {
    const offsets = new Int32Array(rows.length + 1)
    rows.forEach((row, i) => (offsets[i + 1] = offsets[i] + row.length))
    yield { offsets, values: Uint32Array.from(rows.flat()) }
  }
}

describe('a token store', () => {
  it.each([
    ['two bytes a token', 65_536, 65_535],
    ['four bytes a token', 65_537, 65_536],
  ])('gives back any stretch of tokens, with separators, at %s', async (_, vocabulary, last) => {
    const path = join(folder, 'orders', 'a.tokens')
    const facts = { documents: 4, tokens: 6, vocabulary }
    await writeTokenStore(path, facts, 9, lists([[1, last], []], [[3], [4, 5, 6]]))
    const store = await openTokenStore(path, facts)
    if (!store) throw new Error('The store was not opened.')
    try {
      expect([...store.starts]).toEqual([0, 3, 4, 6, 10])
      const read = (start: number, count: number) => {
        const into = new Int32Array(count)
        store.read(start, into)
        return [...into]
      }
      expect(read(0, 10)).toEqual([1, last, 9, 9, 3, 9, 4, 5, 6, 9])
      expect(read(7, 2)).toEqual([5, 6])
    } finally {
      store.close()
    }
  })

  it('is not opened as one of other documents', async () => {
    const path = join(folder, 'a.tokens')
    await writeTokenStore(path, { documents: 1, tokens: 2, vocabulary: 10 }, 9, lists([[1, 2]]))
    expect(await openTokenStore(path, { documents: 2, tokens: 2, vocabulary: 10 })).toBeUndefined()
    expect(
      await openTokenStore(join(folder, 'b.tokens'), { documents: 1, tokens: 2, vocabulary: 10 }),
    ).toBeUndefined()
  })

  it('leaves nothing behind where writing fails', async () => {
    async function* failing(): AsyncGenerator<TokenLists> {
      yield* lists([[1, 2]])
      throw new Error('The shards are gone.')
    }
    const path = join(folder, 'a.tokens')
    const writing = writeTokenStore(path, { documents: 2, tokens: 4, vocabulary: 10 }, 9, failing())
    await expect(writing).rejects.toThrow('The shards are gone.')
    expect(await readdir(folder)).toEqual([])
  })
})

describe('openShardTokens', () => {
  it('names a tokenizer that has no token to separate documents', async () => {
    const texts = ['One document.', 'And another document.']
    const tokenizer = join(folder, 'tokenizer.json')
    await train(tokenizer, texts, 280)
    await writeFile(tokenizer, (await readFile(tokenizer, 'utf8')).replaceAll('<|endoftext|>', '<s>'))
    const to = join(folder, 'shards')
    await scoreUnits([{ key: 'a', texts }], { to, tokenizer })
    const opening = openShardTokens(await openShards(to), new AbortController().signal, () => {})
    await expect(opening).rejects.toThrow(/tokenizer.json` has no token `<\|endoftext\|>`/)
  })
})

describe('a token store that is not as it was written', () => {
  const facts = { documents: 3, tokens: 80_000, vocabulary: 300 }
  const path = () => join(folder, 'a.tokens')
  const read = async () => {
    const store = await openTokenStore(path(), facts)
    if (!store) return 'not opened'
    try {
      const into = new Int32Array(store.starts[3])
      store.read(0, into)
      return into
    } finally {
      store.close()
    }
  }

  it('gives tokens nowhere where one bit of it is another', async () => {
    const documents = [70_000, 9_999, 1].map((length) => Array.from({ length }, (_, token) => token % 300))
    await writeTokenStore(path(), facts, 9, lists(documents))
    const bytes = await readFile(path())
    expect(await read()).toHaveLength(80_003)
    for (const at of [0, 65_535, 65_536, 150_000, bytes.length - 30, bytes.length - 14, bytes.length - 1]) {
      bytes[at] ^= 16
      await writeFile(path(), bytes)
      const outcome = await read().catch((error: Error) => error.message)
      expect(outcome).toMatch(/^not opened$|a\.tokens` is damaged: the next run makes it anew/)
      bytes[at] ^= 16
    }
  })

  it('is not opened under the name of another', async () => {
    await writeTokenStore(
      join(folder, 'b.tokens'),
      facts,
      9,
      lists([[1], [2], Array<number>(79_998).fill(3)]),
    )
    await rename(join(folder, 'b.tokens'), path())
    expect(await read()).toBe('not opened')
  })
})

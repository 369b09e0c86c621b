import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { UserError } from '../../../schemas/user-error.ts'
import { kindOfInput } from '../../../pipeline/commands/input-kind.ts'
import { scoreGraph, type ScoreFlags } from '../../../pipeline/commands/score-flags.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-input-kind-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function files(...names: string[]): Promise<string[]> {
  const paths = names.map((name) => join(folder, name))
  for (const path of paths) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, '')
  }
  return paths
}
const kindOf = (paths: readonly string[], out = join(folder, 'out')) => kindOfInput(paths, out)

describe('the kind of an input', () => {
  it.each([
    ['a.jsonl', 'jsonl'],
    ['a.ndjson.zst', 'jsonl'],
    ['c4-train.00000-of-01024.json.gz', 'jsonl'],
    ['a.txt', 'text'],
    ['a.txt.gz', 'text'],
    ['notes.md', 'text'],
    ['train-00000-of-00004.parquet', 'parquet'],
    ['data-00000-of-00002.arrow', 'arrow'],
    ['a.feather', 'arrow'],
  ])('is told by the name of the file: %s', async (name, kind) => {
    expect(kindOf(await files(name))).toBe(kind)
    expect(kindOf([join(folder, '*')])).toBe(kind)
    expect(kindOf([join(folder, 'not-there', name)])).toBe(kind)
  })

  it('is that of the files in a folder that a reader would take', async () => {
    await files('data/a.parquet', 'README.md', 'dataset_info.json', '.cache/b.jsonl', 'data/.c.txt')
    expect(kindOf([folder])).toBe('parquet')
  })

  it('is JSON Lines where nothing tells, as with standard input', async () => {
    expect(kindOf(['-'])).toBe('jsonl')
    expect(kindOf(['-', ...(await files('a.txt'))])).toBe('text')
  })

  it('does not come from what an earlier run has written', async () => {
    await files('a.jsonl', 'out/part-00000.tokens.arrow')
    expect(kindOf([folder])).toBe('jsonl')
    expect(() => kindOf([folder], join(folder, 'elsewhere'))).toThrow('of two kinds')
  })

  it('is one: of two, both are named, with what to do', async () => {
    const [story, table] = await files('x/story.txt', 'x/table.parquet')
    for (const paths of [[story, table], [folder], [join(folder, 'x/*')]]) {
      const finding = new Promise((resolve) => resolve(kindOf(paths)))
      await expect(finding).rejects.toEqual(
        new UserError(
          `The input is of two kinds, text (\`${story}\`) and Parquet (\`${table}\`): score one kind at a time, or ` +
            'say with --format which files of a folder to read.',
        ),
      )
    }
  })
})

describe('the flags of score', () => {
  const graphOf = (flags: Partial<ScoreFlags>) => {
    const { assignments } = scoreGraph({
      input: ['a.txt'],
      out: 'shards',
      format: undefined,
      field: undefined,
      split: 'none',
      metrics: undefined,
      tokenizer: undefined,
      vocabulary: 300,
      heldOut: undefined,
      maxRejected: undefined,
      set: [],
      ...flags,
    })
    return Object.fromEntries(assignments.map(({ path, value }) => [path.join('.'), value]))
  }

  it.each([
    ['a.jsonl', 'read-jsonl'],
    ['a.txt', 'read-text'],
    ['a.parquet', 'read-parquet'],
    ['a.arrow', 'read-arrow'],
  ])('name the reader of %s, or of what --format says', (name, use) => {
    expect(graphOf({ input: [name] })['stages.read']).toMatchObject({ use, with: { paths: [name] } })
    expect(graphOf({ input: [name], format: 'parquet' })['stages.read']).toMatchObject({
      use: 'read-parquet',
    })
  })

  it('leave cutting text at a separator to the reader, and every other cut to stage split', () => {
    const separated = graphOf({ split: 'separator:<|endoftext|>\n' })
    expect(separated['stages.read']).toMatchObject({ with: { separator: '<|endoftext|>\n' } })
    expect(separated['stages.split.with.by']).toBe('none')
    for (const flags of [{ split: 'words:200' }, { split: 'separator:|', input: ['a.jsonl'] }]) {
      const graph = graphOf(flags)
      expect(graph['stages.split.with.by']).toBe(flags.split)
      expect(graph['stages.read']).not.toHaveProperty(['with', 'separator'])
    }
  })

  it('name the field or the column of the text, where there are such', () => {
    expect(graphOf({ input: ['a.parquet'], field: 'body' })['stages.read']).toMatchObject({
      with: { field: 'body' },
    })
    expect(graphOf({ field: 'body' })['stages.read']).not.toHaveProperty(['with', 'field'])
  })
})

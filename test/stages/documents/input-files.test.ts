import { mkdir, symlink } from 'node:fs/promises'
import { relative } from 'node:path'
import * as input from '../../../stages/documents/input-files.ts'
import { temporaryFolder } from './reading.ts'

describe('input files', () => {
  const folder = temporaryFolder()
  const named = (files: readonly string[]) => files.map((file) => relative(folder.path(), file))
  const extensions = ['.jsonl', '.ndjson']
  const { signal } = new AbortController()
  const inputFiles = async (paths: string[], extensions: string[], output?: string) => {
    const files = await input.inputFiles(paths, { extensions, output, signal })
    for (const { path, source } of files) expect(path).toBe(source)
    return files.map(({ source }) => source)
  }

  it('keep the order in which paths are given', async () => {
    const [b, a] = [await folder.write('b.jsonl', ''), await folder.write('a.anything', '')]
    expect(await inputFiles([b, a], extensions)).toEqual([b, a])
  })

  it('of a folder are sorted by the bytes of their names, folders within included', async () => {
    // UTF-16 would put the emoji (a surrogate pair) before the private-use character; UTF-8 does not.
    const names = ['a/z.jsonl', 'B.jsonl', 'a.jsonl', 'é.jsonl', '\uE000.jsonl', '😀.jsonl', 'a-b.jsonl']
    for (const name of names) await folder.write(name, '')
    const files = await inputFiles([`${folder.path()}/`], extensions)
    expect(named(files)).toEqual([
      'B.jsonl',
      'a-b.jsonl',
      'a.jsonl',
      'a/z.jsonl',
      'é.jsonl',
      '\uE000.jsonl',
      '😀.jsonl',
    ])
  })

  it('of a folder are those with a wanted ending, compressed or not, and not hidden', async () => {
    const names = ['a.jsonl', 'b.ndjson.gz', 'c.jsonl.zst', 'd.json', 'e.txt', '.f.jsonl', 'g.jsonl.bak']
    for (const name of names) await folder.write(name, '')
    expect(named(await inputFiles([folder.path()], extensions))).toEqual([
      'a.jsonl',
      'b.ndjson.gz',
      'c.jsonl.zst',
    ])
  })

  it('of a glob may have any ending', async () => {
    for (const name of ['1.json', '2.json', 'x/3.json', '4.txt']) await folder.write(name, '')
    expect(named(await inputFiles([folder.path('*.json')], extensions))).toEqual(['1.json', '2.json'])
    expect(named(await inputFiles([folder.path('**/*.json')], extensions))).toEqual([
      '1.json',
      '2.json',
      'x/3.json',
    ])
  })

  it('of a relative glob are relative', async () => {
    await folder.write('1.json', '')
    const pattern = relative(process.cwd(), folder.path('*.json'))
    expect(await inputFiles([pattern], extensions)).toEqual([relative(process.cwd(), folder.path('1.json'))])
  })

  it('may have a name that looks like a glob', async () => {
    const path = await folder.write('a[1].json', '')
    expect(await inputFiles([path], extensions)).toEqual([path])
  })

  it('are read once, however often they are reached', async () => {
    const path = await folder.write('a.jsonl', '')
    expect(await inputFiles([path, folder.path(), folder.path('*.jsonl')], extensions)).toEqual([path])
  })

  it('are found behind links, and a link to its own folder does no harm', async () => {
    await mkdir(folder.path('linked'))
    await folder.write('elsewhere/a.jsonl', '')
    await symlink(folder.path('elsewhere'), folder.path('linked/to'))
    await symlink(folder.path('linked'), folder.path('linked/loop'))
    expect(named(await inputFiles([folder.path('linked')], extensions))).toContain('linked/to/a.jsonl')
  })

  it('do not include the file that rejected records go to', async () => {
    const [a, rejected] = [await folder.write('a.jsonl', ''), await folder.write('rejected.jsonl', '')]
    expect(await inputFiles([folder.path()], extensions, rejected)).toEqual([a])
    await expect(inputFiles([rejected], extensions, rejected)).rejects.toThrow('is both read and written')
  })

  it.each([
    ['a missing path', 'nowhere.jsonl', '`FOLDER/nowhere.jsonl` does not exist'],
    ['a glob that matches nothing', '*.csv', 'No file matches `FOLDER/*.csv`'],
    ['a folder without such files', '', 'Folder `FOLDER/` holds no .jsonl or .ndjson file'],
  ])('are refused, with the path, for %s', async (_case, name, message) => {
    await expect(inputFiles([folder.path() + '/' + name], extensions)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining(message.replace('FOLDER', folder.path())) as string,
    })
  })

  it('are refused where there are none, or where they can be read only once', async () => {
    await expect(inputFiles([], extensions)).rejects.toThrow('There is no input')
    await expect(inputFiles(['/dev/null'], extensions)).rejects.toThrow('not a regular file')
  })
})

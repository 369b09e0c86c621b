import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gradus } from '../../scripts/bench/faults/command-line.ts'

/** What commands do without when they start: imports are most of the time that a short command takes. */

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'gradus-start-'))))
afterAll(() => rm(folder, { recursive: true }))

/** A module that makes every import of these packages fail. */
async function without(packages: readonly string[]): Promise<string> {
  const path = join(folder, `${packages.length}.mjs`)
  const hook = `export async function resolve(name, context, next) {
    if (${JSON.stringify(packages)}.some((start) => name.startsWith(start))) throw new Error('Imported: ' + name)
    return next(name, context)
  }`
  const url = `data:text/javascript,${encodeURIComponent(hook)}`
  await writeFile(path, `import { register } from 'node:module'\nregister(${JSON.stringify(url)})\n`)
  return path
}

const large = ['@tensorflow/', 'apache-arrow', 'hyparquet', 'tokenizers', 'zod', 'yaml', 'vega']

test.each([
  [['--version'], large, /^\d+\.\d+\.\d+\n$/],
  [['--help'], large, /score .*\n[^]* doctor /],
  [['lint', `${process.cwd()}/pipeline/graphs/score.yaml`], ['@tensorflow/', 'hyparquet'], /no errors/],
])('%j imports none of %j', async (words, packages, output) => {
  const { code, stdout, stderr } = await gradus(folder, words, { preload: await without(packages) })
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: expect.stringMatching(output) as string,
    stderr: '',
  })
})

test('the hook sees what is imported', async () => {
  const graph = `${process.cwd()}/pipeline/graphs/train.yaml`
  const { stderr } = await gradus(folder, ['lint', graph], { preload: await without(['@tensorflow/']) })
  expect(stderr).toMatch('Imported: @tensorflow/tfjs-core')
})

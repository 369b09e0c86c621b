import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gradus, isCrash } from '../../scripts/bench/faults/command-line.ts'
import { makeScoredWorld } from './scored-world.ts'

/**
 * Runs that diverge in their second update. An embedding is as good at any size, since a norm follows it; this one
 * grows by a factor of 1e20 in the first update and leaves what 32-bit floats hold in the second.
 */

let world: string
beforeAll(async () => {
  world = await mkdtemp(join(tmpdir(), 'gradus-diverging-'))
  await makeScoredWorld(world)
})
afterAll(() => rm(world, { recursive: true }))

const diverging = (run: string, steps: number) => [
  ...['train', '--shards', 'shards', '--out', run, '--backend', 'wasm', '--steps', `${steps}`],
  ...['--rows', '4', '--length', '16', '--learning-rate', '0.002'],
  ...[
    'forward.with={dim: 16, layers: 1, heads: 2, tied: false}',
    'optimize.with.warm-up=2',
    'optimize.with.decay=1e23',
    'optimize.with.groups={head: 0, norms: 0, matrices: 0}',
    'evaluate.with.tokens=256',
    'checkpoint.with.every=1',
    'checkpoint.with.keep=1',
  ].flatMap((option) => ['--set', `stages.${option}`]),
]

test.each([
  ['last', 2, /^The loss on held-out text is NaN after 2 steps: training diverged\. /],
  [
    'last but one',
    3,
    /^`model\.embed_tokens\.weight` holds -?(Infinity|NaN) after 2 steps: training diverged\. /,
  ],
])(
  'a run that diverges in its %s update says so, and text is generated from the checkpoint before it',
  async (name, steps, sentence) => {
    const run = name.replaceAll(' ', '-')
    const outcome = await gradus(world, diverging(run, steps))
    expect(outcome).toMatchObject({ code: 1, stdout: '' })
    expect(isCrash(outcome)).toBe(false)
    expect(outcome.stderr.trimEnd().split('\n').at(-1)).toMatch(sentence)
    expect(existsSync(join(world, run, 'run.json'))).toBe(false)
    expect(await readdir(join(world, run, 'checkpoints'))).toEqual(['step-000001'])
    expect(await gradus(world, ['verify', run])).toMatchObject({ code: 0 })
    const generated = await gradus(world, ['generate', run, '--tokens', '5', '--backend', 'wasm'])
    expect(generated).toMatchObject({ code: 0, stderr: '' })
  },
)

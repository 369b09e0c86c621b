import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { armGraph } from '../../../pipeline/compare/arm.ts'
import { equalFlops } from '../../../pipeline/compare/controls.ts'
import { readExperiment } from '../../../pipeline/compare/experiment.ts'
import { Roster } from '../../../pipeline/compare/roster.ts'
import type { Graph } from '../../../pipeline/graph/graph.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-experiment-'))
})
afterAll(() => rm(folder, { recursive: true }))

const head = ['shards: s', 'steps: 100', 'seeds: 3', 'learning-rates: [0.001, 0.003]']

async function file(lines: readonly string[]): Promise<string> {
  const path = join(folder, 'experiment.yaml')
  await writeFile(path, lines.join('\n'))
  return path
}

async function read(...lines: string[]) {
  const experiment = await readExperiment(await file([...head, ...lines]))
  return { experiment, roster: await Roster.of(experiment) }
}

function optionsOf({ nodes }: Graph, name: string): Record<string, unknown> {
  return { ...nodes.find(({ stage }) => stage.name === name)?.options }
}

describe('what is wrong with an experiment is said with its place and the remedy', () => {
  test.each([
    [
      ['arms: { a: {}, b: {} }', 'learning-rate: 0.1'],
      /:6:1 error Unknown key `learning-rate`. Did you mean `learning-rates`\?/,
    ],
    [['arms: { a: {}, b: { sets: [] } }'], /:5:21 error Unknown key `sets`. Did you mean `set`\?/],
    [['arms: { a: {} }'], /:5:7 error `arms` is wrong: there must be two arms or more/],
    [
      ['arms: { a: {}, b/c: {} }'],
      /:5:16 error `arms.b\/c` is wrong: the name of an arm, which names a folder/,
    ],
    [
      ['arms: { a: {}, b: { set: [keep 0.5] } }'],
      /:5:27 error `arms.b.set.0` is wrong: .*is not an assignment/,
    ],
    [
      ['arms: { a: {}, b: {} }', 'baseline: c'],
      /:6:11 error `baseline` is wrong: there is no arm `c`, but `a` or `b`/,
    ],
    [
      ['arms: { a: {}, b: {} }', 'controls: [random]'],
      /:6:11 error `controls` is wrong: it must be true, false, or a list/,
    ],
    [['arms: ['], /error/],
  ])('%j', async (lines, message) => {
    await expect(read(...lines)).rejects.toThrow(message)
  })

  test('a missing key', async () => {
    await expect(readExperiment(await file(head.slice(1)))).rejects.toThrow(
      /The experiment needs `shards` \(the folder that `score` wrote\)/,
    )
  })

  test.each(['1', '21', '[3]', '[1, 1]', 'many'])('seeds: %s', async (seeds) => {
    const others = head.filter((line) => !line.startsWith('seeds'))
    const lines = [...others, `seeds: ${seeds}`, 'arms: { a: {}, b: {} }']
    await expect(readExperiment(await file(lines))).rejects.toThrow(/a number of seeds from 2 to 20/)
  })

  test.each([
    [
      'stages.ohem.with.kep=0.5',
      /Arm `b` has no graph that can run.\n.*has no option `kep`. Did you mean `keep`\?/,
    ],
    ['stages.order.with.seed=3', /Arm `b` sets `stages.order.with.seed`, which is the same .* from `seeds`/],
    ['stages.optimize.with.peak=0.1', /comes from `learning-rates`. Leave it out/],
    ['stages.order.with.order=random', /Arms `a` and `b` train alike/],
  ])('an arm with %s', async (assignment, message) => {
    await expect(read(`arms: { a: {}, b: { set: ['${assignment}'] } }`)).rejects.toThrow(message)
  })

  test('an arm whose graph measures nothing', async () => {
    const graph = join(folder, 'graph.yaml')
    await writeFile(
      graph,
      'stages: { read: { use: read-shards, with: { shards: s } }, order: { use: order } }',
    )
    await expect(read(`arms: { a: {}, b: { graph: ${graph} } }`)).rejects.toThrow(
      /Arm `b` cannot be compared: its graph `.*` has no `optimize` stage/,
    )
  })
})

test('arms of one seed have the same weights, batches and budget, and nothing but their own change between them', async () => {
  const { experiment, roster } = await read(
    'arms: { a: {}, b: { set: [stages.ohem.with.keep=0.5, stages.ohem.with.criterion=gradient-norm] }, wide: { set: [stages.pack.with.rows=32] } }',
  )
  const run = { seed: 3, learningRate: 0.001, folder: 'f' }
  const [a, b, wide] = await Promise.all(
    roster.arms
      .slice(0, 1)
      .concat(roster.arms.filter(({ role }) => role === 'treatment'))
      .map((arm) => armGraph(arm, experiment, run)),
  )
  for (const stage of ['read-shards', 'order', 'pack', 'forward', 'optimize', 'evaluate']) {
    expect(optionsOf(b, stage)).toEqual(optionsOf(a, stage))
  }
  expect(optionsOf(a, 'order')).toMatchObject({ order: 'random', seed: 3, tokens: 100 * 16 * 128 })
  expect(optionsOf(a, 'forward').seed).toBe(3)
  expect(optionsOf(a, 'optimize')).toMatchObject({ peak: 0.001, 'warm-up': 10 })
  expect(optionsOf(a, 'ohem').keep).toBe(1)
  expect(optionsOf(b, 'ohem')).toMatchObject({ keep: 0.5, criterion: 'gradient-norm', seed: 3 })
  expect(optionsOf(wide, 'order').tokens).toBe(100 * 16 * 128)
  expect(optionsOf(wide, 'evaluate').every).toBe(5)
})

describe('controls', () => {
  const both =
    'set: [stages.order.with.order=warm-up, stages.order.with.share=0.4, stages.ohem.with.keep=release]'

  test('take one thing from an arm each, and nothing is trained twice', async () => {
    const { roster } = await read(
      'arms:',
      '  plain: {}',
      '  warm-up: { set: [stages.order.with.order=warm-up, stages.order.with.share=0.4] }',
      '  ohem: { set: [stages.ohem.with.keep=release] }',
      '  gradient: { set: [stages.ohem.with.keep=release, stages.ohem.with.criterion=gradient-norm] }',
      `  both: { ${both} }`,
    )
    expect(roster.pairs.map(({ arm, as, against }) => `${arm}: ${as} = ${against}`)).toEqual([
      'warm-up: baseline = plain',
      'warm-up: reversed = warm-up.reversed',
      'ohem: baseline = plain',
      'ohem: random-keep = ohem.random-keep',
      'gradient: baseline = plain',
      'gradient: random-keep = ohem.random-keep',
      'both: baseline = plain',
      'both: random-order = ohem',
      'both: reversed = both.reversed',
      'both: random-keep = both.random-keep',
    ])
  })

  test('have the graphs that their names say', async () => {
    const { roster } = await read(`arms: { a: {}, both: { ${both} } }`)
    const graphOf = (name: string) =>
      roster.graphOf(roster.arms.find((arm) => arm.name === `both.${name}`) ?? roster.baseline)
    const own = await roster.graphOf(roster.arms[1])
    const random = await graphOf('random-order')
    expect(optionsOf(random, 'order')).toEqual({ order: 'random', seed: 1, tokens: 204_800 })
    expect(optionsOf(random, 'ohem')).toEqual(optionsOf(own, 'ohem'))
    expect(optionsOf(await graphOf('reversed'), 'order').order).toBe('descending')
    const kept = await graphOf('random-keep')
    expect(optionsOf(kept, 'order')).toEqual(optionsOf(own, 'order'))
    expect(optionsOf(kept, 'random-keep')).toEqual({ keep: 'release', granularity: 'sequence', seed: 1 })
    expect(kept.nodes.some(({ stage }) => stage.name === 'ohem')).toBe(false)
  })

  test('with equal operations have as many steps as these amount to', async () => {
    const { experiment, roster } = await read('arms: { a: {}, b: { set: [stages.ohem.with.keep=0.5] } }')
    const [arm, treatment] = roster.arms
    const graph = await roster.graphOf(arm)
    const base = { arm, graph, steps: experiment.steps, tokensPerStep: 2048 }
    const control = equalFlops(treatment, base, 2 / 3)
    const made = await armGraph(control?.arm ?? arm, experiment, { seed: 1, learningRate: 1, folder: 'f' })
    expect(control?.arm.name).toBe('b.equal-flops')
    expect(optionsOf(made, 'order').tokens).toBe(66 * 2048)
    expect(optionsOf(made, 'optimize')['warm-up']).toBe(7)
    expect(equalFlops(treatment, base, 1)).toBeUndefined()
  })

  test('are left out where the experiment says so, or names others', async () => {
    const arms = `arms: { a: {}, both: { ${both} } }`
    expect((await read(arms, 'controls: false')).roster.arms).toHaveLength(2)
    expect((await read(arms, 'controls: [reversed]')).roster.arms.map(({ name }) => name)).toEqual([
      'a',
      'both',
      'both.reversed',
    ])
  })
})

const experiments = 'pipeline/graphs/experiments'
test.each(await readdir(experiments))(
  '%s, which comes with the product, has arms that can run',
  async (name) => {
    const roster = await Roster.of(await readExperiment(join(experiments, name)))
    expect(roster.pairs.length).toBeGreaterThan(0)
  },
)

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { loadGraph } from '../../pipeline/graph/load.ts'
import { allStages } from '../../pipeline/registry.ts'
import { catalogue } from '../../pipeline/schedules/catalogue.ts'
import { plotOf } from '../../pipeline/schedules/given.ts'
import { plotsOfGraph } from '../../pipeline/schedules/of-graph.ts'
import { schedulesReference } from '../../pipeline/schedules/reference.ts'
import { gradus } from './command-line.ts'

const all = catalogue()
const registry = await allStages()

test.each(all.map((schedule) => [`${schedule.kind}/${schedule.name}`, schedule] as const))(
  '%s: its YAML is right for its stage, and its picture spans the run',
  (_, { yaml, plot, kind }) => {
    const [{ use, with: options }] = Object.values(
      parse(yaml) as Record<string, { use: string; with: object }>,
    )
    expect(registry.get(use)?.options.safeParse(options).error).toBeUndefined()
    for (const points of plot.series) {
      expect(points[0][0]).toBe(0)
      expect(points.at(-1)?.[0]).toBeGreaterThan(0.99)
      expect(points.every(([x], i) => i === 0 || x >= points[i - 1][0])).toBe(true)
      if (kind !== 's-loss') expect(points.every(([, y]) => y >= 0 && y <= 1)).toBe(true)
    }
  },
)

test('the catalogue has a page with formula, source, picture and YAML for each', () => {
  const files = schedulesReference()
  const page = files.get('docs/schedules.md') as string
  for (const { kind, name, formula, source, yaml } of all) {
    for (const part of [`### ${kind}/${name}\n`, formula, source, yaml]) expect(page).toContain(part)
    expect(files.get(`docs/schedules/${kind}-${name}.svg`)).toMatch(/^<svg /)
  }
  expect(files.size).toBe(all.length + 1)
})

test('options are drawn as a graph would have them', () => {
  const keep = plotOf({
    keep: {
      piecewise: [
        [0, 1],
        [0.5, 0.5],
        [1, 0.5],
      ],
    },
  })
  expect(keep?.series[0][50]).toEqual([0.25, 0.75])
  const order = plotOf({ order: 'tent', peak: 0.2 })
  const highest = order?.series[0].reduce((a, b) => (b[1] > a[1] ? b : a))
  expect(highest?.[0]).toBeCloseTo(0.2, 1)
  // Warm-up of 500 of 10,000 steps; the last half of the rest falls to zero in a line.
  const rate = plotOf({ schedule: { wsd: { decay: 0.5 } } })
  expect(rate?.series[0][150][1]).toBeCloseTo((1 - (0.75 * 9999 - 500) / 9500) / 0.5, 3)
  expect(plotOf({ nothing: 1 })).toBeUndefined()
})

test('a graph shows its order, its keep ratio and its learning rate over its own steps', async () => {
  const plots = plotsOfGraph(await loadGraph('pipeline/graphs/train.yaml'))
  expect([...plots.keys()]).toEqual(['order', 'ohem', 'optimize'])
  // 300 steps, 30 of them warm-up: the first has a thirtieth of the peak.
  expect(plots.get('optimize')?.series[0][0][1]).toBeCloseTo(1 / 30, 12)
})

describe('the command', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradus-schedules-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('draws a schedule in the terminal, and all of one name', async () => {
    const { code, stdout } = await gradus('schedules', 'tent')
    expect(code).toBe(0)
    expect(stdout).toContain('order/tent')
    expect(stdout).toContain('keep-ratio/tent')
    expect(stdout).toMatch(/[\u2801-\u28ff]{3}/)
  })

  test('writes the picture that the documentation has', async () => {
    const svg = join(folder, 'wsd.svg')
    expect(await gradus('schedules', 'wsd', '--svg', svg)).toMatchObject({ code: 0, stdout: '' })
    expect(await readFile(svg, 'utf8')).toBe(schedulesReference().get('docs/schedules/learning-rate-wsd.svg'))
  })

  test.each([
    [['schedules', 'cosin'], /Did you mean `cosine`/],
    [['schedules', '{keep: 1.5}'], /no schedule: .*<=1/],
    [['schedules', 'tent', '--svg', 'x.svg'], /order\/tent and keep-ratio\/tent/],
  ])('refuses %j in one sentence', async (parameters, message) => {
    const { code, stderr } = await gradus(...parameters)
    expect(code).toBe(1)
    expect(stderr).toMatch(message)
  })
})

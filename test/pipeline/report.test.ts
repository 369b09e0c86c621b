import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Evaluation, RunRecord, StepLine } from '../../schemas/run-record.ts'
import { readSafetensors } from '../../schemas/safetensors.ts'
import { html } from '../../pipeline/report/html.ts'
import { curves } from '../../pipeline/report/plot-data.ts'
import { writeTensors } from '../../stages/training/checkpoint-folder.ts'
import { gradus } from './command-line.ts'

/** A page about a real run, whose documents would like to run a script of their own. */

const hostile = '<script>document.title = "taken"</script><img src=x onerror=alert(1)> & "quotes" \u202e'
let folder: string
let run: string
let page: string
let texts: string[]
let steps: StepLine[]
let evaluations: Evaluation[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-report-'))
  run = join(folder, 'run')
  const words = ['a dog', 'the old house', 'seven boats', 'nobody', 'rain', 'green apples', 'her brother']
  texts = Array.from({ length: 120 }, (_, i) => {
    const text = Array.from({ length: 12 + (i % 9) }, (_, j) => words[(i * j + i) % words.length]).join(
      ' was ',
    )
    return `${hostile} ${text}.`
  })
  const lines = texts.map((text, i) => JSON.stringify({ id: `${i}<b>`, text }))
  await writeFile(join(folder, 'texts.jsonl'), `${lines.join('\n')}\n`)
  const shards = join(folder, 'shards')
  const input = ['--input', join(folder, 'texts.jsonl'), '--vocabulary', '300', '--out', shards]
  expect(await gradus('score', ...input)).toMatchObject({ code: 0 })
  const sets = [
    'forward.with.dim=16',
    'forward.with.layers=1',
    'evaluate.with.tokens=512',
    'evaluate.with.every=5',
  ]
  const train = [
    ...['train', '--shards', shards, '--out', run, '--steps', '12', '--rows', '4', '--length', '16'],
    ...['--curriculum', '--ohem-ratio', '0.5'],
    ...sets.flatMap((assignment) => ['--set', `stages.${assignment}`]),
  ]
  expect(await gradus(...train)).toMatchObject({ code: 0 })
  const out = join(folder, 'report.html')
  expect(await gradus('report', run, '--out', out, '--samples', '1')).toMatchObject({ code: 0 })
  page = await readFile(out, 'utf8')
  const records = async (name: string) =>
    (await readFile(join(run, name), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as never)
  steps = await records('steps.jsonl')
  evaluations = await records('evaluations.jsonl')
})
afterAll(() => rm(folder, { recursive: true }))

/** Cells of the table behind a figure, a list a row. */
function table(id: string, markup = page): string[][] {
  const [, details] = markup.split(`<details id="${id}-table">`)
  const [, body] = details.split('</details>')[0].split('<tbody>')
  return [...body.matchAll(/<tr>.*?<\/tr>/gs)].map(([row]) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) => cell.trim()),
  )
}

test('the table behind a figure has the numbers of the run’s records', () => {
  expect(table('loss').map(([step, loss]) => [Number(step), Number(loss)])).toEqual(
    steps.map(({ step, loss }) => [step, Number(loss.toPrecision(4))]),
  )
  expect(table('held-out').map(([step, bits]) => [Number(step), Number(bits)])).toEqual(
    evaluations.map(({ step, bitsPerByte }) => [step, Number(bitsPerByte.toPrecision(4))]),
  )
})

test('the curriculum is drawn as it was fed: easy documents first, then all', () => {
  const hardness = table('hardness').map(([, hardness]) => Number(hardness))
  expect(hardness).toHaveLength(steps.length)
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  expect(mean(hardness.slice(0, 2))).toBeLessThan(mean(hardness.slice(4)))
})

test('what selection kept is there by phase and by token frequency', () => {
  const [early, late] = table('phases').map(([phase, share]) => [phase, Number(share)])
  expect([early[0], late[0]]).toEqual(['0', '1'])
  expect(table('frequency-0')).toHaveLength(steps.length)
})

test('the most-kept tokens stand in text that was trained on, with what is around them', () => {
  const [, section] = page.split('Most-kept tokens of run</h3>')
  const [body] = section.split('</tbody>')
  const contexts = [...body.matchAll(/<bdi>([^<]*)<mark>([^<]*)<\/mark>([^<]*)<\/bdi>/g)]
  expect(contexts).toHaveLength(Math.min(24, new Set(steps.flatMap(({ mostKept }) => mostKept)).size))
  const entities: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&amp;': '&' }
  const text = (markup: string) =>
    markup.replaceAll(/&\w+;/g, (entity) => entities[entity]).replaceAll('␣', ' ')
  const whole = texts.map((line) => line.replaceAll('\u202e', '')).join('\n')
  // A token may be a part of the character that is not shown.
  const shown = contexts.filter(([all]) => !/\uFFFD|U\+202E/.test(all))
  expect(shown.length).toBeGreaterThan(10)
  for (const [, before, token, after] of shown) {
    expect(before.trim() + after.trim()).not.toBe('')
    expect(whole).toContain(text(`${before}${token}${after}`).trim())
  }
})

test('the run record and the page name the machine and the device', async () => {
  const { machine, backend } = JSON.parse(await readFile(join(run, 'run.json'), 'utf8')) as RunRecord
  expect(machine).toEqual({
    name: hostname(),
    processor: cpus()[0].model,
    cores: availableParallelism(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  })
  const text = page.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ')
  expect(text).toContain(`machine ${hostname()}: ${cpus()[0].model}, `)
  expect(text).toContain(`back end ${backend.name} (${backend.device})`)
})

test('text of the corpus never becomes markup', () => {
  expect(page).toContain('&lt;script&gt;document.title = &quot;taken&quot;&lt;/script&gt;')
  expect(page).not.toMatch(/<script>document\.title/)
  expect(page).not.toMatch(/<img/)
  expect(page).not.toMatch(/\d<b>/)
  expect(page).not.toContain('\u202e')
})

test('the page asks the network for nothing', () => {
  expect(page).toContain('default-src &#39;none&#39;')
  expect(page).not.toMatch(/(?:src|href)="(?!data:)/)
  expect(page).not.toMatch(/url\(|@import/)
})

test('the same runs give the same page, to the byte', async () => {
  const again = join(folder, 'again.html')
  expect(await gradus('report', run, '--out', again, '--samples', '1')).toMatchObject({ code: 0 })
  expect(await readFile(again, 'utf8')).toBe(page)
})

test('a run that has only begun, without its shards, has a page that says so', async () => {
  const begun = join(folder, 'begun')
  await mkdir(begun)
  const graph = await readFile(join(run, 'graph.yaml'), 'utf8')
  await writeFile(join(begun, 'graph.yaml'), graph.replace(join(folder, 'shards'), join(folder, 'gone')))
  const out = join(folder, 'begun.html')
  expect(await gradus('report', begun, run, '--out', out, '--samples', '0')).toMatchObject({ code: 0 })
  const both = await readFile(out, 'utf8')
  expect(both).toContain('0, not at its end')
  expect(both).toMatch(/Nothing can be said of it: There is no folder/)
  // Curves of the run that has some are drawn all the same.
  expect(both).toContain('<details id="loss-table">')
})

test('a run whose model cannot write has its page all the same, and a sentence says why there are no samples', async () => {
  const mute = join(folder, 'mute')
  const average = join(run, 'checkpoints', 'average')
  await cp(run, mute, { recursive: true })
  await rm(join(mute, 'checkpoints'), { recursive: true })
  const checkpoint = join(mute, 'checkpoints', 'step-000012')
  // As an earlier version wrote it: without the list of its files, so that its weights can be damaged.
  await cp(average, checkpoint, { recursive: true })
  await rm(join(checkpoint, 'files.json'))
  const weights = join(checkpoint, 'model.safetensors')
  const tensors = await readSafetensors(weights)
  tensors.get('model.norm.weight')?.values.fill(NaN)
  await writeTensors(weights, tensors)
  const out = join(folder, 'mute.html')
  const { code, stderr } = await gradus('report', mute, '--out', out, '--samples', '1')
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining(
      `There are no samples of \`${mute}\`: The model \`${checkpoint}\` predicts numbers that are not finite`,
    ) as string,
  })
  expect(await readFile(out, 'utf8')).toContain('<details id="loss-table">')
})

test('runs whose folders end alike are told apart by their paths', async () => {
  const other = join(folder, 'other', 'run')
  await cp(run, other, { recursive: true })
  const out = join(folder, 'two.html')
  expect(await gradus('report', run, other, '--out', out, '--samples', '0')).toMatchObject({ code: 0 })
  expect(await readFile(out, 'utf8')).toContain(`<title>gradus: ${run}, ${other}</title>`)
})

test('a comparison is told by its arms and their differences', async () => {
  const compared = join(folder, 'compared')
  await mkdir(compared)
  const difference = {
    differences: [-0.1, -0.3],
    mean: -0.2,
    interval: [-0.3, -0.1],
    pValue: 0.5,
    verdict: 'better',
  }
  const arm = (name: string, role: string, bits: number[]) => ({
    ...{ name, role, changes: [], learningRate: 0.003, sweep: [] },
    runs: bits.map((bitsPerByte) => ({ bitsPerByte })),
  })
  const comparison = {
    ...{ version: 1, experiment: 'the <experiment>', baseline: 'plain', seeds: [1, 2], tokens: 4096 },
    machine: { name: 'a machine', processor: 'a processor', cores: 2, platform: 'linux', node: '20' },
    arms: [arm('plain', 'baseline', [2, 3]), arm('ohem', 'treatment', [1.9, 2.7])],
    comparisons: [
      { arm: 'ohem', against: 'plain', as: 'baseline', bitsPerByte: difference, toBaseline: null },
    ],
    remarks: ['Two seeds are few.'],
  }
  await writeFile(join(compared, 'compare.json'), JSON.stringify(comparison))
  const out = join(folder, 'compared.html')
  expect(await gradus('report', compared, '--out', out)).toMatchObject({ code: 0 })
  const markup = await readFile(out, 'utf8')
  const text = markup.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ')
  expect(text).toContain('the &lt;experiment&gt;')
  expect(text).toContain('ohem treatment 0.003 2.3 1.9, 2.7')
  expect(text).toContain('ohem plain (baseline) -0.2 -0.3 to -0.1 0.5 better not reached')
  // Drawn as well, each arm with its interval, and with a table of what is drawn.
  expect(table('differences-0', markup)).toEqual([['ohem', '-0.2', '-0.3', '-0.1']])
  expect(table('arms-0', markup)).toEqual([
    ['plain', '2.5', '2', '3'],
    ['ohem', '2.3', '1.9', '2.7'],
  ])
  expect(markup.match(/<title>arm [^<]*<\/title>/g)).toEqual([
    '<title>arm plain\nmean: 2.5\nfewest: 2\nmost: 3</title>',
    '<title>arm ohem\nmean: 2.3\nfewest: 1.9\nmost: 2.7</title>',
    '<title>arm ohem\nmean: -0.2\ninterval from: -0.3\ninterval to: -0.1</title>',
  ])
})

test('a folder without a run is refused in one sentence', async () => {
  const { code, stderr } = await gradus('report', join(folder, 'shards'))
  expect(code).toBe(1)
  expect(stderr).toMatch(/^`.*shards` holds no run: it has no `graph\.yaml`\. Give the folder .*\.\n$/)
})

test('values in a template are escaped, markup and lists of it are not', () => {
  const row = html`<td title="${'"<&>\''}">${[html`<b>${1}</b>`, '<i>']}</td>`
  expect(row.markup).toBe('<td title="&quot;&lt;&amp;&gt;&#39;"><b>1</b>&lt;i&gt;</td>')
})

test('long curves become means over as many steps as leave few places, and gaps stay gaps', () => {
  const points = Array.from({ length: 250 }, (_, x) => ({ x, y: x }))
  const holed = points.map(({ x }) => ({ x, y: x < 3 ? null : 1 }))
  const { places, series } = curves('step', 'y', [
    { name: 'line', colour: 0, points },
    { name: 'holed', colour: 1, points: holed },
    { name: 'empty', colour: 2, points: points.map(({ x }) => ({ x, y: null })) },
  ])
  // Three steps a place; the last place has one.
  expect(places.slice(0, 3)).toEqual([2, 5, 8])
  expect(places.at(-1)).toBe(249)
  expect(series.map(({ name }) => name)).toEqual(['line', 'holed'])
  expect(series[0].values.slice(0, 3)).toEqual([1, 4, 7])
  expect(series[0].values.at(-1)).toBe(249)
  expect(series[1].values.slice(0, 2)).toEqual([null, 1])
})

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Comparison } from '../../../schemas/comparison.ts'
import type { Evaluation, RunRecord, StepRecord } from '../../../schemas/run-record.ts'
import { makeShards, sentences } from '../../stages/curriculum/shards-fixture.ts'
import { cli, gradus } from '../command-line.ts'

/** A comparison of the real command line, on tiny shards: stopped on its way, and gone on with. */

const steps = 6
let fixture: Awaited<ReturnType<typeof makeShards>>
let folder: string
let out: string
let file: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-compare-'))
  out = join(folder, 'out')
  file = join(folder, 'experiment.yaml')
  fixture = await makeShards([await sentences(3)], { heldOut: 0.1, metrics: ['mtld'] })
  await writeFile(
    file,
    [
      `shards: ${fixture.shards}`,
      `steps: ${steps}`,
      'seeds: 2',
      'learning-rates: [0.01]',
      'evaluations: 3',
      'controls: [equal-flops]',
      'set:',
      '  - "stages.forward.with={dim: 8, layers: 1, heads: 2}"',
      '  - "stages.pack.with={rows: 4, length: 16}"',
      '  - stages.evaluate.with.tokens=512',
      'arms: { plain: {}, ohem: { set: [stages.ohem.with.keep=0.5] } }',
    ].join('\n'),
  )
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  await fixture.remove()
})

const command = () => ['compare', file, '--out', out, '--jobs', '1', '--json']

/** The finished runs of the comparison, and when each was finished. */
async function finished(): Promise<Map<string, number>> {
  const runs = new Map<string, number>()
  for (const name of await readdir(out, { recursive: true }).catch(() => [])) {
    if (name.endsWith('run.json')) runs.set(name, (await stat(join(out, name))).mtimeMs)
  }
  return runs
}

/** Runs the comparison until its first run is there, and stops it. */
function stopAfterFirst(): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [cli, ...command()])
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const first = join(out, 'plain', 'seed-1-lr-0.01', 'run.json')
  const timer = setInterval(() => {
    if (!existsSync(first)) return
    clearInterval(timer)
    child.kill('SIGTERM')
  }, 5)
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => {
      clearInterval(timer)
      resolve({ code, stderr })
    })
  })
}

async function lines<T>(...path: string[]): Promise<T[]> {
  const text = await readFile(join(...path), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}

let stopped: Awaited<ReturnType<typeof stopAfterFirst>>
let before: Map<string, number>
let comparison: Comparison
beforeAll(async () => {
  stopped = await stopAfterFirst()
  before = await finished()
  const { code, stdout, stderr } = await gradus(...command())
  expect({ code, stderr }).toMatchObject({ code: 0 })
  comparison = JSON.parse(stdout) as Comparison
})

test('a comparison that is stopped says how to go on, and then makes no finished run again', async () => {
  expect(stopped.code).toBe(130)
  expect(stopped.stderr).toMatch(/Stopped. The same command goes on from here.\n$/)
  expect(before.size).toBeGreaterThanOrEqual(1)
  expect(before.size).toBeLessThan(6)
  const after = await finished()
  expect(after.size).toBe(6)
  for (const [name, time] of before) expect(after.get(name)).toBe(time)
})

test('a comparison that has ended makes no run and comes to the same', async () => {
  const after = await finished()
  const { code, stdout } = await gradus('compare', file, '--out', out)
  expect(code).toBe(0)
  expect(await finished()).toEqual(after)
  expect(JSON.parse(await readFile(join(out, 'compare.json'), 'utf8'))).toEqual(comparison)
  expect(stdout).toMatch(/ohem +plain +[-+]0\.\d{4} +\S+ to \S+ +\S+ +no difference found/)
  expect(stdout).toContain('With 2 seeds the smallest p value that there can be is 0.5')
})

test('figures are those of the runs, and the control has the operations of what it is held against', async () => {
  const [plain, ohem, control] = comparison.arms
  expect(comparison.comparisons.map(({ arm, against, as }) => [arm, against, as])).toEqual([
    ['ohem', 'plain', 'baseline'],
    ['ohem', 'ohem.equal-flops', 'equal-flops'],
  ])
  for (const { runs } of comparison.arms) {
    for (const run of runs) {
      const record = JSON.parse(await readFile(join(run.folder, 'run.json'), 'utf8')) as RunRecord
      expect(run.bitsPerByte).toBe(record.after?.bitsPerByte)
      expect(run.tokens).toBe(record.tokens)
    }
  }
  // Half of the sequences kept: 1 + 2 · 0.5 forward passes, where the baseline has three.
  expect(ohem.runs[0].flops / plain.runs[0].flops).toBeCloseTo(2 / 3, 9)
  expect(control.runs.map((run) => run.steps)).toEqual([4, 4])
  expect(control.runs[0].flops).toBeCloseTo(ohem.runs[0].flops, 0)
  const [{ bitsPerByte }] = comparison.comparisons
  expect(bitsPerByte.differences).toEqual(
    ohem.runs.map((run, i) => run.bitsPerByte - plain.runs[i].bitsPerByte),
  )
})

test('runs of a seed begin with the same model and see the same batches; those of another seed do not', async () => {
  const run = (arm: string, seed: number) => join(out, arm, `seed-${seed}-lr-0.01`)
  const first = async (arm: string, seed: number) => {
    const [{ bitsPerByte }] = await lines<Evaluation>(run(arm, seed), 'evaluations.jsonl')
    const [{ loss }] = await lines<StepRecord>(run(arm, seed), 'steps.jsonl')
    return { bitsPerByte, loss }
  }
  expect(await first('ohem', 1)).toEqual(await first('plain', 1))
  expect(await first('ohem', 2)).toEqual(await first('plain', 2))
  expect(await first('plain', 2)).not.toEqual(await first('plain', 1))
})

test('an arm that was changed is not mixed with its old runs', async () => {
  const changed = join(folder, 'changed.yaml')
  await writeFile(changed, (await readFile(file, 'utf8')).replace('keep=0.5', 'keep=0.25'))
  const { code, stderr } = await gradus('compare', changed, '--out', out)
  expect(code).toBe(1)
  expect(stderr).toMatch(/`.*ohem.seed-1-lr-0.01` holds a run of another graph than arm `ohem` has now/)
})

test('a learning rate at which training diverges loses the sweep, and a run that fails is named', async () => {
  const sweep = join(folder, 'sweep.yaml')
  const text = (await readFile(file, 'utf8')).replace('[equal-flops]', 'false')
  await writeFile(sweep, text.replace('[0.01]', '[0.01, 1.0e+30]'))
  const { code, stdout, stderr } = await gradus('compare', sweep, '--out', out, '--json')
  expect({ code, stderr }).toMatchObject({ code: 0 })
  for (const { learningRate, sweep } of (JSON.parse(stdout) as Comparison).arms) {
    expect(learningRate).toBe(0.01)
    expect(sweep.map(({ mean }) => mean === null)).toEqual([false, true])
  }
  await writeFile(sweep, text.replace(fixture.shards, join(folder, 'none')))
  const failed = await gradus('compare', sweep, '--out', join(folder, 'failed'))
  expect(failed.code).toBe(1)
  expect(failed.stderr).toMatch(
    /plain, seed 1, learning rate 0.01 failed: .*none.*train.log` has the whole of it/,
  )
})

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadGraph } from '../../pipeline/graph/load.ts'
import { resumedGraph } from '../../pipeline/resume.ts'
import { run } from '../../pipeline/run.ts'
import type { TrainingState } from '../../schemas/training-state.ts'
import { withChecksum } from '../../stages/checked-json.ts'
import { makeShards, sentences } from '../stages/curriculum/shards-fixture.ts'

/** Runs whose stages have another version by now than when their checkpoint was written. */

let fixture: Awaited<ReturnType<typeof makeShards>>
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-versions-'))
  fixture = await makeShards([await sentences(2)])
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  await fixture.remove()
})

/** Trains for two steps, and returns the run's folder. */
async function train(name: string, selection: string): Promise<string> {
  const to = join(folder, name)
  await mkdir(to)
  await writeFile(
    join(to, 'graph.yaml'),
    `stages:
  read: { use: read-shards, with: { shards: ${fixture.shards} } }
  order: { use: order, with: { tokens: 64 } }
  pack: { use: pack, with: { rows: 4, length: 8 } }
  forward: { use: forward, with: { dim: 8, layers: 1, heads: 2, backend: wasm } }
  ${selection}
  backward: { use: backward }
  optimize: { use: optimize }
  checkpoint: { use: checkpoint, with: { to: ${to} } }
  record: { use: record, with: { to: ${to} } }
`,
  )
  await run(await loadGraph(join(to, 'graph.yaml')), {
    signal: new AbortController().signal,
    log: () => undefined,
    workers: 1,
    stats: () => ({ add() {}, drop() {}, set() {}, expect() {} }),
  })
  return to
}

const checkpointOf = (to: string) => join(to, 'checkpoints', 'step-000002')
const stateOf = async (to: string) =>
  JSON.parse(await readFile(join(checkpointOf(to), 'training-state.json'), 'utf8')) as TrainingState

/** Writes other versions into the state of a run's checkpoint; none where there were none yet. */
async function replaceVersions(to: string, versions?: TrainingState['versions']): Promise<void> {
  const { checksum: _, versions: __, ...state } = (await stateOf(to)) as TrainingState & { checksum: string }
  const altered = withChecksum({ ...state, ...(versions && { versions }) })
  await writeFile(join(checkpointOf(to), 'training-state.json'), JSON.stringify(altered))
}

const hard = 'hard: { use: ohem, with: { keep: 0.5 } }'
const resumed = async (to: string) => {
  const said: string[] = []
  await resumedGraph(to, [], (sentence) => said.push(sentence))
  return said
}
const goesOn = (to: string) => [`Going on after 2 of 2 steps, from \`${checkpointOf(to)}\`.`]
const refusal = (to: string, before: number, now: number, gradus: string) =>
  `The checkpoint \`${checkpointOf(to)}\` was trained with version ${before} of the stage \`ohem\`, and this gradus has version ${now}. Go on with the gradus that began the run (\`gradus\` in the checkpoint's \`training-state.json\` says ${gradus}), or begin a new run.`

test('a checkpoint records the versions of its stages by id, and a run with the same ones goes on', async () => {
  const to = await train('equal', hard)
  expect((await stateOf(to)).versions).toMatchObject({ forward: 1, hard: 2, backward: 1, record: 1 })
  expect(await resumed(to)).toEqual(goesOn(to))
})

test('a run that began with another version of a stage that trains is refused, one of a stage that watches is not', async () => {
  const to = await train('another', hard)
  const { versions, gradus } = await stateOf(to)
  await replaceVersions(to, { ...versions, record: 9, order: 9 })
  expect(await resumed(to)).toEqual(goesOn(to))
  await replaceVersions(to, { ...versions, hard: 3 })
  await expect(resumed(to)).rejects.toThrow(refusal(to, 3, 2, gradus))
})

test('a checkpoint that names no versions is one of version 1 of every stage', async () => {
  const plain = await train('plain', '')
  await replaceVersions(plain)
  expect(await resumed(plain)).toEqual(goesOn(plain))
  const selecting = await train('selecting', hard)
  const { gradus } = await stateOf(selecting)
  await replaceVersions(selecting)
  await expect(resumed(selecting)).rejects.toThrow(refusal(selecting, 1, 2, gradus))
})

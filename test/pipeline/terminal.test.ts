import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pace } from '../../pipeline/pace.ts'
import type { Event, StageProgress } from '../../pipeline/output/event.ts'
import type { RunRecord, StepLine } from '../../schemas/run-record.ts'
import { cli, gradus, type Outcome } from './command-line.ts'

/** What commands tell a program, and a person at a terminal. */

let folder: string
let shards: string
let scored: Outcome

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-terminal-'))
  const lines = Array.from({ length: 60 }, (_, i) => JSON.stringify({ text: `A dog ran to house ${i * i}.` }))
  await writeFile(join(folder, 'texts.jsonl'), `${lines.join('\n')}\n{"text": ""}\nno JSON\n`)
  shards = join(folder, 'shards')
  const input = ['--input', join(folder, 'texts.jsonl'), '--vocabulary', '300', '--out', shards]
  scored = await gradus('score', ...input, '--workers', '1', '--max-rejected', '0.1', '--json')
})
afterAll(() => rm(folder, { recursive: true }))

const train = (out: string, steps: number) => [
  ...['train', '--shards', shards, '--out', join(folder, out), '--steps', `${steps}`],
  ...['--rows', '4', '--length', '16', '--ohem-ratio', '0.5', '--backend', 'wasm'],
  ...['forward.with.dim=16', 'forward.with.layers=1', 'evaluate.with.tokens=128'].flatMap((assignment) => [
    '--set',
    `stages.${assignment}`,
  ]),
]

function eventsOf({ stdout }: Outcome): Event[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)
}

function progressOf(events: readonly Event[], stage: string): StageProgress[] {
  return events.filter((event) => event.event === 'progress').filter((event) => event.stage === stage)
}

test('`score --json` prints an event a line, the outcome last, and nothing on standard error', () => {
  expect(scored).toMatchObject({ code: 0, stderr: '' })
  const events = eventsOf(scored)
  expect(events[0]).toEqual({ event: 'message', text: 'Training a tokenizer of 300 tokens on the input.' })
  expect(events).toContainEqual({ event: 'dropped', stage: 'read', reason: 'not JSON', rows: 1 })
  expect(events.at(-1)).toMatchObject({ event: 'ended', shards, units: 1, reused: 0, missing: 0 })
})

test('`train --json` prints how far each stage is, and the run record last', async () => {
  const outcome = await gradus(...train('told', 8), '--json')
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  const events = eventsOf(outcome)
  const steps = (await readFile(join(folder, 'told', 'steps.jsonl'), 'utf8')).trimEnd().split('\n')
  const { loss, keptFraction } = JSON.parse(steps[7]) as StepLine
  expect(progressOf(events, 'optimize').at(-1)).toMatchObject({
    ...{ counter: 'steps', done: 8, total: 8, secondsLeft: 0 },
    gauges: { loss, kept: keptFraction },
  })
  const record = JSON.parse(await readFile(join(folder, 'told', 'run.json'), 'utf8')) as RunRecord
  expect(events.at(-1)).toEqual({ event: 'ended', run: join(folder, 'told'), record })
})

test('a run that is stopped says so to a program, with the checkpoint that it goes on from', async () => {
  const run = join(folder, 'stopped')
  let hasEnded = false
  const outcome = gradus(...train('stopped', 40_000), '--json').finally(() => (hasEnded = true))
  while (!hasEnded && !existsSync(join(run, 'steps.jsonl')))
    await new Promise((resolve) => setTimeout(resolve, 20))
  await writeFile(join(run, 'stop'), '')
  const { code } = await outcome
  const steps = (await readFile(join(run, 'steps.jsonl'), 'utf8')).trimEnd().split('\n').length
  expect(code).toBe(130)
  expect(eventsOf(await outcome).at(-1)).toEqual({ event: 'stopped', checkpoint: steps })
})

const onTerminal = existsSync('/usr/bin/script') && process.platform === 'linux' ? test : test.skip

/** Runs the command line on a terminal of its own. @returns all that it wrote there. */
function shown(parameters: readonly string[], environment: Record<string, string>): Promise<string> {
  const quoted = [process.execPath, cli, ...parameters].map((word) => `'${word}'`).join(' ')
  const { CI: _, NO_COLOR: __, ...inherited } = process.env
  const child = spawn('/usr/bin/script', ['-qec', quoted, '/dev/null'], {
    env: { ...inherited, NODE_OPTIONS: '', TERM: 'xterm', ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  return new Promise((resolve, reject) => child.on('error', reject).on('close', () => resolve(text)))
}

const escape = '\u001b['

onTerminal('a terminal shows bars with rate, loss and kept fraction', async () => {
  const text = await shown(train('bars', 8), {})
  expect(text).toMatch(/optimize +━+ 8\/8 steps, [\d.]+\/s, done, loss [\d.]+, kept 0\.5/)
})

onTerminal('CI has plain lines even on a terminal', async () => {
  const text = await shown(train('plain', 8), { CI: 'true' })
  expect(text).not.toContain(escape)
  expect(text).toMatch(/^ *\d+ s {2}.*optimize 8\/8 steps \| .*done \| loss [\d.]+ \| kept 0\.5/m)
})

onTerminal('NO_COLOR leaves out the colours that a terminal has', async () => {
  const graph = join(folder, 'wrong.yaml')
  await writeFile(graph, 'stages:\n  read: { use: red-shards, with: { shards: shards } }\n')
  expect(await shown(['lint', graph], {})).toContain(escape)
  expect(await shown(['lint', graph], { NO_COLOR: '1' })).not.toContain(escape)
})

test('pace is that of the last half minute, and forgets a pause after the next steps', () => {
  const pace = new Pace()
  pace.note(0, 0)
  expect(pace.perSecond).toBeUndefined()
  for (let second = 1; second <= 50; second++) pace.note(9 * second, second * 1000)
  for (let second = 1; second <= 50; second++) pace.note(450 + 2 * second, (50 + second) * 1000)
  expect(pace.perSecond).toBeCloseTo(2)
  for (let second = 1; second <= 3; second++) pace.note(550 + 4 * second, 3_600_000 + second * 1000)
  expect(pace.perSecond).toBeCloseTo(4)
})

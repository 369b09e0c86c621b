import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Comparison } from '../../schemas/comparison.ts'
import { UserError } from '../../schemas/user-error.ts'
import { replaceFile } from '../../stages/replace-file.ts'
import type { Log } from '../../stages/stage.ts'
import { thisMachine } from '../../stages/training/this-machine.ts'
import { lockFolder } from '../folder-lock.ts'
import { type Arm, armGraph, tokensPerStep } from './arm.ts'
import { comparisonOf, type EndedRun, meanOf, tooFewSeeds } from './comparison.ts'
import { equalFlops } from './controls.ts'
import { type Experiment, readExperiment } from './experiment.ts'
import { readOutcome } from './outcome.ts'
import { Roster } from './roster.ts'
import { hasDiverged, hasEnded, nameOf, type PlannedRun, runAll, type RunningOptions } from './runs.ts'

const { version } = createRequire(import.meta.url)('gradus/package.json') as { version: string }

export interface CompareOptions extends Omit<RunningOptions, 'onEnd'> {
  /** Folder of the comparison: a folder an arm in it, a folder a run in that, and compare.json. */
  readonly out: string
  readonly log: Log
}

/**
 * Makes the runs of an experiment that are not there yet, and compares its arms.
 * @throws UserError where the experiment is wrong, a run fails, or another process is in the folder; AbortError after a
 * signal.
 */
export async function compare(file: string, options: CompareOptions): Promise<Comparison> {
  const { out, log } = options
  const experiment = await readExperiment(file)
  const roster = await Roster.of(experiment)
  await using _lock = await lockFolder(out)
  tooFewSeeds(experiment.seeds.length).forEach(log)
  const ended = await runArms(roster.arms, experiment, options)
  if (experiment.controls.includes('equal-flops')) {
    const own = roster.arms
    await addEqualFlops(roster, experiment, ended)
    const added = roster.arms.filter((arm) => !own.includes(arm))
    ended.push(...(await runArms(added, experiment, options)))
  }
  const { seeds, 'learning-rates': learningRates } = experiment
  const comparison: Comparison = {
    version: 1,
    gradus: version,
    experiment: file,
    machine: thisMachine(),
    baseline: roster.baseline.name,
    seeds,
    learningRates,
    tokens: roster.baseline.tokens as number,
    ...comparisonOf({ seeds, learningRates, arms: roster.arms, pairs: roster.pairs }, ended),
  }
  const text = await readFile(file, 'utf8')
  await replaceFile(join(out, 'experiment.yaml'), (handle) => handle.writeFile(text))
  const json = `${JSON.stringify(comparison, null, 2)}\n`
  await replaceFile(join(out, 'compare.json'), (handle) => handle.writeFile(json))
  return comparison
}

async function runArms(
  arms: readonly Arm[],
  experiment: Experiment,
  { out, log, ...options }: CompareOptions,
): Promise<EndedRun[]> {
  const runs: PlannedRun[] = []
  // Seed by seed, so that what a broken comparison leaves behind is whole experiments of fewer seeds.
  for (const seed of experiment.seeds) {
    for (const learningRate of experiment['learning-rates']) {
      for (const arm of arms) {
        const settings = {
          seed,
          learningRate,
          folder: join(out, arm.name, `seed-${seed}-lr-${learningRate}`),
        }
        runs.push({ arm: arm.name, ...settings, graph: await armGraph(arm, experiment, settings) })
      }
    }
  }
  const before = runs.filter(hasEnded).length
  if (before > 0) log(`${before} of ${runs.length} runs have ended before and stay as they are.`)
  let done = before
  let seconds = 0
  await runAll(runs, {
    ...options,
    async onEnd(run, took) {
      const outcome = await outcomeOf(run)
      done++
      seconds += took
      const result = outcome ? `${outcome.bitsPerByte.toFixed(4)} bits per byte` : 'diverged'
      const left = ((seconds / (done - before)) * (runs.length - done)) / options.jobs
      const remaining = done < runs.length ? `, about ${minutes(left)} left` : ''
      log(`[${done}/${runs.length}] ${nameOf(run)}: ${result} after ${took.toFixed(0)} s${remaining}`)
    },
  })
  return Promise.all(runs.map(async (run) => ({ ...run, outcome: await outcomeOf(run) })))
}

async function outcomeOf(run: PlannedRun) {
  return hasDiverged(run) ? null : readOutcome(run.folder, run.graph)
}

/** What the baseline would have come to with the operations that an arm took is known when the arm has run. */
async function addEqualFlops(
  roster: Roster,
  experiment: Experiment,
  ended: readonly EndedRun[],
): Promise<void> {
  const { baseline } = roster
  const graph = await roster.graphOf(baseline)
  const { steps } = experiment
  const base = { arm: baseline, graph, steps, tokensPerStep: tokensPerStep(baseline, graph) }
  for (const arm of roster.arms.filter(({ role }) => role === 'treatment')) {
    const control = equalFlops(arm, base, flopsOf(arm, ended) / flopsOf(baseline, ended))
    if (control) await roster.addControl(arm, control)
  }
}

/** Mean floating-point operations of an arm's runs, those that diverged left out. */
function flopsOf({ name }: Arm, ended: readonly EndedRun[]): number {
  const whole = ended.filter(({ arm }) => arm === name).flatMap(({ outcome }) => outcome ?? [])
  if (whole.length > 0) return meanOf(whole.map(({ total }) => total.flops))
  throw new UserError(
    `Every run of arm \`${name}\` diverged. Add a smaller learning rate to \`learning-rates\`.`,
  )
}

function minutes(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
}

import { UserError } from '../../schemas/user-error.ts'
import { type Arm, armGraph, givenArm, tokensPerStep } from './arm.ts'
import { type Control, controlsOf } from './controls.ts'
import type { Experiment } from './experiment.ts'

/** Two arms that are held against each other, by name. */
export interface Pair {
  readonly arm: string
  readonly against: string
  /** What the other is for the first, such as `baseline` or `random-keep`. */
  readonly as: string
}

/** The arms of an experiment, each way to train once, and which are held against which. */
export class Roster {
  readonly #experiment: Experiment
  readonly #arms = new Map<string, Arm>()
  readonly #pairs: Pair[] = []
  /** Names by what their graphs amount to. */
  readonly #names = new Map<string, string>()

  private constructor(experiment: Experiment) {
    this.#experiment = experiment
  }

  /** @throws UserError where an arm cannot be compared, or is the same as another. */
  static async of(experiment: Experiment): Promise<Roster> {
    const roster = new Roster(experiment)
    const names = Object.keys(experiment.arms)
    const baseline = experiment.baseline ?? names[0]
    const first = givenArm(baseline, 'baseline', experiment)
    const tokens = experiment.steps * tokensPerStep(first, await roster.graphOf(first))
    const arms = [
      { ...first, tokens },
      ...names
        .filter((name) => name !== baseline)
        .map((name) => givenArm(name, 'treatment', experiment, tokens)),
    ]
    for (const arm of arms) {
      const name = await roster.#add(arm)
      if (name !== arm.name) {
        throw new UserError(`Arms \`${name}\` and \`${arm.name}\` train alike. Change one, or leave it out.`)
      }
    }
    for (const arm of arms.slice(1)) {
      roster.#pairs.push({ arm: arm.name, against: baseline, as: 'baseline' })
      for (const control of controlsOf(arm, await roster.graphOf(arm), experiment.controls)) {
        await roster.addControl(arm, control)
      }
    }
    return roster
  }

  get baseline(): Arm {
    return [...this.#arms.values()][0]
  }

  get arms(): readonly Arm[] {
    return [...this.#arms.values()]
  }

  get pairs(): readonly Pair[] {
    return this.#pairs
  }

  /** Holds an arm against a control, which may be there already, under another name. */
  async addControl(arm: Arm, { name, arm: control }: Control): Promise<void> {
    const against = await this.#add(control)
    if (this.#pairs.some((pair) => pair.arm === arm.name && pair.against === against)) return
    this.#pairs.push({ arm: arm.name, against, as: name })
  }

  /** An arm's graph with the first seed and learning rate. */
  graphOf(arm: Arm) {
    const { seeds, 'learning-rates': rates } = this.#experiment
    return armGraph(arm, this.#experiment, { seed: seeds[0], learningRate: rates[0], folder: 'run' })
  }

  /** @returns the name of the arm that trains so. */
  async #add(arm: Arm): Promise<string> {
    const { nodes } = await this.graphOf(arm)
    const key = JSON.stringify(nodes.map(({ id, stage, from, options }) => [id, stage.name, from, options]))
    const known = this.#names.get(key)
    if (known !== undefined) return known
    this.#names.set(key, arm.name)
    this.#arms.set(arm.name, arm)
    return arm.name
  }
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { gradus, isCrash } from './command-line.ts'
import { copyWorld, resuming, runFolder } from './world.ts'

/** A command, begun again whenever it is killed, and what an unbroken run of it comes to. */
export interface KilledCommand {
  readonly name: string
  /** World in which it begins, copied for every chain of kills. */
  readonly from: string
  /** What to run next in a world. */
  next(world: string): readonly string[]
  contents(world: string): Promise<string | undefined>
  readonly expected: string
  /** How long it takes from beginning to end. */
  readonly milliseconds: number
}

export interface KillResults {
  killed: number
  recovered: number
  /** What came out otherwise than from the unbroken run, or with a crash: a sentence each. */
  readonly lost: string[]
}

/** Kills in a row, before the command is left alone. */
const killsInARow = 5

/**
 * Kills commands `kills` times at random moments, one after the other in the same folder, and compares what they come
 * to in the end.
 * @param random uniform in [0, 1)
 */
export async function kill(
  commands: readonly KilledCommand[],
  kills: number,
  folder: string,
  random: () => number,
): Promise<KillResults> {
  const results: KillResults = { killed: 0, recovered: 0, lost: [] }
  const world = join(folder, 'killed')
  for (let chain = 0; results.killed < kills; chain++) {
    const command = commands[chain % commands.length]
    await copyWorld(command.from, world)
    const moments: number[] = []
    const fail = (what: string) =>
      results.lost.push(`${command.name}, killed after ${moments.join(', ')} ms: ${what}`)
    let isBroken = false
    for (let inARow = 0; inARow < killsInARow && results.killed < kills; inARow++) {
      // Nothing is written while the process starts.
      const moment = Math.round(command.milliseconds * (0.2 + 0.8 * random()))
      const outcome = await gradus(world, command.next(world), { killAfter: moment })
      if (outcome.signal !== 'SIGKILL') {
        isBroken = outcome.code !== 0
        if (isBroken) fail(outcome.stderr)
        break
      }
      moments.push(moment)
      results.killed++
    }
    if (isBroken) continue
    const outcome = await gradus(world, command.next(world))
    if (outcome.code !== 0 || isCrash(outcome)) fail(outcome.stderr)
    else if ((await command.contents(world)) !== command.expected) fail('it came to something else')
    else results.recovered += moments.length
  }
  return results
}

/** The command that goes on with a run: there is none to go on with before its first record. */
export function trainOrResume(world: string, train: readonly string[]): readonly string[] {
  const run = join(world, runFolder)
  const isBegun = ['steps.jsonl', 'checkpoints', 'run.json'].some((name) => existsSync(join(run, name)))
  return isBegun ? resuming : train
}

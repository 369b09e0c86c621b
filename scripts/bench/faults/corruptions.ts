import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gradus, isCrash, type Outcome } from './command-line.ts'
import { copyWorld, filesBelow, runContents, runFolder, shardsContents, shardsFolder } from './world.ts'

/** A world with finished shards, an order, and a run that was stopped; and what its commands come to. */
export interface CorruptedWorld {
  readonly from: string
  /** Makes the shards. */
  readonly score: readonly string[]
  /** Goes on with the run. */
  readonly resume: readonly string[]
  readonly shards: string
  readonly run: string
}

export interface CorruptionResults {
  corrupted: number
  /** An error in one sentence, or a file passed over, or made anew. */
  detected: number
  /** The result was the right one, without a word. */
  harmless: number
  recovered: number
  readonly lost: string[]
}

/** Files that hold what training goes by; records of what happened are not among them. */
const targets = /^shards\/|^run\/checkpoints\//

/**
 * Changes single bytes of shards, orders, manifests and checkpoints, goes on with the run, and repairs as the
 * messages say.
 * @param random uniform in [0, 1)
 */
export async function corrupt(
  world: CorruptedWorld,
  corruptions: number,
  folder: string,
  random: () => number,
): Promise<CorruptionResults> {
  const results: CorruptionResults = { corrupted: 0, detected: 0, harmless: 0, recovered: 0, lost: [] }
  const place = join(folder, 'corrupted')
  const files = (await filesBelow(world.from)).filter((name) => targets.test(name))
  for (; results.corrupted < corruptions; results.corrupted++) {
    await copyWorld(world.from, place)
    const name = files[Math.floor(random() * files.length)]
    const change = await changeByte(join(place, name), random)
    const fail = (what: string) => results.lost.push(`${name}, ${change}: ${what}`)
    const first = await gradus(place, world.resume)
    if (isCrash(first)) {
      fail(`a crash: ${first.stderr}`)
      continue
    }
    const isRight = first.code === 0 && (await runContents(place)) === world.run
    if (first.code === 0 && !isRight) {
      fail('it trained on something else')
      continue
    }
    if (isRight && !/damaged|altered|passed over|anew|Laying out/.test(first.stderr)) results.harmless++
    else results.detected++
    const problem = await repair(world, place, name, first)
    if (problem === undefined) results.recovered++
    else fail(problem)
  }
  return results
}

async function changeByte(path: string, random: () => number): Promise<string> {
  const bytes = await readFile(path)
  const at = Math.floor(random() * bytes.length)
  const bit = 1 << Math.floor(random() * 8)
  bytes[at] ^= bit
  await writeFile(path, bytes)
  return `bit ${Math.log2(bit)} of byte ${at}`
}

/** Does what the message says. @returns what is still wrong then. */
async function repair(
  { score, resume, shards, run }: CorruptedWorld,
  place: string,
  name: string,
  first: Outcome,
): Promise<string | undefined> {
  if (/remove the file/.test(first.stderr)) await rm(join(place, name))
  const scoring = await gradus(place, score)
  if (scoring.code !== 0) {
    // A tokenizer is no unit, and its loss is the user's to settle.
    if (isCrash(scoring) || !/remove the file/.test(scoring.stderr)) return `score failed: ${scoring.stderr}`
    await rm(join(place, shardsFolder, 'tokenizer.json'))
    const again = await gradus(place, score)
    if (again.code !== 0) return `score failed again: ${again.stderr}`
  }
  if ((await shardsContents(place)) !== shards) return 'the shards are not what they were'
  if (first.code === 0) return undefined
  const second = await gradus(place, resume)
  if (second.code !== 0) return `the run does not go on: ${second.stderr}`
  return (await runContents(place)) === run ? undefined : `\`${runFolder}\` came to something else`
}

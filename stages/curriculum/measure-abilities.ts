import { UserError } from '../../schemas/user-error.ts'
import { argsort } from './argsort.ts'
import { difficultyOf, estimateAbility } from './item-response.ts'
import { readReadings } from './read-dynamics.ts'

/** Equal parts of a run in which its ability is measured. */
const parts = 20
/** Share of the documents that a run has right in its last part, which says what right is. */
const rightInTheEnd = 0.9

/** Documents as they were read one after the other. */
interface Readings {
  /** Difficulty of each, in logits. */
  readonly difficulties: readonly number[]
  /** Its mean loss then, in nats. */
  readonly losses: readonly number[]
  /** Tokens read before it, and at the end. */
  readonly starts: readonly number[]
}

/**
 * A run's ability, by maximum likelihood, in equal parts of its tokens. It has a document right when it reads it with
 * a mean loss that 90 % of the documents in its last part have at most.
 *
 * @param hashes `[n]` of the documents' texts.
 * @param ascending `[n]` documents from the easiest to the hardest.
 * @throws UserError where the run did not write down what it read, or read none of the documents.
 */
export async function measureAbilities(
  run: string,
  hashes: BigUint64Array,
  ascending: Uint32Array,
): Promise<number[]> {
  const readings = await readingsOf(run, hashes, ascending)
  if (readings.losses.length === 0) {
    throw new UserError(`The run \`${run}\` read none of the documents: take a run on the same corpus.`)
  }
  const groups = partsOf(readings)
  const last = Float64Array.from(groups[groups.length - 1], (reading) => readings.losses[reading])
  const mark = last[argsort(last)[Math.ceil(rightInTheEnd * last.length) - 1]]
  return groups.map((group) =>
    estimateAbility(
      group.map((reading) => readings.difficulties[reading]),
      group.filter((reading) => readings.losses[reading] <= mark).length,
    ),
  )
}

async function readingsOf(run: string, hashes: BigUint64Array, ascending: Uint32Array): Promise<Readings> {
  const difficultyByHash = new Map<bigint, number>()
  ascending.forEach((document, place) =>
    difficultyByHash.set(hashes[document], difficultyOf((place + 0.5) / ascending.length)),
  )
  const difficulties: number[] = []
  const losses: number[] = []
  const starts = [0]
  for await (const { hash, loss, tokens } of readReadings(run)) {
    const difficulty = difficultyByHash.get(hash)
    if (difficulty === undefined) continue
    difficulties.push(difficulty)
    losses.push(loss)
    starts.push(starts[starts.length - 1] + tokens)
  }
  return { difficulties, losses, starts }
}

/** Readings by the part of the run in which they begin; a part in which none does has those of the part before it. */
function partsOf({ losses, starts }: Readings): number[][] {
  const groups: number[][] = Array.from({ length: parts }, () => [])
  const total = starts[starts.length - 1]
  losses.forEach((_, reading) => groups[Math.floor((parts * starts[reading]) / total)].push(reading))
  return groups.map((_, part) => groups.slice(0, part + 1).findLast((group) => group.length > 0) as number[])
}

import { UserError } from '../schemas/user-error.ts'

/** What a scheduler tells each of the processes that it starts alike. */
interface Scheduler {
  readonly index: string
  readonly count?: string
  /** Where the first index is not 0. */
  readonly first?: string
  readonly last?: string
  readonly step?: string
}

const schedulers: readonly Scheduler[] = [
  {
    index: 'SLURM_ARRAY_TASK_ID',
    count: 'SLURM_ARRAY_TASK_COUNT',
    first: 'SLURM_ARRAY_TASK_MIN',
    step: 'SLURM_ARRAY_TASK_STEP',
  },
  { index: 'JOB_COMPLETION_INDEX' },
  { index: 'AWS_BATCH_JOB_ARRAY_INDEX', count: 'AWS_BATCH_JOB_ARRAY_SIZE' },
  { index: 'SGE_TASK_ID', first: 'SGE_TASK_FIRST', last: 'SGE_TASK_LAST', step: 'SGE_TASK_STEPSIZE' },
  { index: 'PBS_ARRAY_INDEX' },
]

/** Which of several processes this is, and what says so. */
export interface Place {
  readonly rank: number
  readonly worldSize: number
  readonly source: string
}

/**
 * Which of several processes this one is: by flags, else by what Slurm, Kubernetes, AWS Batch, Grid Engine or PBS tells
 * the tasks of an array. Undefined where it is alone.
 * @throws UserError where rank and number of processes are not both known, or do not fit.
 */
export function placeOf(
  flags: { readonly rank?: number | undefined; readonly worldSize?: number | undefined },
  environment: NodeJS.ProcessEnv,
): Place | undefined {
  const scheduled = schedulers.find(({ index }) => number(environment, index) !== undefined)
  if (flags.worldSize === 1 && !flags.rank) return undefined
  const first = number(environment, scheduled?.first) ?? 0
  const step = number(environment, scheduled?.step) ?? 1
  const index = number(environment, scheduled?.index)
  const last = number(environment, scheduled?.last)
  const rank = flags.rank ?? (index === undefined ? undefined : (index - first) / step)
  const worldSize =
    flags.worldSize ??
    number(environment, scheduled?.count) ??
    (last === undefined ? undefined : Math.floor((last - first) / step) + 1)
  if (rank === undefined && worldSize === undefined) return undefined
  const source = flags.rank === undefined && scheduled ? scheduled.index : '--rank'
  if (rank === undefined)
    throw new UserError('--world-size needs --rank, from 0: which of the processes this is.')
  if (worldSize === undefined) {
    throw new UserError(
      `${source} says that this is process ${rank}, but not of how many: give --world-size, or --world-size 1 to score everything in one process.`,
    )
  }
  if (
    !Number.isInteger(worldSize) ||
    worldSize < 1 ||
    !Number.isInteger(rank) ||
    rank < 0 ||
    rank >= worldSize
  ) {
    throw new UserError(
      `Process ${rank} of ${worldSize} (${source}) cannot be: --rank is from 0 to one less than --world-size. Number the tasks of an array from 0, or give --rank.`,
    )
  }
  return worldSize === 1 ? undefined : { rank, worldSize, source }
}

/** Grid Engine gives `undefined` for what has no value. */
function number(environment: NodeJS.ProcessEnv, name: string | undefined): number | undefined {
  const text = name === undefined ? undefined : environment[name]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

import { UserError } from '../schemas/user-error.ts'

const again =
  'run the same command again, or `train --resume` where a run has begun, which goes on from what was finished'

/** What a person can do about trouble that the system reports, by its code. */
const remedies: Readonly<Record<string, (place: string) => string>> = {
  ENOSPC: (place) => `There is no room left on the disk${place} (ENOSPC): free some, and ${again}.`,
  EDQUOT: (place) => `The quota of the disk${place} is used up (EDQUOT): free some room, and ${again}.`,
  EROFS: (place) => `The file system${place} can only be read (EROFS): name a folder that can be written to.`,
  EACCES: (place) => `Access is denied${place} (EACCES): change its permissions, or name another place.`,
  EPERM: (place) =>
    `The system forbids access${place} (EPERM): change its permissions, or name another place.`,
  EMFILE: () =>
    `Too many files are open (EMFILE): raise the limit, as with \`ulimit -n 4096\`, or lower --workers, and ${again}.`,
  ENFILE: () => `The system has too many open files (ENFILE): close other programs, and ${again}.`,
  EIO: (place) => `The disk fails${place} (EIO): check it, or the network folder, and ${again}.`,
  ESTALE: (place) => `The network folder was lost${place} (ESTALE): mount it again, and ${again}.`,
  ENOMEM: () => outOfMemory('ENOMEM'),
  ERR_WORKER_OUT_OF_MEMORY: () => outOfMemory('a worker reached its limit'),
  ERR_WORKER_INIT_FAILED: () =>
    `A worker could not be started (ERR_WORKER_INIT_FAILED): lower --workers, or raise the limits on memory and threads, and ${again}.`,
}

/** How V8, libtensorflow and what runs in WebAssembly, where memory that was not given is written to, say that there is none. */
const allocationFailure =
  /Array buffer allocation failed|OOM when allocating tensor with shape\[[\d,]*\]|memory access out of bounds/

/** How V8 says that no array can be as long as was asked for. A negative length is not of a user's making. */
const lengthFailure = /Invalid typed array length: \d\S*/

/**
 * What to tell of an error. Where what was thrown stands beside what failed while things were put away after it, it is
 * the first of the two: the other comes from it, as when files run out.
 *
 * @returns a sentence, where the system caused it, or sizes beyond its limits; all others as they are
 */
export function explained(error: unknown): unknown {
  let first = error
  while (first instanceof Error && first.name === 'SuppressedError') {
    first = (first as Error & { readonly suppressed: unknown }).suppressed
  }
  return explainSystemError(first) ?? first
}

function explainSystemError(error: unknown): UserError | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, path } = error as NodeJS.ErrnoException
  const explain = code !== undefined && Object.hasOwn(remedies, code) ? remedies[code] : undefined
  if (explain) return new UserError(explain(path === undefined ? '' : ` at \`${path}\``))
  const [allocation] = allocationFailure.exec(error.message) ?? []
  if (allocation !== undefined) return new UserError(outOfMemory(allocation))
  const [length] = lengthFailure.exec(error.message) ?? []
  return length === undefined ? undefined : new UserError(tooLarge(length))
}

function outOfMemory(reason: string): string {
  return `Memory has run out (${reason}): end other programs, lower --workers of \`score\`, begin a run with fewer \`rows\` in a batch, or raise the limit, and ${again}.`
}

function tooLarge(reason: string): string {
  return `More numbers are asked for than an array can hold (${reason}): lower the sizes of the model, the vocabulary, or \`rows\` and \`length\` of a batch.`
}

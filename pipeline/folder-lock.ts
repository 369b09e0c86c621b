import { link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../schemas/user-error.ts'
import { removeAbandoned, sharedPartial } from '../stages/shared-partials.ts'
import {
  describeHolder,
  isRunning,
  type LockHolder,
  parseHolder,
  thisProcess,
  unknownHolder,
} from './lock-holder.ts'

/** How often a holder shows that it lives. */
const heartbeatMilliseconds = 5_000
/** A holder on another machine that has not shown itself for so long is taken to be gone. */
const silenceMilliseconds = 60_000
const waitMilliseconds = 200

const lockPattern = /^\.lock(-[\w-]+)?$/

export interface LockRequest {
  /** What this process does in the folder; others of the same role are kept out. */
  readonly role?: string
  /** Whether a process of another role may be in the folder at the same time. */
  readonly admits?: (role: string) => boolean
  /** Wait for the holder to leave, in place of an error. */
  readonly wait?: AbortSignal
}

export interface FolderLock extends AsyncDisposable {
  /** Roles of the other processes that were in the folder when this one came. */
  readonly others: readonly string[]
}

/**
 * Keeps other processes out of a folder, with a file in it that says who is there. The file appears whole, by a hard
 * link, which one process alone can make, on network folders too. A process that was killed leaves its file behind: it
 * is seen to be gone at once from its own machine, and from others by a heartbeat, timed by the folder's own clock.
 *
 * A file of a process that is gone is not removed, since by then it may be the file of whoever came in between. Its
 * successor appends itself instead, again by a hard link, under a name made of the id of the one who is gone: whoever
 * ends that chain holds the lock. It then puts its own file in place of the first, and only then removes the chain.
 *
 * The lock libraries for Node know a heartbeat only, so that nothing could go on for a while after a crash.
 *
 * @throws UserError where another process is in the folder, or the folder cannot be written to.
 */
export async function lockFolder(folder: string, request: LockRequest = {}): Promise<FolderLock> {
  const { role = '', admits = () => false, wait } = request
  const holder = thisProcess(role)
  const name = role === '' ? '.lock' : `.lock-${role}`
  const path = join(folder, name)
  await mkdir(folder, { recursive: true })
  for (;;) {
    const other = (await take(path, holder)) ?? (await firstOther(folder, name, admits))
    if (!other) break
    await release(path, holder)
    if (!wait) throw new UserError(refusal(folder, other))
    await sleep(waitMilliseconds, undefined, { signal: wait })
  }
  await removeAbandoned(folder)
  const others = (await liveOthers(folder, name)).map(({ role }) => role)
  const timer = setInterval(() => void beat(path, holder), heartbeatMilliseconds).unref()
  return {
    others,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await release(path, holder)
    },
  }
}

function refusal(folder: string, other: LockHolder): string {
  return `\`${folder}\` is being written by ${describeHolder(other)}: wait for it to end, stop it, or name another folder.`
}

/** Makes the lock's file. @returns the holder that is there instead. */
async function take(path: string, holder: LockHolder): Promise<LockHolder | undefined> {
  // Its name says whose it is, since it is empty for a moment.
  const own = sharedPartial(`${path}.${holder.id}`)
  const text = JSON.stringify(holder)
  try {
    await writeFile(own, text, { flag: 'wx' })
  } catch (error) {
    // A person knows the folder, and not this file.
    throw Object.assign(error as Error, { path: dirname(path) })
  }
  try {
    for (;;) {
      const last = await lastOf(path)
      // A network may lose the reply to a link that was made.
      if (last?.text === text) break
      if (last && (await isLive(last.path, last.text, own)))
        return parseHolder(last.text) ?? unknownHolder('')
      const claim = last ? last.successor : path
      if (!(await appears(own, claim, text))) continue
      // The lock may have passed on since the chain was read, and what was claimed be no part of it any more.
      if ((await lastOf(path))?.text === text) break
      await rm(claim, { force: true })
    }
    if ((await textOf(path)) !== text) await rename(own, path)
    await removeSuccessors(path)
    return undefined
  } finally {
    await rm(own, { force: true })
  }
}

/** A holder's file. */
interface LockFile {
  readonly path: string
  readonly text: string
  /** Path of the file of whoever takes the lock over from it. */
  readonly successor: string
}

/** The file at the end of the chain that begins with the lock's own: its holder, who may be gone. */
async function lastOf(path: string): Promise<LockFile | undefined> {
  let last: LockFile | undefined
  for (let next = path, depth = 0; ; next = last.successor, depth++) {
    const text = await textOf(next)
    if (text === undefined) return last
    last = { path: next, text, successor: `${path}.after-${parseHolder(text)?.id ?? `unreadable-${depth}`}` }
  }
}

async function removeSuccessors(path: string): Promise<void> {
  const prefix = `${basename(path)}.after-`
  for (const name of await readdir(dirname(path)))
    if (name.startsWith(prefix)) await rm(join(dirname(path), name), { force: true })
}

/** @returns undefined where there is no such file. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESTALE'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

async function appears(own: string, path: string, text: string): Promise<boolean> {
  try {
    await link(own, path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code ?? '')) throw error
  }
  // A file system without hard links.
  try {
    await writeFile(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Whether the process that a lock's file names still runs, as far as can be told. */
async function isLive(path: string, text: string, clock?: string): Promise<boolean> {
  const holder = parseHolder(text)
  const seen = holder && isRunning(holder)
  if (seen !== undefined) return seen
  try {
    const { mtimeMs } = await stat(path)
    const now = clock === undefined ? Date.now() : (await touch(clock)).mtimeMs
    return now - mtimeMs < silenceMilliseconds
  } catch {
    return false
  }
}

/** A file's times after a write, which are those of the file system's clock. */
async function touch(path: string) {
  const text = await readFile(path)
  await writeFile(path, text)
  return stat(path)
}

async function release(path: string, { id }: LockHolder): Promise<void> {
  if (parseHolder((await textOf(path)) ?? '')?.id === id) await rm(path, { force: true })
}

/** Writes the file again, so that the file system sets its time. */
async function beat(path: string, holder: LockHolder): Promise<void> {
  try {
    const file = await open(path, 'r+')
    try {
      const text = await file.readFile('utf8')
      if (parseHolder(text)?.id === holder.id) await file.write(text, 0)
    } finally {
      await file.close()
    }
  } catch {
    // A folder that is out of reach for a moment: the next beat may come through.
  }
}

async function firstOther(
  folder: string,
  name: string,
  admits: (role: string) => boolean,
): Promise<LockHolder | undefined> {
  return (await liveOthers(folder, name)).find(({ role }) => !admits(role))
}

async function liveOthers(folder: string, name: string): Promise<LockHolder[]> {
  const others: LockHolder[] = []
  for (const other of await readdir(folder)) {
    if (other === name || !lockPattern.test(other)) continue
    const last = await lastOf(join(folder, other))
    if (last && (await isLive(last.path, last.text)))
      others.push(parseHolder(last.text) ?? unknownHolder(other.slice('.lock-'.length)))
  }
  return others
}

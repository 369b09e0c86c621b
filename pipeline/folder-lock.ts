import { link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../schemas/user-error.ts'
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
/** What a process that was killed while it took a lock may leave behind. */
const strayPattern = /^\.lock(-[\w-]+)?\.[\da-f-]{36}(\.gone)?$/

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
  const own = `${path}.${holder.id}`
  const text = JSON.stringify(holder)
  try {
    await writeFile(own, text, { flag: 'wx' })
  } catch (error) {
    // A person knows the folder, and not this file.
    throw Object.assign(error as Error, { path: dirname(path) })
  }
  try {
    for (;;) {
      if (await appears(own, path, text)) return undefined
      const found = await readFile(path, 'utf8').catch(() => undefined)
      // Gone in the meantime.
      if (found === undefined) continue
      if (found === text) return undefined
      if (await isLive(path, found, own)) return parseHolder(found) ?? unknownHolder('')
      await remove(path, found, own)
    }
  } finally {
    await rm(own, { force: true })
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

/** Removes the file of a process that is gone, unless another has replaced it since it was read. */
async function remove(path: string, text: string, own: string): Promise<void> {
  const taken = `${own}.gone`
  try {
    await rename(path, taken)
  } catch {
    return
  }
  if ((await readFile(taken, 'utf8')) !== text) await link(taken, path).catch(() => {})
  await rm(taken, { force: true })
}

async function release(path: string, { id }: LockHolder): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '')
  if (parseHolder(text)?.id === id) await rm(path, { force: true })
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
    const isStray = strayPattern.test(other)
    if (other === name || !(isStray || lockPattern.test(other))) continue
    const path = join(folder, other)
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text === undefined) continue
    if (!(await isLive(path, text))) await rm(path, { force: true })
    else if (!isStray) others.push(parseHolder(text) ?? unknownHolder(other.slice('.lock-'.length)))
  }
  return others
}

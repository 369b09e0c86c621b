import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { z } from 'zod'

const holderSchema = z.object({
  /** Tells one holding of a lock from every other. */
  id: z.string(),
  host: z.string(),
  /** Which numbers of processes belong together: those of one system, or of one container. */
  processes: z.string(),
  pid: z.int().positive(),
  /** When the process began, by its system's own reckoning: another process may get its number later. */
  began: z.string(),
  since: z.string(),
  /** What it is, where several may be in a folder at once. */
  role: z.string(),
})

/** Who holds a lock: what its file says. */
export type LockHolder = Readonly<z.output<typeof holderSchema>>

/** This process, as the holder of a lock from now on. */
export function thisProcess(role: string): LockHolder {
  return {
    id: randomUUID(),
    host: hostname(),
    processes: processSpace(),
    pid: process.pid,
    began: beginning(process.pid) ?? '',
    since: new Date().toISOString(),
    role,
  }
}

/** The holder of a lock whose file is not whole. */
export function unknownHolder(role: string): LockHolder {
  return { id: '', host: '', processes: '', pid: 1, began: '', since: '', role }
}

/** @returns undefined for what no process of ours wrote whole. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    return holderSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Whether a holder's process runs; undefined where it cannot be seen from here. */
export function isRunning({ host, processes, pid, began }: LockHolder): boolean | undefined {
  if (host !== hostname() || processes !== processSpace()) return undefined
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = beginning(pid)
  return now === undefined || began === '' || now === began
}

/** One sentence's worth of who it is. */
export function describeHolder({ id, host, pid, since }: LockHolder): string {
  if (id === '') return 'another process'
  return `process ${pid} on ${host}, since ${since.replace('T', ' ').replace(/\..*$/, '')} UTC`
}

/** Containers may share a host's name, but not its process numbers. */
function processSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return process.platform
  }
}

/** When a process began; undefined where there is none, or the system does not say. */
function beginning(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // Behind the name, which may hold anything, the twentieth field is the time in ticks since the system started.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    }
    if (process.platform === 'win32') return undefined
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

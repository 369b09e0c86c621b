import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Tells a process from every other, those of other machines too. */
export interface ProcessMark {
  /** Which numbers of processes belong together: those of one system, or of one container. Twelve hex digits. */
  readonly place: string
  readonly pid: number
  /**
   * When it began, by its system's own reckoning: another process may get its number later. Twelve hex digits; empty
   * where the system does not say.
   */
  readonly began: string
}

/** This process. */
export function ownMark(): ProcessMark {
  return { place: ownPlace(), pid: process.pid, began: beginning(process.pid) ?? '' }
}

/** Whether a process runs; undefined where it cannot be seen from here. */
export function isRunning({ place, pid, began }: ProcessMark): boolean | undefined {
  if (place !== ownPlace()) return undefined
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = beginning(pid)
  return now === undefined || began === '' || now === began
}

/** Containers may share a host's name, but not its process numbers. */
function ownPlace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return digits(`${hostname()} ${boot} ${readlinkSync('/proc/self/ns/pid')}`)
  } catch {
    return digits(`${hostname()} ${process.platform}`)
  }
}

/** When a process began; undefined where there is none, or the system does not say. */
function beginning(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // Behind the name, which may hold anything, the twentieth field is the time in ticks since the system started.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      return digits(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
    }
    if (process.platform === 'win32') return undefined
    return digits(execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim())
  } catch {
    return undefined
  }
}

function digits(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { z } from 'zod'
import { ownMark } from '../stages/process-mark.ts'

export { isRunning } from '../stages/process-mark.ts'

const holderSchema = z.object({
  /** Tells one holding of a lock from every other. */
  id: z.string(),
  host: z.string(),
  /** Of the process, as `ProcessMark` has them. */
  place: z.string(),
  pid: z.int().positive(),
  began: z.string(),
  since: z.string(),
  /** What it is, where several may be in a folder at once. */
  role: z.string(),
})

/** Who holds a lock: what its file says. */
export type LockHolder = Readonly<z.output<typeof holderSchema>>

/** This process, as the holder of a lock from now on. */
export function thisProcess(role: string): LockHolder {
  return { id: randomUUID(), host: hostname(), ...ownMark(), since: new Date().toISOString(), role }
}

/** The holder of a lock whose file is not whole. */
export function unknownHolder(role: string): LockHolder {
  return { id: '', host: '', place: '', pid: 1, began: '', since: '', role }
}

/** @returns undefined for what no process of ours wrote whole. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    return holderSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** One sentence's worth of who it is. */
export function describeHolder({ id, host, pid, since }: LockHolder): string {
  if (id === '') return 'another process'
  return `process ${pid} on ${host}, since ${since.replace('T', ' ').replace(/\..*$/, '')} UTC`
}

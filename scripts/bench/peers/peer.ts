import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A step of training that runs in a process of its own and takes turns with ours. */
export interface Peer {
  /** The first line that it said. */
  readonly greeting: string
  /** Runs one step. */
  step(): Promise<void>
  close(): void
}

/** @returns undefined where the process ends before it says anything. */
export async function openPeer(
  command: string,
  parameters: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Peer | undefined> {
  const child = spawn(command, parameters, {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const failed = Promise.race([once(child, 'error'), once(child, 'exit')]).then(() => undefined)
  const first = await Promise.race([lines.next(), failed])
  if (!first || first.done) return undefined
  return {
    greeting: first.value,
    async step() {
      child.stdin.write('\n')
      if ((await lines.next()).done) throw new Error(`\`${command}\` ended before its time.`)
    },
    close: () => child.stdin.end(),
  }
}

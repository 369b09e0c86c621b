import { setImmediate } from 'node:timers/promises'

/** Lets whatever else waits have its turn in the middle of long work. @throws AbortError where the work is to end. */
export async function giveWay(signal: AbortSignal): Promise<void> {
  await setImmediate()
  signal.throwIfAborted()
}

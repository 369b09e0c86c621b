import { UserError } from '../schemas/user-error.ts'

/** Counts the files that a check reads, and collects what it finds. */
export class Verification {
  /** Files that were read to the last byte. */
  files = 0
  /** A sentence each: what, where, and what to do. */
  readonly damage: string[] = []
  readonly #signal: AbortSignal

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** Runs a check of a file that throws a UserError where something is wrong with it. */
  async check<T>(verify: () => Promise<T>): Promise<T | undefined> {
    this.#signal.throwIfAborted()
    this.files++
    try {
      return await verify()
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      this.damage.push(error.message)
      return undefined
    }
  }
}

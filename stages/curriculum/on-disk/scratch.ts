import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sharedPartial } from '../../shared-partials.ts'

/** A folder for files that one process needs for a while. A later one removes what a killed process left. */
export class Scratch implements Disposable {
  readonly #folder: string
  #files = 0

  /** @param path where it is to lie; the process's own mark is added. */
  constructor(path: string) {
    this.#folder = sharedPartial(path)
    mkdirSync(this.#folder, { recursive: true })
  }

  /** A path of its own for each call. */
  path(): string {
    return join(this.#folder, `${this.#files++}`)
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

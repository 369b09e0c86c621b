import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sharedPartial } from '../../shared-partials.ts'

/** A file of a scratch folder, open for reading and writing. */
export interface ScratchFile {
  readonly path: string
  readonly descriptor: number
}

let made = 0

/** A folder for files that a process needs for a while. A later process removes what a killed one left. */
export class Scratch implements Disposable {
  readonly #folder: string
  readonly #open = new Set<ScratchFile>()
  #files = 0

  /** @param path where it is to lie; the process's own mark is added, and a number, since it may have several. */
  constructor(path: string) {
    this.#folder = sharedPartial(`${path}-${made++}`)
    mkdirSync(this.#folder, { recursive: true })
  }

  /** A new file. */
  create(): ScratchFile {
    const path = join(this.#folder, `${this.#files++}`)
    const file = { path, descriptor: openSync(path, 'wx+') }
    this.#open.add(file)
    return file
  }

  remove(file: ScratchFile): void {
    this.#close(file)
    rmSync(file.path, { force: true })
  }

  [Symbol.dispose](): void {
    // An open file would keep its room, and its folder on a network.
    for (const file of this.#open) this.#close(file)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #close(file: ScratchFile): void {
    if (this.#open.delete(file)) closeSync(file.descriptor)
  }
}

import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../../schemas/user-error.ts'
import { runState } from './run-state.ts'

const cli = fileURLToPath(new URL('../cli.js', import.meta.url))

/** Stops a run, and lets it go on. */
export class RunControl {
  readonly #folder: string
  /** The holding of the lock that has had its signal: a second one would end the run without a checkpoint. */
  #signalled: string | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * Has the training process finish its step and write a checkpoint, and end.
   * @throws UserError where none runs on this machine.
   */
  async stop(): Promise<void> {
    const state = await runState(this.#folder)
    if (state.name !== 'running') {
      throw new UserError(`No process on this machine trains \`${this.#folder}\`: there is nothing to stop.`)
    }
    const { id, pid } = state.holder
    if (this.#signalled === id) return
    this.#signalled = id
    process.kill(pid, 'SIGINT')
  }

  /**
   * Starts a training process that outlives this one, and says what it has to say in `train.log` of the run's folder.
   * @throws UserError where the run is at its end, or a process trains it already.
   */
  async goOn(): Promise<void> {
    const { name } = await runState(this.#folder)
    if (name === 'ended') throw new UserError(`\`${this.#folder}\` holds a run that has reached its end.`)
    if (name !== 'stopped') throw new UserError(`A process trains \`${this.#folder}\` already.`)
    const log = await open(join(this.#folder, 'train.log'), 'a')
    try {
      const child = spawn(process.execPath, [cli, 'train', '--resume', this.#folder], {
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      })
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
      child.unref()
    } finally {
      await log.close()
    }
  }
}

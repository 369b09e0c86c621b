import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../../schemas/user-error.ts'
import { askFor, type Request, withdraw } from '../../stages/training/requests.ts'
import { runState, type WatchedRun } from './run-state.ts'

const cli = fileURLToPath(new URL('../cli.js', import.meta.url))

/** What happens by each action of the page, in the words of its answer. */
export const actions = {
  async pause(run: WatchedRun): Promise<string> {
    await ask(run, 'pause')
    return 'The run pauses after this step.'
  },
  async checkpoint(run: WatchedRun): Promise<string> {
    await ask(run, 'checkpoint-now')
    return 'A checkpoint is asked for.'
  },
  async stop(run: WatchedRun): Promise<string> {
    await ask(run, 'stop')
    return 'The run stops after this step and a checkpoint.'
  },
  'go-on': goOn,
} satisfies Readonly<Record<string, (run: WatchedRun) => Promise<string>>>

export type Action = keyof typeof actions

/** @throws UserError where no process trains the run, or the run looks for no requests. */
async function ask(run: WatchedRun, request: Request): Promise<void> {
  const { name } = await runState(run)
  if (name !== 'training') {
    throw new UserError(`No process trains \`${run.folder}\`: there is nothing to ${verbs[request]}.`)
  }
  if (run.checkpoints === undefined) {
    throw new UserError(`\`${run.folder}\` has no \`checkpoint\` stage, which would attend to that.`)
  }
  await askFor(request, run.checkpoints)
}

const verbs: Readonly<Record<Request, string>> = {
  pause: 'pause',
  'checkpoint-now': 'keep',
  stop: 'stop',
}

/**
 * Lets a run that is paused make its next step. For one that has stopped, starts a training process that outlives this
 * one, and says what it has to say in `train.log` of the run's folder.
 * @throws UserError where the run is at its end, or goes on already.
 */
async function goOn(run: WatchedRun): Promise<string> {
  const { folder, checkpoints } = run
  const state = await runState(run)
  if (state.name === 'ended') throw new UserError(`\`${folder}\` holds a run that has reached its end.`)
  if (state.name === 'training') {
    if (checkpoints === undefined || !state.requested.has('pause')) {
      throw new UserError(`A process trains \`${folder}\` already.`)
    }
    await withdraw('pause', checkpoints)
    return 'The run goes on.'
  }
  const log = await open(join(folder, 'train.log'), 'a')
  try {
    const child = spawn(process.execPath, [cli, 'train', '--resume', folder], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    })
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
    child.unref()
  } finally {
    await log.close()
  }
  return 'The run goes on in a moment; `train.log` in its folder has what it says.'
}

import { fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { UserError } from '../../schemas/user-error.ts'
import type { Log } from '../../stages/stage.ts'

const cli = fileURLToPath(new URL('../cli.js', import.meta.url))

/** The page of a run, served by a process of its own: drawing it takes nothing from the thread that trains. */
export interface PageProcess extends AsyncDisposable {
  readonly url: string
  /** Settled when its process has ended. */
  readonly closed: Promise<unknown>
}

/**
 * Starts `watch`, which ends when this process does, however that ends.
 * @throws UserError where it cannot serve, such as at a port that is taken.
 */
export async function startPage(folder: string, port: number, log: Log): Promise<PageProcess> {
  const child = fork(cli, ['watch', folder, '--port', `${port}`], { silent: true, execArgv: [] })
  const { stdout, stderr } = child
  if (!stdout || !stderr) throw new Error('The process of the page has no output.')
  const closed = new Promise((resolve) => child.once('close', resolve))
  const complaints: string[] = []
  let isUp = false
  createInterface({ input: stderr }).on('line', (line) => {
    if (isUp) log(line)
    else complaints.push(line)
  })
  const lines = createInterface({ input: stdout })
  const url = await Promise.race([
    new Promise<string>((resolve) => lines.once('line', resolve)),
    closed.then(() => undefined),
  ])
  if (url === undefined) throw new UserError(complaints.join('\n'))
  isUp = true
  return {
    url,
    closed,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await closed
    },
  }
}

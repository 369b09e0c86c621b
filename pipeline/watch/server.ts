import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UserError } from '../../schemas/user-error.ts'
import type { Log } from '../../stages/stage.ts'
import { Corpora } from '../report/corpora.ts'
import { report } from '../report/report.ts'
import { type Action, actions } from './control-run.ts'
import { controls } from './controls.ts'
import { liveScript } from './live-script.ts'
import { runSignature, runState, type WatchedRun, watchedRun } from './run-state.ts'

const host = '127.0.0.1'
/** How often a run's folder is looked at: notices of changed files do not come from network folders. */
const pollMilliseconds = 1000

export interface WatchServer extends AsyncDisposable {
  readonly url: string
}

/**
 * Serves the report of a run on the loopback address, and tells open pages when it has changed.
 * @param port 0 for any free one
 * @throws UserError where the folder holds no run, or the port is taken.
 */
export async function serveRun(folder: string, port: number, log: Log): Promise<WatchServer> {
  const run = await watchedRun(folder)
  const pages = new LivePages(run, log)
  await pages.current()
  const listeners = new Set<ServerResponse>()
  let signature = await runSignature(run)
  const timer = setInterval(() => {
    void runSignature(run).then((now) => {
      // A comment now and then shows that a connection still stands.
      const message = now === signature ? ':\n\n' : `data: ${now}\n\n`
      signature = now
      for (const listener of listeners) listener.write(message)
    })
  }, pollMilliseconds)

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (error instanceof UserError) end(response, 409, error.message)
      else {
        log(`A request failed: ${error instanceof Error ? error.stack : String(error)}`)
        end(response, 500, 'This is a fault of gradus, not of yours.')
      }
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isOwnHost(request, (server.address() as AddressInfo).port)) {
      return end(response, 403, 'This page answers under its own address alone.')
    }
    const { method, url } = request
    if (method === 'GET' && url === '/') {
      response.setHeader('content-type', 'text/html; charset=utf-8')
      return end(response, 200, await pages.current())
    }
    if (method === 'GET' && url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.write(`retry: 1000\ndata: ${signature}\n\n`)
      listeners.add(response)
      response.on('close', () => listeners.delete(response))
      return
    }
    const action = url?.slice(1) ?? ''
    if (method !== 'POST' || !isAction(action)) return end(response, 404, 'There is nothing here.')
    // A header of its own is what no page of another origin may send.
    if (request.headers['x-gradus'] !== action) {
      return end(response, 403, 'Only the page itself may do that.')
    }
    return end(response, 200, await actions[action](run))
  }

  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    clearInterval(timer)
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new UserError(`Port ${port} is taken: give another one by --port, or 0 for any that is free.`)
  }
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function isAction(name: string): name is Action {
  return Object.hasOwn(actions, name)
}

/** A page of another name that leads to this machine must not read or stop what runs on it (DNS rebinding). */
function isOwnHost({ headers }: IncomingMessage, port: number): boolean {
  return headers.host === `${host}:${port}` || headers.host === `localhost:${port}`
}

function end(response: ServerResponse, status: number, text: string): void {
  if (!response.headersSent) {
    response.statusCode = status
    if (!response.hasHeader('content-type')) response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.setHeader('cache-control', 'no-store')
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('x-frame-options', 'DENY')
  }
  response.end(text)
}

/** The page as it should be now; made once for each change, however many ask for it. */
class LivePages {
  readonly #run: WatchedRun
  readonly #log: Log
  readonly #corpora = new Corpora()
  #signature: string | undefined
  #page: Promise<string> | undefined

  constructor(run: WatchedRun, log: Log) {
    this.#run = run
    this.#log = log
  }

  async current(): Promise<string> {
    const signature = await runSignature(this.#run)
    if (this.#page === undefined || signature !== this.#signature) {
      this.#signature = signature
      // One after the other: a page takes a processor that the run could have.
      const before = this.#page ?? Promise.resolve('')
      this.#page = before.catch(() => '').then(() => this.#render(signature))
    }
    return this.#page
  }

  async #render(signature: string): Promise<string> {
    const live = {
      controls: await controls(this.#run, await runState(this.#run), signature),
      script: liveScript,
    }
    return report([this.#run.folder], { samples: 0, log: this.#log, corpora: this.#corpora, live })
  }
}

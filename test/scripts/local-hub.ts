import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A file of the dataset. What the hub says of it can be made to differ from what it sends. */
export interface Content {
  readonly bytes: Buffer
  /** Whether it is in large-file storage, on another server, as the hub keeps all but small text files. */
  readonly large?: boolean
  readonly listedSize?: number
  readonly listedChecksum?: string
  /** Listed, but not there. */
  readonly gone?: boolean
}

/** How a storage answers: `sent` bytes of those asked for, then a cut of the connection, or silence until `resume`. */
export interface Fault {
  readonly sent?: number
  readonly then?: 'cut' | 'silence'
  readonly status?: number
  readonly ignoreRange?: boolean
}

/** A request as it came. */
export interface Asked {
  readonly server: 'hub' | 'storage'
  readonly path: string
  readonly range: string | undefined
  readonly authorization: string | undefined
}

export const commit = 'f54c09fd23315a6f9c86f9dc80f725de7d8f9c64'
const filesAPage = 2

/**
 * The part of the Hugging Face hub's protocol that downloads go through, on two ports of 127.0.0.1: the hub itself, and
 * a storage to which it redirects with addresses that are good for one request. All datasets in `names` have the same
 * files; `owner/gated` has terms that the account of the token `hf_accepted` has accepted. Below `/login` is a page for
 * people.
 */
export class LocalHub {
  readonly names = ['owner/stories', 'owner/gated', 'roneneldan/TinyStories']
  readonly files = new Map<string, Content>()
  /** For the next requests to the storage, in order. */
  readonly faults: Fault[] = []
  readonly asked: Asked[] = []
  /** Whether listings break off in the middle. */
  cutsListings = false
  /** Ends the silence. */
  resume = () => {}
  readonly #hub: Server
  readonly #storage: Server
  readonly #signatures = new Map<string, string>()

  private constructor() {
    this.#hub = createServer((request, response) => this.#answer(request, response))
    this.#storage = createServer((request, response) => this.#store(request, response))
  }

  static async start(): Promise<LocalHub> {
    const hub = new LocalHub()
    await Promise.all([listen(hub.#hub), listen(hub.#storage)])
    return hub
  }

  get endpoint(): string {
    return address(this.#hub)
  }

  /** Positions from which the storage was asked for all that follows. */
  get starts(): number[] {
    const asked = this.asked.filter(({ server }) => server === 'storage')
    return asked.map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]))
  }

  close() {
    for (const server of [this.#hub, this.#storage]) {
      server.closeAllConnections()
      server.close()
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse) {
    const { pathname, searchParams } = new URL(request.url ?? '', this.endpoint)
    this.#note('hub', request)
    if (pathname.startsWith('/login')) return void response.end('<!doctype html>')
    const { authorization } = request.headers
    if (authorization === 'Bearer hf_expired') {
      return refuse(response, 401, undefined, 'Invalid credentials in Authorization header')
    }
    const [, dataset, verb, revision, path] =
      /^(?:\/api)?\/datasets\/([^/]+\/[^/]+)\/(revision|tree|resolve)\/([^/]+)\/?(.*)$/.exec(pathname) ?? []
    if (!this.names.includes(dataset)) {
      return refuse(response, authorization ? 404 : 401, 'RepoNotFound', 'Repository not found')
    }
    if (![commit, 'main', 'refs/convert/parquet'].includes(decodeURIComponent(revision))) {
      return refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`)
    }
    if (verb === 'revision') return json(response, { _id: '1', id: dataset, sha: commit, gated: false })
    if (verb === 'tree') return this.#list(response, pathname, Number(searchParams.get('cursor') ?? 0))
    if (dataset === 'owner/gated' && authorization !== 'Bearer hf_accepted') {
      const who = authorization ? 'you are not in the authorized list' : 'Please log in'
      return refuse(response, authorization ? 403 : 401, 'GatedRepo', `Access is restricted, ${who}.`)
    }
    return this.#resolve(request, response, decodeURIComponent(path))
  }

  #list(response: ServerResponse, pathname: string, from: number) {
    const entries = [...this.files].map(([path, { bytes, large, listedSize, listedChecksum }]) => {
      const size = listedSize ?? bytes.length
      if (!large) return { type: 'file', path, size, oid: listedChecksum ?? gitId(bytes) }
      const oid = listedChecksum ?? sha256(bytes)
      return { type: 'file', path, size, oid: gitId(Buffer.from(oid)), lfs: { oid, size, pointerSize: 134 } }
    })
    const tree = [{ type: 'directory', path: 'data', size: 0, oid: commit }, ...entries]
    const next = from + filesAPage
    if (next < tree.length) {
      response.setHeader('link', `<${this.endpoint}${pathname}?recursive=true&cursor=${next}>; rel="next"`)
    }
    if (!this.cutsListings) return json(response, tree.slice(from, next))
    response.writeHead(200, { 'content-length': 1000 })
    response.write('[{', () => response.destroy())
  }

  #resolve(request: IncomingMessage, response: ServerResponse, path: string) {
    const file = this.files.get(path)
    if (!file || file.gone) return refuse(response, 404, 'EntryNotFound', 'Entry not found')
    if (!file.large) {
      response.setHeader('etag', `"${gitId(file.bytes)}"`)
      return this.#send(request, response, file.bytes, {})
    }
    if (request.headers.accept?.includes('application/vnd.xet-fileinfo+json')) {
      const links = ['xet-auth', 'xet-reconstruction-info'].map(
        (rel) => `<${this.endpoint}/${rel}>; rel="${rel}"`,
      )
      response.setHeader('x-linked-size', file.bytes.length)
      response.setHeader('x-linked-etag', `"${sha256(file.bytes)}"`)
      response.setHeader('x-xet-hash', sha256(file.bytes))
      response.setHeader('link', links.join(', '))
      response.setHeader('content-type', 'application/vnd.xet-fileinfo+json')
      return void response.end('{}')
    }
    const signature = String(this.#signatures.size)
    this.#signatures.set(signature, path)
    response.writeHead(302, { location: `${address(this.#storage)}/object?signature=${signature}` }).end()
  }

  #store(request: IncomingMessage, response: ServerResponse) {
    this.#note('storage', request)
    const signature = new URL(request.url ?? '', this.endpoint).searchParams.get('signature') ?? ''
    const file = this.files.get(this.#signatures.get(signature) ?? '')
    this.#signatures.set(signature, '')
    if (!file) return void response.writeHead(403, { 'content-type': 'application/xml' }).end('<Expired/>')
    this.#send(request, response, file.bytes, this.faults.shift() ?? {})
  }

  #send(request: IncomingMessage, response: ServerResponse, bytes: Buffer, fault: Fault) {
    if (fault.status) return void response.writeHead(fault.status).end()
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
    let body = bytes
    if (first !== undefined && !fault.ignoreRange) {
      const from = Number(first)
      if (from >= bytes.length) return void response.writeHead(416).end()
      body = bytes.subarray(from, last ? Number(last) + 1 : undefined)
      response.setHeader('content-range', `bytes ${from}-${from + body.length - 1}/${bytes.length}`)
      response.statusCode = 206
    }
    response.setHeader('content-length', body.length)
    if (!fault.then) return void response.end(body)
    response.flushHeaders()
    response.write(body.subarray(0, fault.sent), () => {
      if (fault.then === 'cut') response.destroy()
      else this.resume = () => response.end(body.subarray(fault.sent))
    })
  }

  #note(server: Asked['server'], { url, headers }: IncomingMessage) {
    this.asked.push({ server, path: url ?? '', range: headers.range, authorization: headers.authorization })
  }
}

function refuse(response: ServerResponse, status: number, code: string | undefined, message: string) {
  response.setHeader('x-error-message', message)
  if (code) response.setHeader('x-error-code', code)
  response.statusCode = status
  json(response, { error: message })
}

function json(response: ServerResponse, value: unknown) {
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify(value))
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
}

function address(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** What `git hash-object` prints. */
export function gitId(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}

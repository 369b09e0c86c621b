import { datasetInfo, fileDownloadInfo, InvalidApiResponseFormatError, listFiles } from '@huggingface/hub'
import { UserError } from '../../schemas/user-error.ts'
import type { Checksum } from './checksum.ts'
import { type Question, refusal, unreachable } from './hub-refusals.ts'

/** A file of a dataset, as the hub lists it. */
export interface HubFile {
  /** From the dataset's root, `/` separators. */
  readonly path: string
  readonly bytes: number
  readonly checksum: Checksum
}

/** Bytes of a file, from one position to its end. */
export interface FileTail {
  /** 0 where the server cannot start elsewhere. */
  readonly from: number
  readonly chunks: AsyncIterable<Uint8Array>
}

/**
 * A dataset at one commit of its revision, so that files which change on the hub meanwhile do not mix.
 * Every method throws UserError, of which `Unavailable` is worth another try.
 */
export class HubDataset {
  readonly #question: Question
  readonly #signal: AbortSignal
  #commit: string | undefined

  constructor(question: Question, signal: AbortSignal) {
    this.#question = question
    this.#signal = signal
  }

  /** The commit that the revision stands for. */
  async commit(): Promise<string> {
    const { repository, revision } = this.#question
    const info = await this.#understand(
      datasetInfo({ ...this.#connection, name: repository, revision, additionalFields: ['sha'] }),
    )
    return (this.#commit = info.sha)
  }

  async *files(): AsyncGenerator<HubFile> {
    const entries = listFiles({ ...this.#connection, ...(await this.#location()), recursive: true })
    while (true) {
      const next = await this.#understand(entries.next())
      if (next.done) return
      const entry = next.value
      if (entry.type !== 'file') continue
      const { path, size, lfs, oid } = entry
      if (lfs) yield { path, bytes: lfs.size, checksum: { algorithm: 'sha256', hex: lfs.oid } }
      else if (oid) yield { path, bytes: size, checksum: { algorithm: 'git-blob', hex: oid } }
    }
  }

  /**
   * The library's own download is not used: it takes an answer with the whole file for the rest that it asked for, and
   * of an error it keeps the text only.
   */
  async read(path: string, from: number): Promise<FileTail> {
    const { endpoint, repository, token } = this.#question
    const encoded = path.split('/').map(encodeURIComponent).join('/')
    const info = await this.#understand(
      fileDownloadInfo({ ...this.#connection, ...(await this.#location()), path: encoded }),
    )
    if (!info) {
      throw new UserError(
        `The hub lists the file \`${path}\` of ${repository} but does not have it: leave it out with --file, or tell the dataset's author.`,
      )
    }
    const ownServer = new URL(info.url).origin === new URL(endpoint).origin
    const response = await this.#fetch(info.url, {
      headers: {
        // With a range, even one of everything, servers send the bytes as they are and never compress them.
        range: `bytes=${from}-`,
        ...(token && ownServer && { authorization: `Bearer ${token}` }),
      },
    })
    return { from: response.status === 206 ? from : 0, chunks: this.#chunks(response) }
  }

  async *#chunks(response: Response): AsyncGenerator<Uint8Array> {
    try {
      if (response.body) yield* response.body
    } catch (error) {
      this.#signal.throwIfAborted()
      throw unreachable(response.url, error)
    }
  }

  async #location() {
    const { repository } = this.#question
    const revision = this.#commit ?? (await this.commit())
    return { repo: { type: 'dataset' as const, name: repository }, revision }
  }

  get #connection() {
    const { endpoint, token } = this.#question
    return { hubUrl: endpoint, fetch: this.#fetch, ...(token && { accessToken: token }) }
  }

  /** Says of every failure what it means: the library forgets the headers that tell. */
  readonly #fetch: typeof fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input)
    let response: Response
    try {
      response = await fetch(input, { ...init, signal: this.#signal })
    } catch (error) {
      this.#signal.throwIfAborted()
      throw unreachable(url, error)
    }
    // The library has an answer of its own to a file that is not there.
    if (response.ok || response.headers.get('x-error-code') === 'EntryNotFound') return response
    await response.body?.cancel()
    throw refusal(response, this.#question)
  }

  async #understand<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (error instanceof TypeError && error.cause) throw unreachable(this.#question.endpoint, error)
      if (!(error instanceof SyntaxError || error instanceof InvalidApiResponseFormatError)) throw error
      throw new UserError(
        `${this.#question.endpoint} does not answer like a Hugging Face hub: check HF_ENDPOINT, and whether a proxy stands between.`,
        { cause: error },
      )
    }
  }
}

/**
 * Where the hub is and who asks, from HF_ENDPOINT and HF_TOKEN.
 *
 * @throws UserError where one of them cannot be right.
 */
export function hubFromEnvironment(env: NodeJS.ProcessEnv): { endpoint: string; token: string | undefined } {
  const endpoint = (env.HF_ENDPOINT?.trim() || 'https://huggingface.co').replace(/\/+$/, '')
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw new UserError(`HF_ENDPOINT is \`${endpoint}\`: give it an address that starts with https://.`)
  }
  const token = env.HF_TOKEN?.trim() || undefined
  if (token && !token.startsWith('hf_')) {
    throw new UserError('HF_TOKEN is not a token of the hub, which starts with hf_: mend it or unset it.')
  }
  return { endpoint, token }
}

import { UserError } from '../../schemas/user-error.ts'

/** What was asked of which hub. */
export interface Question {
  readonly endpoint: string
  readonly token: string | undefined
  readonly repository: string
  readonly revision: string
}

/** Something in the way that may be gone in a moment. */
export class Unavailable extends UserError {
  override name = 'Unavailable'
}

/** @param error what `fetch`, or reading the body of its answer, threw */
export function unreachable(url: string, error: unknown): Unavailable {
  const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const { code, message } = reason as NodeJS.ErrnoException
  // Codes of the system are known to people, those of Node's HTTP client are not.
  const why = !code || code.startsWith('UND_') ? message : code
  return new Unavailable(
    `The connection to ${new URL(url).origin} failed (${why}): check the network, or name a mirror that you reach in HF_ENDPOINT, and run the same command again.`,
    { cause: error },
  )
}

/**
 * What an answer other than success means. The hub tells cases of one status apart by X-Error-Code: it hides datasets
 * that one may not see behind 401, as it does those that do not exist.
 */
export function refusal(response: Response, question: Question): UserError {
  const { status, headers } = response
  const { endpoint, token, repository, revision } = question
  const code = headers.get('x-error-code')
  const message = headers.get('x-error-message')
  const { origin } = new URL(response.url)
  const said = `${origin} answered ${status}${message ? ` (${message})` : ''}`

  if (status === 429) {
    const better = token ? '' : ', or set HF_TOKEN for a larger allowance,'
    return new Unavailable(
      `${said}, too many requests: wait some minutes${better} and run the same command again.`,
    )
  }
  // Addresses on other servers are signed for a time: once it is over, the hub has to be asked for a new one.
  if (status >= 500 || status === 408 || origin !== new URL(endpoint).origin) {
    return new Unavailable(`${said}: run the same command again later.`)
  }
  if (code === 'RevisionNotFound') {
    return new UserError(
      `${repository} has no revision \`${revision}\`: give --revision a branch, tag or commit of ${endpoint}/datasets/${repository}.`,
    )
  }
  if (code === 'GatedRepo') {
    return new UserError(
      `${repository} is gated: accept its terms at ${endpoint}/datasets/${repository}, and set HF_TOKEN to a token of the account that did.`,
    )
  }
  if (status === 401 && token && code !== 'RepoNotFound') {
    return new UserError(
      `${said} to the token in HF_TOKEN: make a new one at ${endpoint}/settings/tokens, or unset it for public datasets.`,
    )
  }
  if (code === 'RepoNotFound' || status === 401 || status === 404) {
    const remedy = token
      ? 'or take a token in HF_TOKEN that may read it'
      : 'or, if it is private, set HF_TOKEN to a token that may read it'
    return new UserError(`There is no dataset ${repository} on ${endpoint}: check the name, ${remedy}.`)
  }
  if (status === 403) {
    return new UserError(`${said}: set HF_TOKEN to a token that may read ${repository}.`)
  }
  return new UserError(`${said} when asked for ${repository}, which is not understood here.`)
}

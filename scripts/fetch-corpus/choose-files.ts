import picomatch from 'picomatch'
import { UserError } from '../../schemas/user-error.ts'
import type { HubFile } from './hub.ts'
import { formatBytes } from './progress.ts'

const examplesShown = 10

/**
 * The files that any of the patterns matches. A pattern with a slash is matched against the whole path in the dataset,
 * one without against the file's name.
 *
 * @throws UserError where there is no pattern, or one that matches nothing; the sentence says what files there are.
 */
export async function chooseFiles(
  files: AsyncIterable<HubFile>,
  patterns: readonly string[],
  repository: string,
): Promise<HubFile[]> {
  const matchers = patterns.map((pattern) => ({
    pattern,
    matches: picomatch(pattern, { basename: !pattern.includes('/'), dot: true }),
    matched: false,
  }))
  const chosen: HubFile[] = []
  const examples: string[] = []
  let count = 0
  for await (const file of files) {
    count++
    if (examples.length < examplesShown) examples.push(`${file.path} (${formatBytes(file.bytes)})`)
    const matching = matchers.filter(({ matches }) => matches(file.path))
    for (const matcher of matching) matcher.matched = true
    if (matching.length > 0) chosen.push(file)
  }

  const more = count > examples.length ? ` and ${count - examples.length} more` : ''
  const has = count === 0 ? 'it has none' : `it has ${examples.join(', ')}${more}`
  if (patterns.length === 0) {
    throw new UserError(`Say which files of ${repository} with --file PATTERN, '*' for all: ${has}.`)
  }
  const futile = matchers.find(({ matched }) => !matched)
  if (futile) {
    throw new UserError(`No file of ${repository} matches \`${futile.pattern}\`: ${has}.`)
  }
  return chosen
}

import { z } from 'zod'
import { UserError } from '../../schemas/user-error.ts'
import type { DocumentSources } from './document-sources.ts'

/** Names in a message; more are counted. */
const namedAtMost = 8

const weights = z
  .record(z.string().min(1), z.number().gte(0, { error: 'a share must not be below zero' }))
  .refine((weights) => Object.values(weights).some((weight) => weight > 0), {
    error: 'at least one share must be above zero',
  })

export const mixtureOption = z
  .strictObject({
    shares: weights
      .optional()
      .describe('Share of the tokens by source, a file or a folder of files; scaled to a sum of 1'),
    temperature: z
      .number()
      .positive()
      .optional()
      .describe('Shares in proportion to size^(1/temperature): 1 as the corpus is, more is more even'),
    ucb: z
      .strictObject({
        window: z
          .int()
          .min(2)
          .default(300)
          .describe('Sequences of a source, the newest ones, by which the fall of its loss is measured'),
        tau: z
          .number()
          .positive()
          .default(0.1)
          .describe('Temperature in nats of the softmax over the bounds: more is more even'),
      })
      .optional()
      .describe(
        'Shares that change while training runs, by an upper confidence bound on how much the loss of a source still falls; needs `to` of `pack`',
      ),
    sources: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('Sources that temperature or ucb mixes, files or folders of files [default: every file]'),
  })
  .superRefine(({ shares, temperature, ucb, sources }, context) => {
    if ([shares, temperature, ucb].filter((kind) => kind !== undefined).length !== 1) {
      context.addIssue({ code: 'custom', message: 'give either `shares`, a `temperature` or `ucb`' })
    } else if (shares && sources) {
      context.addIssue({ code: 'custom', path: ['sources'], message: '`shares` names the sources itself' })
    }
  })

export type Mixture = z.output<typeof mixtureOption>

/** A source with its part in an order. */
export interface SourceShare {
  readonly name: string
  /** Of the order's tokens, in (0, 1]; 1 of each where training decides. */
  readonly share: number
  /** The source's documents, by their numbers, ascending. */
  readonly documents: Uint32Array
}

/**
 * The sources of a mixture whose share is above zero; shares add up to 1, unless training decides on them. A document
 * belongs to the file or to the innermost folder that is named, and to none where nothing above it is.
 *
 * @param lengths `[n]` tokens of each document.
 * @param folder of the shards, for the message.
 * @throws UserError where a source does not occur.
 */
export function mixtureShares(
  { shares, temperature = 1, ucb, sources: wanted }: Mixture,
  sources: DocumentSources,
  lengths: Uint32Array,
  folder: string,
): SourceShare[] {
  const names = shares ? Object.keys(shares) : (wanted ?? sources.names)
  const documents = documentsOf(names, sources)
  const missing = names.filter((name) => !documents.has(name))
  if (missing.length > 0) {
    throw new UserError(
      `The shards in \`${folder}\` have no document to train on from ${listed(missing)}; their sources are ${listed(sources.names)}. Name these, or folders that they are in, in \`mixture\`.`,
    )
  }
  const present = [...documents].map(([name, own]) => ({ name, documents: own }))
  if (ucb) return present.map((source) => ({ ...source, share: 1 }))
  const weights = shares
    ? present.map(({ name }) => shares[name])
    : temperatureWeights(
        present.map(({ documents }) => documents.reduce((sum, document) => sum + lengths[document], 0)),
        temperature,
      )
  const sum = weights.reduce((sum, weight) => sum + weight, 0)
  return present.map((source, i) => ({ ...source, share: weights[i] / sum })).filter(({ share }) => share > 0)
}

/**
 * size^(1/temperature), the largest being 1 (arXiv 1907.05019, temperature-based sampling).
 * @param sizes above zero.
 */
export function temperatureWeights(sizes: readonly number[], temperature: number): number[] {
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0)
  return sizes.map((size) => (size / largest) ** (1 / temperature))
}

/** Documents by the name that they belong to, in the order of the names' spelling: it decides between equals. */
function documentsOf(names: readonly string[], sources: DocumentSources): Map<string, Uint32Array> {
  const known = new Set(names)
  const owners = sources.names.map((source) => ownerOf(source, known))
  const lists = new Map<string, number[]>([...known].sort().map((name) => [name, []]))
  sources.of.forEach((source, document) => {
    const owner = owners[source]
    if (owner !== undefined) lists.get(owner)?.push(document)
  })
  return new Map(
    [...lists].filter(([, list]) => list.length > 0).map(([name, list]) => [name, Uint32Array.from(list)]),
  )
}

/** The longest of the names that is the source or a folder above it; folders may end in a slash. */
function ownerOf(source: string, names: ReadonlySet<string>): string | undefined {
  if (names.has(source)) return source
  for (let end = source.lastIndexOf('/'); end > 0; end = source.lastIndexOf('/', end - 1)) {
    const folder = source.slice(0, end)
    const name = [folder, `${folder}/`].find((name) => names.has(name))
    if (name !== undefined) return name
  }
  return undefined
}

function listed(names: readonly string[]): string {
  const some = names.slice(0, namedAtMost).map((name) => `\`${name}\``)
  const rest = names.length - some.length
  return rest > 0 ? `${some.join(', ')} and ${rest} more` : some.join(', ')
}

import { UserError } from '../../schemas/user-error.ts'

/** A dataset on the hub, and which of its files are the corpus. */
export interface NamedDataset {
  readonly repository: string
  /** Globs over the paths in the repository. */
  readonly files: readonly string[]
}

/** Datasets that need no more than a name. */
export const namedDatasets: Readonly<Record<string, NamedDataset>> = {
  // The same stories as TinyStories-train.txt and TinyStories-valid.txt, in half the bytes and with exact boundaries.
  tinystories: {
    repository: 'roneneldan/TinyStories',
    files: ['data/train-*.parquet', 'data/validation-*.parquet'],
  },
}

/**
 * @param name one of `namedDatasets`, or `owner/name` as on the hub
 * @throws UserError where it is neither.
 */
export function findDataset(name: string): NamedDataset {
  const named = Object.hasOwn(namedDatasets, name) ? namedDatasets[name] : undefined
  if (named) return named
  if (/^[\w.-]+\/[\w.-]+$/.test(name)) return { repository: name, files: [] }
  const known = Object.keys(namedDatasets).join(', ')
  throw new UserError(
    `There is no dataset called \`${name}\`: give one of the names known here (${known}), or \`owner/name\` as on the hub.`,
  )
}

import { stringify } from 'yaml'

/** A stage with its options on one line, as graphs write it. */
export function yamlOf(stage: string, options: object): string {
  const inline = { [stage]: { use: stage, with: options } }
  return stringify(inline, { collectionStyle: 'flow', lineWidth: 0 }).trim().slice(1, -1).trim()
}

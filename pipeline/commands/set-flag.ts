import { type Assignment, parseAssignment } from '../graph/parse.ts'

/** `--set`, which any command that takes a graph has. */
export const setFlag = {
  set: {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    coerce: (values: string[]): readonly Assignment[] => values.map(parseAssignment),
    describe: 'Change an option of the graph, as in stages.ohem.with.keep=0.5',
  },
} as const

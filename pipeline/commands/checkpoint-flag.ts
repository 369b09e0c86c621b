import type { Options } from 'yargs'

/** Which model of a run a command takes. */
export const checkpointFlag = {
  checkpoint: {
    type: 'string',
    requiresArg: true,
    describe: 'Updates made before it, `best` or `average` [default: the newest]',
  },
} as const satisfies Record<string, Options>

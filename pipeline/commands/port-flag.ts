/** `--port`, which any command that serves the page has. */
export const portFlag = {
  port: {
    type: 'number',
    requiresArg: true,
    default: 7331,
    describe: 'Of the page, at the loopback address; 0 for any that is free',
  },
} as const

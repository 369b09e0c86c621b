import process from 'node:process'

// libtensorflow reads it from the real environment, which is not the one that tests see.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'

/** Tests run on the TypeScript sources; those that start the command line use what `npm run build` compiled. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  testTimeout: 120_000,
}

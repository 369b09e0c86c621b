import { availableParallelism } from 'node:os'
import process from 'node:process'

// libtensorflow reads them from the real environment, which is not the one that tests see.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
process.env.TF_CPU_ALLOCATOR_USE_BFC ??= '1'

/**
 * Tests run on the TypeScript sources; those that start the command line use what `npm run build` compiled. What takes
 * minutes is in `*.long.test.ts`, which `npm run test:long` runs.
 */
export default {
  testEnvironment: 'node',
  setupFiles: ['<rootDir>/test/without-colours.ts'],
  testPathIgnorePatterns: ['/node_modules/', '\\.long\\.test\\.ts$'],
  roots: ['<rootDir>/test'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  testTimeout: 120_000,
  // Many tests wait for child processes, so that a second worker pays on two cores too.
  maxWorkers: Math.max(2, availableParallelism() - 1),
}

import config from './jest.config.js'

/** The tests that take minutes. */
export default { ...config, testPathIgnorePatterns: ['/node_modules/'], testMatch: ['**/*.long.test.ts'] }

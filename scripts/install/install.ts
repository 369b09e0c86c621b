import { dirname } from 'node:path'
import { nodeModulesFolder } from '../../stages/training/backend/native-install.ts'
import { buildZstd } from './build-zstd.ts'
import { installTensorflow } from './install-tensorflow.ts'
import { restorePackages } from './restore-packages.ts'

/**
 * Runs as a part of `npm ci`, before anything else is compiled: mends what install scripts of native packages could not do.
 * Only zstd-napi, which nothing works without, may fail it.
 */
const nodeModules = nodeModulesFolder()
const root = dirname(nodeModules)
const log = (sentence: string) => console.log(sentence)

try {
  await restorePackages(root, ['@tensorflow/tfjs-node-gpu', 'zstd-napi'])
} catch (error) {
  log(`Optional packages that npm removed could not be brought back: ${(error as Error).message}.`)
}

const { source, verified, files, problems } = await installTensorflow(nodeModules, log)
if (source === null) {
  log(`Native TensorFlow: none, so training will use the slower back end \`wasm\`.`)
  for (const problem of problems) log(`  ${problem}`)
  log('  `npm run install-native` tries again.')
} else {
  log(
    `Native TensorFlow: there, from ${source}${verified === null ? '' : `, whose checksum was verified (${verified})`}.`,
  )
  for (const { path, sha256 } of files) log(`  sha256 ${sha256}  ${path}`)
}

try {
  await buildZstd(root, log)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}

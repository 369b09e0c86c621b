import * as tf from '@tensorflow/tfjs-core'
import { UserError } from '../../../schemas/user-error.ts'
import {
  type Backend,
  type BackendChoice,
  type BackendDescription,
  type BackendName,
  backendNames,
} from './backend.ts'
import { explainMissing } from './native-install.ts'
import { activateTensorflow } from './tensorflow.ts'
import { activateWasm } from './wasm.ts'
import { activateWebgpu } from './webgpu.ts'

const activate: Record<BackendName, () => Promise<BackendDescription>> = {
  tensorflow: activateTensorflow,
  webgpu: activateWebgpu,
  wasm: activateWasm,
}

/**
 * Loads a back end, makes it the active one of tfjs-core, and has it multiply two matrices before anything relies on
 * it. `auto` takes the first that works without a drawback.
 *
 * @throws UserError where a back end that was asked for by name does not work here.
 */
export async function openBackend(choice: BackendChoice): Promise<Backend> {
  if (choice !== 'auto') {
    const attempt = await tryBackend(choice)
    if ('problem' in attempt) {
      throw new UserError(
        `Back end \`${choice}\` is not available. ${attempt.problem} Use \`--backend auto\` for one that is.`,
      )
    }
    return { ...attempt, reason: ['It was asked for.', attempt.drawback].filter(Boolean).join(' ') }
  }
  const problems: string[] = []
  for (const name of backendNames) {
    const attempt = await tryBackend(name)
    if ('problem' in attempt) {
      problems.push(`\`${name}\` is not available. ${attempt.problem}`)
    } else if (attempt.drawback !== undefined) {
      problems.push(`\`${name}\` was passed over. ${attempt.drawback}`)
    } else {
      return { ...attempt, reason: problems.join(' ') || 'It is the first choice, and it works here.' }
    }
  }
  throw new UserError(`No back end works here. ${problems.join(' ')}`)
}

/** Loads and tries one back end, which stays active when it works; otherwise says why not, with the remedy. */
export async function tryBackend(
  name: BackendName,
): Promise<({ name: BackendName } & BackendDescription) | { name: BackendName; problem: string }> {
  try {
    const description = await activate[name]()
    await checkProduct()
    return { name, ...description }
  } catch (error) {
    return { name, problem: name === 'tensorflow' ? await explainMissing(error) : `${firstLine(error)}.` }
  }
}

/** @throws where the active back end gets a small product wrong; whole numbers leave no room for rounding. */
async function checkProduct() {
  const product = tf.tidy(() =>
    tf.matMul(tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]), tf.tensor2d([1, 0, 2, 1, 0, 3], [3, 2])),
  )
  const values = await product.data()
  product.dispose()
  if (values.join() !== '5,11,14,23') throw new Error(`it multiplies wrongly: [${values.join()}]`)
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error)
    .split('\n', 1)[0]
    .replace(/\.$/, '')
}

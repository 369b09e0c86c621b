import { tryBackend } from '../../stages/training/backend/open-backend.ts'

/**
 * Loads the native back end in a process of its own, because a library for another processor or another C library
 * does not throw: it ends the process.
 */
const attempt = await tryBackend('tensorflow')
if ('problem' in attempt) throw new Error(attempt.problem)
process.stdout.write(`${attempt.version} on the ${attempt.device}`)

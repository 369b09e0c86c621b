import { createInterface } from 'node:readline'
import { openBackend } from '../../../stages/training/backend/open-backend.ts'
import { openTape } from '../tape.ts'
import type { Shape } from '../training-shape.ts'

/** A step on a tape for every line of standard input, and a line of output after it. */
await openBackend('tensorflow')
const tape = openTape('tensorflow', JSON.parse(process.argv[2]) as Shape)
console.log('ready')
for await (const _ of createInterface(process.stdin)) {
  await tape.step()
  console.log('done')
}

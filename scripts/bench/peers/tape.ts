import { fileURLToPath } from 'node:url'
import type { Shape } from '../training-shape.ts'
import { openPeer, type Peer } from './peer.ts'

const script = fileURLToPath(new URL('tape-process.js', import.meta.url))

/** The step on a tape as a script of one's own has it: without the allocator that gradus asks TensorFlow for. */
export function openPlainTape(shape: Shape): Promise<Peer | undefined> {
  return openPeer(process.execPath, [script, JSON.stringify(shape)], { TF_CPU_ALLOCATOR_USE_BFC: '0' })
}

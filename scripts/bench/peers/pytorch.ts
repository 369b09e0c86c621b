import { fileURLToPath } from 'node:url'
import { openPeer, type Peer } from './peer.ts'

const script = fileURLToPath(
  new URL('scripts/bench/peers/pytorch.py', import.meta.resolve('gradus/package.json')),
)

/** What `scripts/bench/peers/pytorch.py` reads from its command line. */
export interface PytorchShape {
  readonly rows: number
  readonly length: number
  readonly vocabulary: number
  readonly dim: number
  readonly layers: number
  readonly heads: number
  readonly hidden: number
  readonly threads: number
}

/** @returns undefined where Python has no PyTorch; Debian's is in python3-torch, with libopenblas0 */
export function openPytorch(shape: PytorchShape): Promise<Peer | undefined> {
  const threads = String(shape.threads)
  return openPeer('/usr/bin/python3', [script, JSON.stringify(shape)], {
    OMP_NUM_THREADS: threads,
    OPENBLAS_NUM_THREADS: threads,
    // Threads that spin while they wait would take the cores from whoever has its turn.
    OMP_WAIT_POLICY: 'passive',
  })
}

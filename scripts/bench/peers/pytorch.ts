import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(
  new URL('scripts/bench/peers/pytorch.py', import.meta.resolve('gradus/package.json')),
)

/** The benchmark's step in PyTorch, which runs in a process of its own and takes turns with ours. */
export interface PytorchPeer {
  readonly version: string
  /** Runs one step. */
  step(): Promise<void>
  close(): void
}

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
export async function openPytorch(shape: PytorchShape): Promise<PytorchPeer | undefined> {
  const threads = String(shape.threads)
  const child = spawn('/usr/bin/python3', [script, JSON.stringify(shape)], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // Threads that spin while they wait would take the cores from whoever has its turn.
    env: {
      ...process.env,
      OMP_NUM_THREADS: threads,
      OPENBLAS_NUM_THREADS: threads,
      OMP_WAIT_POLICY: 'passive',
    },
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const failed = Promise.race([once(child, 'error'), once(child, 'exit')]).then(() => undefined)
  const first = await Promise.race([lines.next(), failed])
  if (!first || first.done) return undefined
  return {
    version: first.value,
    async step() {
      child.stdin.write('\n')
      await lines.next()
    },
    close: () => child.stdin.end(),
  }
}

import { dispose, tidy } from '../../../../stages/training/backend/tidy.ts'
import { emptyTensor, memoryOf } from '../../../../stages/training/backend/wasm-memory.ts'
import { openBackend } from '../../../../stages/training/backend/open-backend.ts'
import * as tf from '@tensorflow/tfjs-core'

test('a tensor that WebAssembly has no memory for is an error, and those before it keep their numbers', async () => {
  await openBackend('wasm')
  const kept = tf.tensor1d([1, 2, 3])
  const sum = tf.add(kept, 0)
  // WebAssembly has 4 GiB at most. No page of these is ever written to.
  const large = () => tidy(() => Array.from({ length: 9 }, () => emptyTensor([2 ** 27])))
  expect(large).toThrow('Array buffer allocation failed')
  expect([...memoryOf(sum)]).toEqual([1, 2, 3])
  dispose([kept, sum])
})

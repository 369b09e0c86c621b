import { spawnSync } from 'node:child_process'
import { totalmem } from 'node:os'
import { pathToFileURL } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { backendNames } from '../../../../stages/training/backend/backend.ts'
import { openBackend, tryBackend } from '../../../../stages/training/backend/open-backend.ts'
import { probeBackends, renderProbes } from '../../../../stages/training/backend/probe.ts'

const compiled = pathToFileURL('dist/stages/training/backend/open-backend.js').href

/** A program of its own, as a user's command line would be. */
function run(source: string) {
  // Left out, `env` would be Jest's own environment, not that of the tests.
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    env: process.env,
  })
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}

test('`auto` opens the first back end that works, and says why it is that one', async () => {
  const first = (await probeBackends()).find((probe) => probe.available && probe.drawback === undefined)
  const backend = await openBackend('auto')
  expect(backend.name).toBe(first?.name)
  expect(backend.reason).toMatch(
    backend.name === backendNames[0] ? /first choice/ : /`tensorflow` is not available\. ./,
  )
})

test.each([...backendNames])(
  '`%s`, where it works, is the back end of the very tfjs-core that stages import',
  async (name) => {
    const probe = (await probeBackends()).find((each) => each.name === name)
    if (!probe?.available) return
    const backend = await openBackend(name)
    expect(backend).toMatchObject({
      name,
      version: probe.version,
      device: probe.device,
      threads: probe.threads,
    })
    expect(tf.getBackend()).toBe(name)
  },
)

test.each([...backendNames])(
  '`%s` takes and gives typed arrays, inside this test runner too',
  async (name) => {
    const probe = (await probeBackends()).find((each) => each.name === name)
    if (!probe?.available) return
    await openBackend(name)
    const before = tf.memory().numTensors
    const { floats, whole } = tf.tidy(() => ({
      floats: tf.mul(tf.tensor1d(new Float32Array([0.5, 1.5])), 2),
      whole: tf.gather(tf.tensor1d(new Int32Array([7, 8, 9]), 'int32'), tf.tensor1d([2, 0], 'int32')),
    }))
    expect([...(await floats.data())]).toEqual([1, 3])
    expect([...(await whole.data())]).toEqual([9, 7])
    tf.dispose([floats, whole])
    expect(tf.memory().numTensors).toBe(before)
  },
)

test('TensorFlow may take nine tenths of the memory of the machine or the container, or what the environment says', async () => {
  if ('problem' in (await tryBackend('tensorflow'))) return
  const source = (set: string) =>
    `${set}; const { openBackend } = await import('${compiled}'); await openBackend('tensorflow')
    console.log(process.env.TF_CPU_BFC_MEM_LIMIT_IN_MB)`
  const { stdout } = run(source('delete process.env.TF_CPU_BFC_MEM_LIMIT_IN_MB'))
  const limit = process.constrainedMemory()
  const memory = limit > 0 && limit < totalmem() ? limit : totalmem()
  expect(Number(stdout) / (memory / 2 ** 20)).toBeCloseTo(0.9, 3)
  expect(run(source('process.env.TF_CPU_BFC_MEM_LIMIT_IN_MB = 5000')).stdout).toBe('5000\n')
})

test('wasm works on every machine', async () => {
  const backend = await openBackend('wasm')
  expect(backend).toMatchObject({ name: 'wasm', device: 'CPU', reason: 'It was asked for.' })
  expect(backend.threads).toBeGreaterThanOrEqual(1)
})

test('every back end opens in a plain program without a word of its own on the terminal', async () => {
  for (const { name, available } of await probeBackends()) {
    if (!available) continue
    const { status, stdout, stderr } = run(
      `import { openBackend } from '${compiled}'; console.log((await openBackend('${name}')).name)`,
    )
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${name}\n`, stderr: '' })
  }
})

test('doctor’s lines name every back end, and give the reason and a remedy for one that is not there', () => {
  const lines = renderProbes([
    {
      name: 'tensorflow',
      available: false,
      reason: 'It has not been installed. Run `npm run install-native`.',
      notes: [],
    },
    {
      name: 'webgpu',
      available: true,
      device: 'GPU',
      version: 'Dawn on a graphics card',
      drawback: 'It is slow.',
      notes: [],
    },
    {
      name: 'wasm',
      available: true,
      device: 'CPU',
      version: 'tfjs-backend-wasm 4.22.0, SIMD',
      threads: 1,
      notes: [],
    },
  ])
  expect(lines).toBe(
    'tensorflow: not available. It has not been installed. Run `npm run install-native`.\n' +
      'webgpu: available, on the GPU (Dawn on a graphics card); `auto` passes it over. It is slow.\n' +
      'wasm: available, on the CPU with 1 thread (tfjs-backend-wasm 4.22.0, SIMD)',
  )
})

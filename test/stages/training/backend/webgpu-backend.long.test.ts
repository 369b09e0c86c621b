import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { tryBackend } from '../../../../stages/training/backend/open-backend.ts'
import { cli, gradus } from '../../../pipeline/command-line.ts'

/** Debian's chromium holds SwiftShader, a Vulkan driver that needs no GPU, and a loader for it. */
const folder = '/usr/lib/chromium'
const driver = `${folder}/vk_swiftshader_icd.json`
const swiftShader = { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver, LD_LIBRARY_PATH: folder }
const noDriver = { VK_ICD_FILENAMES: '/none.json', VK_DRIVER_FILES: '/none.json' }

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs Node in a process of its own: the driver is chosen by its environment. */
function run(environment: object, ...parameters: string[]): Promise<Outcome> {
  const env = { ...process.env, NODE_OPTIONS: '', ...environment }
  return new Promise((resolve) => {
    execFile(process.execPath, parameters, { env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    )
  })
}

const program = fileURLToPath(new URL('train-on-every-backend.js', import.meta.url))
const openBackend = pathToFileURL('dist/stages/training/backend/open-backend.js').href

interface Run {
  readonly backend: string
  readonly variant: string
  readonly losses: readonly number[]
  readonly keptLosses: readonly number[]
  readonly gradients: Readonly<Record<string, readonly number[]>>
  readonly tensors: number
  readonly said: readonly string[]
}

/** ‖a − b‖ / ‖b‖ */
function relativeError(a: readonly number[], b: readonly number[]): number {
  const size = (numbers: readonly number[]) => Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0))
  return size(a.map((x, i) => x - b[i])) / size(b)
}

/** Largest difference of a step's loss in nats, stated in docs/backends.md. */
const tolerance = 1e-4

const hasSwiftShader = existsSync(driver)
if (!hasSwiftShader) console.info(`WebGPU is not tested: there is no ${driver}, which Debian's chromium has.`)
const native = 'problem' in (await tryBackend('tensorflow')) ? [] : ['tensorflow']

describe('the same training run', () => {
  let outcome: Outcome
  let runs: readonly Run[]
  beforeAll(async () => {
    const webgpu = hasSwiftShader ? ['webgpu:50:plain', 'webgpu:3:plain'] : []
    outcome = await run(
      swiftShader,
      program,
      'wasm:50:plain',
      ...native.map((name) => `${name}:50:plain`),
      ...webgpu,
    )
    runs = JSON.parse(outcome.stdout) as Run[]
  }, 400_000)

  test('ends by itself, without a word on the terminal', () => {
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
  })

  test(`has the same loss on every back end to ${tolerance} nats, in each of 50 steps`, () => {
    const [wasm, ...others] = runs.filter(({ losses }) => losses.length === 50)
    expect(others).toHaveLength(native.length + Number(hasSwiftShader))
    expect(wasm.losses[49]).toBeLessThan(wasm.losses[0] - 2)
    for (const { losses } of others) {
      losses.forEach((loss, step) => expect(Math.abs(loss - wasm.losses[step])).toBeLessThan(tolerance))
    }
  })

  test('has the same gradient of every parameter on every back end', () => {
    const [wasm, ...others] = runs
    for (const { gradients } of others) {
      expect(Object.keys(gradients).sort()).toEqual(Object.keys(wasm.gradients).sort())
      for (const [name, gradient] of Object.entries(gradients)) {
        expect(relativeError(gradient, wasm.gradients[name])).toBeLessThan(5e-6)
      }
    }
  })

  test('leaves no tensor behind', () => {
    expect(runs.map(({ tensors }) => tensors)).toEqual(runs.map(() => 0))
  })

  const onSwiftShader = hasSwiftShader ? test : test.skip

  onSwiftShader('gives the very same numbers on webgpu when it is run again', () => {
    const [first, again] = runs.filter(({ backend }) => backend === 'webgpu')
    expect(again.losses).toEqual(first.losses.slice(0, 3))
    expect(again.gradients).toEqual(first.gradients)
  })

  onSwiftShader('says that it was on a software adapter', () => {
    expect(runs.at(-1)?.said.join()).toMatch(/on webgpu \(CPU\)\. It was asked for\. Its adapter is software/)
  })
})

test.each(['sequences', 'tokens', 'untied', 'momentum'])(
  'a few steps of another kind go the same way on every back end: %s',
  async (variant) => {
    const names = ['wasm', ...native, ...(hasSwiftShader ? ['webgpu'] : [])]
    const { code, stdout, stderr } = await run(
      swiftShader,
      program,
      ...names.map((name) => `${name}:6:${variant}`),
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [wasm, ...others] = JSON.parse(stdout) as Run[]
    expect(others).toHaveLength(names.length - 1)
    const isSelected = wasm.keptLosses.map((kept, step) => kept !== wasm.losses[step])
    expect(isSelected).toEqual(Array(6).fill(variant === 'sequences' || variant === 'tokens'))
    for (const { losses, keptLosses, gradients, tensors } of [wasm, ...others]) {
      expect(tensors).toBe(0)
      losses.forEach((loss, step) => expect(Math.abs(loss - wasm.losses[step])).toBeLessThan(tolerance))
      keptLosses.forEach((loss, step) =>
        expect(Math.abs(loss - wasm.keptLosses[step])).toBeLessThan(tolerance),
      )
      expect(Object.keys(gradients).sort()).toEqual(Object.keys(wasm.gradients).sort())
      for (const [name, gradient] of Object.entries(gradients)) {
        expect(relativeError(gradient, wasm.gradients[name])).toBeLessThan(5e-6)
      }
    }
  },
  400_000,
)

const describeWebgpu = hasSwiftShader ? describe : describe.skip

describeWebgpu('webgpu on a software adapter', () => {
  /** Runs a program on webgpu; `print` shows a value. */
  const onWebgpu = (source: string) =>
    run(
      swiftShader,
      '--input-type=module',
      '-e',
      `import * as tf from '@tensorflow/tfjs-core'
      import { openBackend } from '${openBackend}'
      const print = (value) => console.log(JSON.stringify(value))
      ${source}`,
    )

  test('takes the softmax of more rows than a GPU has groups of threads', async () => {
    const { stdout } = await onWebgpu(`
      const last = []
      for (const backend of ['wasm', 'webgpu']) {
        await openBackend(backend)
        const numbers = Float32Array.from({ length: 70_000 * 4 }, (_, i) => Math.sin(i))
        last.push([...(await tf.softmax(tf.tensor2d(numbers, [70_000, 4])).data()).slice(-4)])
      }
      print(last)`)
    const [expected, found] = JSON.parse(stdout) as number[][]
    found.forEach((probability, i) => expect(probability).toBeCloseTo(expected[i], 6))
  })

  test('holds no memory of tensors whose size never comes again', async () => {
    const { stdout } = await onWebgpu(`
      await openBackend('webgpu')
      let most = 0
      for (let size = 100_000; size < 140_000; size += 1000) {
        const sum = tf.tidy(() => tf.sum(tf.add(tf.fill([size], 1), 1)))
        await sum.data()
        sum.dispose()
        most = Math.max(most, tf.memory().numBytesAllocatedInGPU)
      }
      print(most)`)
    // Two tensors of 140,000 numbers of 4 bytes at a time; all sizes together would be forty times that.
    expect(JSON.parse(stdout)).toBeLessThan(6 * 140_000 * 4)
  })

  test('says in one sentence that a tensor is too large for the GPU', async () => {
    const { stdout, stderr } = await onWebgpu(`
      await openBackend('webgpu')
      const failed = await tf.sum(tf.fill([2 ** 14, 2 ** 16], 1)).data().catch((error) => error)
      print([failed.name, failed.message])`)
    const [name, message] = JSON.parse(stdout) as [string, string]
    expect(name).toBe('UserError')
    expect(message).toMatch(/^The GPU failed: Buffer size .* exceeds .*\. Lower `rows` or `length` of `pack`/)
    expect(stderr).toBe('')
  })

  test('trains from the command line, and says what it ran on', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gradus-webgpu-'))
    const [shards, out] = [join(folder, 'shards'), join(folder, 'run')]
    const sentences = Array.from(
      { length: 300 },
      (_, i) => `It was a cold day, and clock ${i} struck ${i % 7}.`,
    )
    await writeFile(join(folder, 'text.txt'), sentences.join(' '))
    const input = ['--input', join(folder, 'text.txt'), '--split', 'words:50', '--vocabulary', '260']
    const scored = await gradus('score', ...input, '--out', shards)
    expect(scored).toMatchObject({ code: 0 })
    const { code, stdout, stderr } = await run(
      swiftShader,
      ...[cli, 'train', '--backend', 'webgpu', '--shards', shards, '--out', out],
      ...['--steps', '2', '--rows', '2', '--length', '16'],
      ...['dim=32', 'layers=1', 'heads=2'].flatMap((size) => ['--set', `stages.forward.with.${size}`]),
    )
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stdout).toMatch(/^back end +webgpu \(CPU\)\. It was asked for\. Its adapter is software/m)
    const onWebgpu = ['--backend', 'webgpu']
    const resumed = await run(swiftShader, cli, 'train', '--resume', out, ...onWebgpu)
    expect(resumed).toMatchObject({ code: 0 })
    const prompt = ['--prompt', 'It was', '--tokens', '4', '--temperature', '0']
    const written = await run(swiftShader, cli, 'generate', out, ...prompt, ...onWebgpu)
    const expected = await run({}, cli, 'generate', out, ...prompt, '--backend', 'wasm')
    expect({ code: written.code, text: written.stdout }).toEqual({ code: 0, text: expected.stdout })
    await rm(folder, { recursive: true })
  })

  test('is passed over by `auto`, which says why', async () => {
    const { stdout } = await run(swiftShader, cli, 'doctor')
    expect(stdout).toMatch(
      /^webgpu: available, on the CPU with \d+ threads? \(Dawn on SwiftShader.*\); `auto` passes it over\. Its adapter is software, many times slower than `wasm`\.$/m,
    )
  })
})

test('without a driver, doctor says so in one line and nothing else is printed', async () => {
  const { code, stdout, stderr } = await run({ ...noDriver, LD_LIBRARY_PATH: folder }, cli, 'doctor')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.split('\n').filter((line) => line.startsWith('webgpu: '))
  expect(lines).toHaveLength(1)
  if (process.platform === 'linux') expect(lines[0]).toMatch(/^webgpu: not available\. .* driver .*\.$/)
})

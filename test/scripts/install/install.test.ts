import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { headerPrefix } from '../../../scripts/install/build-zstd.ts'
import { reach } from '../../../scripts/install/official-download.ts'
import { findDamage, tensorflowFolder } from '../../../stages/training/backend/native-install.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gradus-install-'))
})
afterEach(() => rmSync(root, { recursive: true }))

/** The compiled installer in a project that has all packages, but of @tensorflow/tfjs-node-gpu only what npm brings. */
function makeProject() {
  const modules = join(root, 'node_modules')
  for (const name of readdirSync('node_modules').filter((name) => !name.startsWith('.'))) {
    const inScope = name.startsWith('@')
      ? readdirSync(join('node_modules', name)).map((part) => join(name, part))
      : [name]
    for (const path of inScope.filter((path) => path !== join('@tensorflow', 'tfjs-node-gpu'))) {
      mkdirSync(dirname(join(modules, path)), { recursive: true })
      symlinkSync(resolve('node_modules', path), join(modules, path))
    }
  }
  const manifest = { name: '@tensorflow/tfjs-node-gpu', version: '4.22.0', binary: { napi_versions: [8] } }
  write(join(tensorflowFolder(modules), 'package.json'), JSON.stringify(manifest))
  write(join(root, 'package.json'), JSON.stringify({ type: 'module' }))
  for (const part of ['scripts/install', 'stages/training/backend', 'schemas']) {
    cpSync(join('dist', part), join(root, 'dist', part), { recursive: true })
  }
}

function write(file: string, text: string) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** Neither the official host nor a registry answers: port 9 of this machine stands for both. */
const unreachable = {
  TFJS_NODE_CDN_STORAGE: 'http://127.0.0.1:9/',
  npm_config_registry: 'http://127.0.0.1:9/',
  npm_config_fetch_retries: '0',
}

function node(args: string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    env: { ...process.env, npm_config_cache: join(root, 'cache'), ...env },
  })
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}

const install = (env: NodeJS.ProcessEnv) => node([join('dist', 'scripts', 'install', 'install.js')], env)

const open = (choice: string) =>
  node([
    '--input-type=module',
    '-e',
    `import { openBackend } from './dist/stages/training/backend/open-backend.js'
     await openBackend('${choice}').then(({ name, reason }) => console.log(name + ': ' + reason), (error) => console.log(error.name + ': ' + error.message))`,
  ])

test('where no source can be reached the install succeeds, says why, and leaves wasm as the back end', () => {
  makeProject()
  const { status, stdout } = install(unreachable)
  expect(status).toBe(0)
  expect(stdout).toMatch(/training will use the slower back end `wasm`/)
  expect(stdout).toMatch(/official download failed: 127\.0\.0\.1:9 cannot be reached \(ECONNREFUSED\)/)
  expect(stdout).toMatch(/npm package tfjs-node-lambda-releases@1\.6\.1 failed: ./)
  expect(readdirSync(tensorflowFolder(join(root, 'node_modules')))).toEqual(['package.json'])

  const automatic = open('auto').stdout
  expect(automatic).toMatch(/^wasm: `tensorflow` is not available\. .*cannot be reached/)
  const named = open('tensorflow').stdout
  expect(named).toMatch(
    /^UserError: Back end `tensorflow` is not available\. .*`npm run install-native` tries again\./,
  )
})

test('GRADUS_SKIP_TENSORFLOW leaves the native library out without trying any source', () => {
  makeProject()
  const { status, stdout } = install({ ...unreachable, GRADUS_SKIP_TENSORFLOW: '1' })
  expect(status).toBe(0)
  expect(stdout).toMatch(/left out, because GRADUS_SKIP_TENSORFLOW is set/)
  expect(stdout).not.toMatch(/trying/)
})

test('before any install a back end asked for by name says which command installs it', () => {
  makeProject()
  expect(open('tensorflow').stdout).toMatch(/not been installed\. Run `npm run install-native`/)
})

test('a native library that does not load is neither kept nor taken for installed', () => {
  makeProject()
  const folder = tensorflowFolder(join(root, 'node_modules'))
  write(join(folder, 'deps', 'lib', 'libtensorflow.so.2'), 'half a library')
  write(join(folder, 'lib', 'napi-v8', 'tfjs_binding.node'), 'half a binding')
  const { status, stdout } = install(unreachable)
  expect(status).toBe(0)
  expect(stdout).toMatch(/slower back end `wasm`/)
  expect(existsSync(join(folder, 'lib'))).toBe(false)
})

test('an install is recorded without dates: a second run writes the same bytes', () => {
  makeProject()
  const record = join(root, 'node_modules', '.gradus', 'tensorflow.json')
  install(unreachable)
  const first = readFileSync(record)
  install(unreachable)
  expect(readFileSync(record)).toEqual(first)
})

test('a file that is missing or of another size than recorded counts as damage', async () => {
  const file = join(tensorflowFolder(root), 'deps', 'lib', 'libtensorflow.so.1')
  write(file, 'library')
  const files = [{ path: 'deps/lib/libtensorflow.so.1', bytes: 7, sha256: '' }]
  const record = { source: 'somewhere', verified: null, files, problems: [] }
  expect(await findDamage(record, root)).toBeUndefined()
  writeFileSync(file, 'libr')
  expect(await findDamage(record, root)).toBe('deps/lib/libtensorflow.so.1')
  rmSync(file)
  expect(await findDamage(record, root)).toBe('deps/lib/libtensorflow.so.1')
})

test('a host counts as reached when it takes a connection, and as unreachable when it refuses one', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await reach(new URL(`http://127.0.0.1:${port}/`))
  await new Promise((resolve) => server.close(resolve))
  await expect(reach(new URL(`http://127.0.0.1:${port}/`))).rejects.toThrow(
    `127.0.0.1:${port} cannot be reached (ECONNREFUSED)`,
  )
})

test('Node’s headers are found beside its binary, also by way of a link', () => {
  write(join(root, 'node-20', 'bin', 'node'), '')
  mkdirSync(join(root, 'bin'))
  symlinkSync(join(root, 'node-20', 'bin', 'node'), join(root, 'bin', 'node'))
  const configured = process.env.npm_config_nodedir
  delete process.env.npm_config_nodedir
  try {
    expect(headerPrefix(join(root, 'bin', 'node'))).toBeUndefined()
    write(join(root, 'node-20', 'include', 'node', 'common.gypi'), '{}')
    expect(headerPrefix(join(root, 'bin', 'node'))).toBe(join(root, 'node-20'))
  } finally {
    if (configured !== undefined) process.env.npm_config_nodedir = configured
  }
})

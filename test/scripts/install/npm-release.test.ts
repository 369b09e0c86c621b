import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { release, staged, subresourceIntegrity, unpackRelease } from '../../../scripts/install/npm-release.ts'

let folder: string
let tarball: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gradus-release-'))
  tarball = join(folder, 'release.tgz')
  makeRelease(tarball)
  write(
    join(folder, 'package', 'package.json'),
    JSON.stringify({ binary: { napi_versions: [3, 4, 5, 6, 7, 8] } }),
  )
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A tarball laid out like the npm release, with a few bytes in place of each library. */
function makeRelease(to: string) {
  const content = join(folder, 'content')
  write(join(content, release.folder, 'deps', 'lib', 'libtensorflow.so.1'), 'library')
  write(join(content, release.folder, 'lib', 'napi-v6', 'tfjs_binding.node'), 'binding')
  write(join(content, release.folder, 'dist', 'index.js'), 'not wanted')
  pack(['-cf', join(folder, 'inner.tar'), '-C', content, 'node_modules'])
  const archive = join(folder, 'outer', release.archive)
  mkdirSync(dirname(archive), { recursive: true })
  writeFileSync(archive, brotliCompressSync(readFileSync(join(folder, 'inner.tar'))))
  pack(['-czf', to, '-C', join(folder, 'outer'), 'package'])
}

function pack(args: string[]) {
  expect(spawnSync('tar', args).status).toBe(0)
}

function write(file: string, text: string) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

const filesIn = (path: string) =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort()

test('libraries and binding end up where the package looks for them, and nothing else of the release does', async () => {
  const target = join(folder, 'package')
  await staged(target, async (staging) =>
    unpackRelease(tarball, staging, target, await subresourceIntegrity(tarball)),
  )
  expect(filesIn(target)).toEqual([
    'deps/lib/libtensorflow.so.1',
    'lib/napi-v8/tfjs_binding.node',
    'package.json',
  ])
})

test('what a broken install left behind is replaced, its staging folder included', async () => {
  const target = join(folder, 'package')
  write(join(target, 'deps', 'lib', 'libtensorflow.so.2'), 'half')
  write(join(target, '.staging-abandoned', 'release.tgz'), 'half')
  await staged(target, async (staging) =>
    unpackRelease(tarball, staging, target, await subresourceIntegrity(tarball)),
  )
  expect(filesIn(target)).toEqual([
    'deps/lib/libtensorflow.so.1',
    'lib/napi-v8/tfjs_binding.node',
    'package.json',
  ])
})

test('a tarball with another checksum than the known one is not unpacked', async () => {
  const target = join(folder, 'package')
  const unpacked = staged(target, (staging) => unpackRelease(tarball, staging, target))
  await expect(unpacked).rejects.toThrow(`not ${release.integrity}`)
  expect(filesIn(target)).toEqual(['package.json'])
})

test('a tarball without the archive in it leaves an earlier install as it was', async () => {
  const target = join(folder, 'package')
  write(join(target, 'deps', 'lib', 'libtensorflow.so.2'), 'earlier')
  pack(['-czf', tarball, '-C', folder, 'inner.tar'])
  const integrity = await subresourceIntegrity(tarball)
  await expect(
    staged(target, (staging) => unpackRelease(tarball, staging, target, integrity)),
  ).rejects.toThrow(/tar/)
  expect(filesIn(target)).toEqual(['deps/lib/libtensorflow.so.2', 'package.json'])
})

test('the integrity is written as package-lock.json writes it', async () => {
  write(join(folder, 'abc'), 'abc')
  // SHA-512 of "abc" from FIPS 180-2, in base64.
  expect(await subresourceIntegrity(join(folder, 'abc'))).toBe(
    `sha512-${Buffer.from(
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
      'hex',
    ).toString('base64')}`,
  )
})

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

/** What the machine has to compute on. */
export interface WebgpuAdapter {
  /** In the words of its driver, such as `SwiftShader driver 5.0.0`. */
  readonly description: string
  /** Whether it is a program that does a GPU's work on the CPU. */
  readonly software: boolean
}

/** Address of the optional package `webgpu`, which is Dawn, Chromium's WebGPU, for Node. */
export function dawnAddress(): string {
  try {
    return pathToFileURL(createRequire(import.meta.url).resolve('webgpu')).href
  } catch {
    throw new Error(
      'The package `webgpu` is not installed, which `npm ci` puts there unless it is told not to',
    )
  }
}

const search = `
  const { create, globals } = await import(process.argv[1])
  Object.assign(globalThis, globals)
  const adapter = await create([]).requestAdapter({ powerPreference: 'high-performance' })
  const { description, vendor, architecture, isFallbackAdapter } = adapter?.info ?? {}
  console.log(JSON.stringify(adapter && { name: description || vendor + ' ' + architecture, isFallbackAdapter }))`

/**
 * Looks for an adapter in a process of its own, because without a working driver Dawn complains on the terminal, and a
 * broken driver takes its process with it.
 *
 * @throws where there is none, or the package is missing.
 */
export function findAdapter(): WebgpuAdapter {
  const program = ['--no-warnings', '--input-type=module', '-e', search, dawnAddress()]
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, program, { encoding: 'utf8' })
  if (status !== 0) {
    const cause = /^\w*Error: .*/m.exec(stderr)?.[0] ?? `it ended with ${signal ?? `status ${status}`}`
    throw new Error(`The package \`webgpu\` does not run here: ${cause}`)
  }
  const found = JSON.parse(stdout) as { name: string; isFallbackAdapter?: boolean } | null
  if (found === null) {
    throw new Error(
      'No driver for Vulkan, Metal or Direct3D 12 was found. Install the one of your GPU, on Linux with libvulkan1',
    )
  }
  const software = found.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe/i.test(found.name)
  return { description: found.name, software }
}

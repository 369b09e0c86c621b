import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { npm } from './npm.ts'

/**
 * Builds zstd-napi where its own install script could not: without the internet that script finds neither its
 * prebuilt binary nor the headers of Node, although most installations of Node have these beside the binary.
 *
 * @throws where it cannot be built; nothing of gradus works then.
 */
export async function buildZstd(root: string, log: (sentence: string) => void): Promise<void> {
  if (loads(root)) return
  log('Building zstd-napi, which takes a minute or two.')
  const prefix = headerPrefix()
  try {
    await npm(['rebuild', 'zstd-napi'], {
      cwd: root,
      env: prefix === undefined ? {} : { npm_config_nodedir: prefix },
    })
  } catch (error) {
    throw new Error(
      `zstd-napi could not be built (${(error as Error).message}). It needs python3, make, g++ and the headers of Node: ` +
        `${prefix === undefined ? 'set npm_config_nodedir to the folder that has include/node in it' : `those in ${prefix} were used`}.`,
      { cause: error },
    )
  }
  if (!loads(root)) throw new Error('zstd-napi was built, but does not load.')
}

/** Tried in another process, so that a broken binary harms none but that one. */
function loads(root: string): boolean {
  return spawnSync(process.execPath, ['-e', "require('zstd-napi')"], { cwd: root }).status === 0
}

/** Folder that Node was installed in, if `include/node` is in there and npm has not been told of another. */
export function headerPrefix(execPath = process.execPath): string | undefined {
  if (process.env.npm_config_nodedir) return process.env.npm_config_nodedir
  const prefix = dirname(dirname(realpathSync(execPath)))
  return existsSync(join(prefix, 'include', 'node', 'common.gypi')) ? prefix : undefined
}

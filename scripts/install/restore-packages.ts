import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { npm } from './npm.ts'

/**
 * Brings back optional packages that npm removed because their own install script failed. Without scripts this time,
 * by npm's client, in the versions and with the integrity of package-lock.json, their dependencies included.
 *
 * @throws where npm cannot get them.
 */
export async function restorePackages(root: string, names: readonly string[]): Promise<void> {
  if (names.every((name) => existsSync(join(root, 'node_modules', name, 'package.json')))) return
  await npm(['install', '--ignore-scripts', '--no-save', '--include=optional', '--prefer-offline'], {
    cwd: root,
  })
}

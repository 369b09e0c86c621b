import { existsSync } from 'node:fs'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { StoredFile } from '../../schemas/training-state.ts'
import { UserError } from '../../schemas/user-error.ts'
import { parseChecked, withChecksum } from '../checked-json.ts'
import { fileHash } from '../file-hash.ts'

/** Files of a folder by name, as they were when they were whole. */
export type StoredFiles = Readonly<Record<string, StoredFile>>

/** Names without folders: what a list says leads nowhere outside of its own. */
export const storedFilesSchema = z.record(
  z.string().regex(/^[\w-][\w.-]*$/),
  z.object({ bytes: z.int().min(0), sha256: z.string() }),
)

const listSchema = z.object({ files: storedFilesSchema })

/** Name of the list in a folder that has no training state to say what its files were. */
export const fileListName = 'files.json'

/** Only a mean of a run's models has such a list, and no other copy of it is kept. */
const listRemedy =
  "Remove the `run.json` of its run and go on with `train --resume`, which writes the mean of the run's models anew."

/** What the files in a folder are now. */
export async function describeFiles(folder: string): Promise<StoredFiles> {
  const files: Record<string, StoredFile> = {}
  for (const name of (await readdir(folder)).sort()) files[name] = await describe(join(folder, name))
  return files
}

/** Reads every file of a list. @throws UserError where one is not what it was when it was written. */
export async function checkFiles(folder: string, files: StoredFiles): Promise<void> {
  for (const [name, { bytes, sha256 }] of Object.entries(files)) {
    const path = join(folder, name)
    const size = await stat(path).then(
      (found) => found.size,
      () => undefined,
    )
    if (size === undefined) throw new UserError(`\`${path}\` is missing.`)
    if (size !== bytes) throw new UserError(`\`${path}\` has ${size} bytes and not ${bytes}.`)
    if ((await describe(path)).sha256 !== sha256)
      throw new UserError(`\`${path}\` was altered since it was written.`)
  }
}

/** Writes beside the files in `folder` what they are. */
export async function writeFileList(folder: string): Promise<void> {
  const list = withChecksum({ files: await describeFiles(folder) })
  await writeFile(join(folder, fileListName), `${JSON.stringify(list, null, 2)}\n`)
}

/**
 * Reads every file of the list in `folder`, where there is one. @returns the list; an empty one where there is none.
 * @throws UserError where the list is not whole, or a file is not what it was when it was written.
 */
export async function checkListedFiles(folder: string): Promise<StoredFiles> {
  const path = join(folder, fileListName)
  if (!existsSync(path)) return {}
  const { data } = listSchema.safeParse(parseChecked(await readFile(path, 'utf8')))
  if (!data) {
    throw new UserError(
      `\`${path}\`, which says what the files beside it were, is cut or altered. ${listRemedy}`,
    )
  }
  try {
    await checkFiles(folder, data.files)
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${error.message} ${listRemedy}`) : error
  }
  return data.files
}

async function describe(path: string): Promise<StoredFile> {
  return { bytes: (await stat(path)).size, sha256: await fileHash(path) }
}

import { open, truncate } from 'node:fs/promises'

/**
 * The records of a file of JSON lines, in order, up to the first line that is not whole; none where there is no file.
 * `end` is the place in the file behind the record's line, in bytes.
 */
export async function* jsonLines<T>(
  path: string,
): AsyncGenerator<{ record: T; end: number }, void, undefined> {
  let file
  try {
    file = await open(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  try {
    const { size } = await file.stat()
    let end = 0
    for await (const line of file.readLines({ autoClose: false })) {
      end += Buffer.byteLength(line) + 1
      // A killed process may have written a part of its last line.
      if (end > size) return
      let record: T
      try {
        record = JSON.parse(line) as T
      } catch {
        return
      }
      yield { record, end }
    }
  } finally {
    await file.close()
  }
}

/**
 * Cuts a file of JSON lines off before the first record that is not `wanted`.
 * @param take receives every record that stays
 */
export async function cutBack<T>(
  path: string,
  wanted: (record: T) => boolean,
  take: (record: T) => void,
): Promise<void> {
  let kept = 0
  for await (const { record, end } of jsonLines<T>(path)) {
    if (!wanted(record)) break
    take(record)
    kept = end
  }
  await truncate(path, kept).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

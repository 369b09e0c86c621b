import { mkdir } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import yargs, { type CommandModule } from 'yargs'
import { hideBin } from 'yargs/helpers'
import { UserError } from '../schemas/user-error.ts'
import { chooseFiles } from './fetch-corpus/choose-files.ts'
import { checkRoom, download, isThere, type Wanted } from './fetch-corpus/download.ts'
import { HubDataset, hubFromEnvironment } from './fetch-corpus/hub.ts'
import { findDataset, namedDatasets } from './fetch-corpus/named-datasets.ts'
import { formatBytes, Progress } from './fetch-corpus/progress.ts'

/** Downloads files of a dataset from the Hugging Face hub; docs/fetch-corpus.md says more. */

const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())

interface Flags {
  dataset: string
  out: string
  file: string[]
  revision: string
}

const command: CommandModule<object, Flags> = {
  command: '$0 <dataset>',
  describe: 'Download files of a dataset from the Hugging Face hub.',
  builder: (yargs) =>
    yargs
      .positional('dataset', {
        type: 'string',
        demandOption: true,
        describe: `${namesWithRepositories()}, or owner/name as on the hub`,
      })
      .option('out', { type: 'string', demandOption: true, describe: 'Folder to put the files in' })
      .option('file', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'Glob of files to download; may be given again',
      })
      .option('revision', { type: 'string', default: 'main', describe: 'Branch, tag or commit' }),
  handler: fetchCorpus,
}

try {
  await yargs(hideBin(process.argv))
    .scriptName('npm run fetch-corpus --')
    .command(command)
    .strict()
    .version(false)
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new UserError(`${message.replace(/[^.?!]$/, '$&.')} Add --help to see what there is.`)
    })
    .parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

function namesWithRepositories(): string {
  return Object.entries(namedDatasets)
    .map(([name, { repository }]) => `${name} (${repository})`)
    .join(', ')
}

async function fetchCorpus({ dataset, out, file, revision }: Flags): Promise<void> {
  const { repository, files } = findDataset(dataset)
  const hub = new HubDataset({ ...hubFromEnvironment(process.env), repository, revision }, stopped.signal)
  const commit = await hub.commit()
  const chosen = await chooseFiles(hub.files(), file.length > 0 ? file : files, repository)
  const wanted = chosen.map((file) => ({ file, path: pathIn(out, file.path) }))
  const bytes = chosen.reduce((sum, { bytes }) => sum + bytes, 0)
  process.stderr.write(
    `${repository} at ${commit.slice(0, 12)}: ${count(wanted.length)}, ${formatBytes(bytes)}\n`,
  )

  const progress = new Progress(bytes)
  const watch = {
    signal: stopped.signal,
    arrived: (bytes: number) => progress.arrived(bytes),
    found: (bytes: number) => progress.found(bytes),
    log: (sentence: string) => progress.log(sentence),
  }
  try {
    const missing: Wanted[] = []
    for (const each of wanted) {
      if (await isThere(each, watch)) watch.log(`${each.file.path}: there already, checksum right`)
      else missing.push(each)
    }
    await mkdir(out, { recursive: true })
    await checkRoom(out, missing)
    for (const each of missing) {
      await download(each, (from) => hub.read(each.file.path, from), watch)
      watch.log(`${each.file.path}: ${formatBytes(each.file.bytes)}, checksum right`)
    }
  } finally {
    progress.stop()
  }
  console.log(`${count(wanted.length)} of ${repository} in ${out}`)
}

function count(files: number): string {
  return files === 1 ? '1 file' : `${files} files`
}

/** @throws UserError where the path, which the dataset's author chose, leads out of the folder. */
function pathIn(folder: string, path: string): string {
  const root = resolve(folder)
  const found = resolve(root, path)
  if (found.startsWith(root + sep)) return found
  throw new UserError(
    `The dataset has a file called \`${path}\`, which would lie outside ${folder}: leave it out with --file.`,
  )
}

function report(error: unknown): number {
  if (stopped.signal.aborted) {
    process.stderr.write('Stopped. The same command goes on from here.\n')
    return 130
  }
  const sentence = error instanceof UserError ? error.message : diskTrouble(error as NodeJS.ErrnoException)
  process.stderr.write(
    `${sentence ?? `This is a fault of gradus, not of yours:\n${(error as Error).stack}`}\n`,
  )
  return 1
}

function diskTrouble({ code, syscall, path }: NodeJS.ErrnoException): string | undefined {
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return 'The disk is full: make room and run the same command again, which goes on from here.'
  }
  return (
    syscall &&
    `${path ?? 'The file'} cannot be written or read (${code}): check the path after --out and its permissions.`
  )
}

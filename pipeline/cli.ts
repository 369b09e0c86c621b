#!/usr/bin/env node
import yargs, { type CommandModule } from 'yargs'
import { hideBin } from 'yargs/helpers'
import { UserError } from '../schemas/user-error.ts'
import { commands } from './commands/index.ts'
import { explained } from './system-error.ts'

process.exitCode = await main()

async function main(): Promise<number> {
  const parser = yargs(hideBin(process.argv))
    .scriptName('npm run pipeline --')
    .usage(
      '$0 <command>\n\nScore a corpus once, order it into a curriculum, train a small language model on it.',
    )
    .command([...commands] as CommandModule[])
    .demandCommand(1, 'Name a command, such as `score` or `train`.')
    .recommendCommands()
    .strict()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new UserError(`${sentence(message)} Add --help to see what there is.`)
    })
  try {
    await parser.parseAsync()
    return Number(process.exitCode ?? 0)
  } catch (error) {
    return report(error)
  }
}

function report(cause: unknown): number {
  const error = explained(cause)
  if (error instanceof UserError) {
    process.stderr.write(`${error.message}\n`)
    return 1
  }
  if (error instanceof Error && error.name === 'AbortError') {
    process.stderr.write('Stopped.\n')
    return 130
  }
  process.stderr.write(
    `This is a fault of gradus, not of yours:\n${error instanceof Error ? error.stack : String(error)}\n`,
  )
  return 1
}

/** yargs' messages may have several lines and no full stop. */
function sentence(message: string): string {
  return message.replaceAll('\n', ': ').replace(/[^.?!]$/, '$&.')
}

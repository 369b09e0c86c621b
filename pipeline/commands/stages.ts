import colors from 'picocolors'
import type { CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { nearest } from '../diagnostic.ts'
import { registry } from '../registry.ts'
import { optionsOf, signatureOf } from '../stage-reference.ts'

export const stages: CommandModule<object, { name: string | undefined }> = {
  command: 'stages [name]',
  describe: 'List the stages, or show one with its options',
  builder: (yargs) => yargs.positional('name', { type: 'string', describe: 'Name of a stage' }),
  handler({ name }) {
    process.stdout.write(name === undefined ? listAll() : showOne(name))
  },
}

function listAll(): string {
  const all = [...registry.values()]
  const width = Math.max(...all.map(({ name }) => name.length))
  const signatureWidth = Math.max(...all.map((stage) => signatureOf(stage).length))
  return all
    .map(
      (stage) =>
        `${colors.bold(stage.name.padEnd(width))}  ${colors.dim(signatureOf(stage).padEnd(signatureWidth))}  ${stage.summary}\n`,
    )
    .join('')
}

function showOne(name: string): string {
  const stage = registry.get(name)
  if (!stage) {
    const near = nearest(name, registry.keys())
    throw new UserError(
      `There is no stage \`${name}\`. ${near ? `Did you mean \`${near}\`?` : '`stages` lists those there are.'}`,
    )
  }
  const options = optionsOf(stage).map(({ name, type, default: fallback, required, description }) => {
    const note = fallback !== undefined ? `default ${fallback}` : required ? 'required' : 'optional'
    return `  ${colors.bold(name)}  ${colors.dim(`${type}, ${note}`)}\n      ${description}\n`
  })
  return [
    `${colors.bold(stage.name)}  ${colors.dim(`${signatureOf(stage)}, version ${stage.version}`)}\n`,
    `${stage.summary}\n`,
    ...options,
  ].join('')
}

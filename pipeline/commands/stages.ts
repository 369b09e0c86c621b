import colors from 'picocolors'
import type { CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import type { Stage } from '../../stages/stage.ts'
import { nearest } from '../diagnostic.ts'
import { allStages } from '../registry.ts'
import { optionsOf, signatureOf } from '../stage-reference.ts'

export const stages: CommandModule<object, { name: string | undefined }> = {
  builder: (yargs) => yargs.positional('name', { type: 'string', describe: 'Name of a stage' }),
  async handler({ name }) {
    const all = await allStages()
    process.stdout.write(name === undefined ? listOf([...all.values()]) : showOne(all, name))
  },
}

function listOf(all: readonly Stage[]): string {
  const width = Math.max(...all.map(({ name }) => name.length))
  const signatureWidth = Math.max(...all.map((stage) => signatureOf(stage).length))
  return all
    .map(
      (stage) =>
        `${colors.bold(stage.name.padEnd(width))}  ${colors.dim(signatureOf(stage).padEnd(signatureWidth))}  ${stage.summary}\n`,
    )
    .join('')
}

function showOne(all: ReadonlyMap<string, Stage>, name: string): string {
  const stage = all.get(name)
  if (!stage) {
    const near = nearest(name, all.keys())
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

import colors from 'picocolors'
import type { CommandModule } from 'yargs'
import { openShards, type Shards } from '../../stages/shards/open-shards.ts'
import { type Extreme, inspectShards, type MetricInspection } from '../inspection.ts'
import { formatNumber } from '../progress.ts'

export const inspect: CommandModule<object, { shards: string }> = {
  command: 'inspect <shards>',
  describe: 'Show what scored shards hold: sizes, distributions, the easiest and the hardest documents',
  builder: (yargs) =>
    yargs.positional('shards', { type: 'string', demandOption: true, describe: 'Folder that `score` wrote' }),
  async handler({ shards: folder }) {
    const shards = await openShards(folder)
    const metrics = await inspectShards(shards)
    process.stdout.write([sizes(shards), ...metrics.map(show)].join('\n'))
  },
}

function sizes({ folder, rows, tokenCount, byteCount, heldOut, vocabulary, parts }: Shards): string {
  const count = (number: number) => number.toLocaleString('en')
  return [
    `${colors.bold(folder)}: ${count(rows)} documents in ${parts.length} ${parts.length === 1 ? 'part' : 'parts'}, of which about ${formatNumber(heldOut * 100)} % are held out`,
    `${count(byteCount)} bytes of text, ${count(tokenCount)} tokens of a vocabulary of ${count(vocabulary)} (${formatNumber(byteCount / tokenCount)} bytes a token)`,
    '',
  ].join('\n')
}

function show({
  name,
  hardEnd,
  mean,
  minimum,
  maximum,
  flagged,
  histogram,
  easiest,
  hardest,
}: MetricInspection): string {
  const { lowest, highest, counts } = histogram
  const bars = '▁▂▃▄▅▆▇█'
  const most = Math.max(...counts)
  const curve = counts
    .map((count) => (count === 0 ? ' ' : bars[Math.ceil((count / most) * bars.length) - 1]))
    .join('')
  return [
    `${colors.bold(name)}  mean ${formatNumber(mean)}, from ${formatNumber(minimum)} to ${formatNumber(maximum)}; ${hardEnd} is hard${flagged > 0 ? `; ${flagged.toLocaleString('en')} flagged` : ''}`,
    `  ${formatNumber(lowest)} ▕${curve}▏ ${formatNumber(highest)}`,
    ...list('easiest', easiest),
    ...list('hardest', hardest),
    '',
  ].join('\n')
}

function list(title: string, documents: readonly Extreme[]): string[] {
  return documents.map(
    ({ value, id, beginning }, i) =>
      `  ${(i === 0 ? title : '').padEnd(8)} ${formatNumber(value).padStart(7)}  ${beginning} ${colors.dim(id)}`,
  )
}

import { existsSync } from 'node:fs'
import colors from 'picocolors'
import { parse, YAMLParseError } from 'yaml'
import type { CommandModule } from 'yargs'
import { z } from 'zod'
import { UserError } from '../../schemas/user-error.ts'
import { replaceFile } from '../../stages/replace-file.ts'
import { nearest } from '../diagnostic.ts'
import { loadGraph } from '../graph/load.ts'
import { brailleOf } from '../plot/braille.ts'
import type { Plot } from '../plot/plot.ts'
import { svgOf } from '../plot/svg.ts'
import { catalogue } from '../schedules/catalogue.ts'
import { plotOf } from '../schedules/given.ts'
import { plotsOfGraph } from '../schedules/of-graph.ts'
import { predictFrom, type Prediction } from '../schedules/predict.ts'

interface Flags {
  name: string | undefined
  svg: string | undefined
  predict: string | undefined
}

interface Drawing {
  readonly title: string
  /** What stands under it. */
  readonly notes: readonly string[]
  readonly plot: Plot
}

export const schedules: CommandModule<object, Flags> = {
  builder: (yargs) =>
    yargs
      .positional('name', {
        type: 'string',
        describe:
          'A name such as wsd or order/tent, options such as "{keep: {piecewise: [[0, 1], [1, 0.5]]}}", or a graph',
      })
      .option('svg', { type: 'string', requiresArg: true, describe: 'Write the picture to this file' })
      .option('predict', {
        type: 'string',
        requiresArg: true,
        describe: 'Predict what the run in this folder would have come to under each learning rate',
      }),
  async handler({ name, svg, predict }) {
    if (predict !== undefined) {
      process.stdout.write(renderPrediction(await predictFrom(predict)))
      return
    }
    if (name === undefined) {
      process.stdout.write(listAll())
      return
    }
    const drawings = await drawingsOf(name)
    if (svg === undefined) {
      process.stdout.write(drawings.map(render).join('\n'))
      return
    }
    if (drawings.length > 1) {
      throw new UserError(
        `\`${name}\` is ${drawings.map(({ title }) => title).join(' and ')}: a file holds one picture, so name one of them.`,
      )
    }
    await replaceFile(svg, (file) => file.writeFile(svgOf(drawings[0].plot)))
  },
}

function listAll(): string {
  const all = catalogue()
  const width = Math.max(...all.map(({ kind, name }) => kind.length + name.length + 1))
  return all
    .map(({ kind, name, summary }) => `${colors.bold(`${kind}/${name}`.padEnd(width))}  ${summary}\n`)
    .join('')
}

async function drawingsOf(given: string): Promise<Drawing[]> {
  const all = catalogue()
  const named = all.filter(({ kind, name }) => name === given || `${kind}/${name}` === given)
  if (named.length > 0) {
    return named.map(({ kind, name, summary, formula, source, yaml, plot }) => {
      return { title: `${kind}/${name}`, notes: [summary, `${formula}  (${source})`, yaml], plot }
    })
  }
  if (existsSync(given)) {
    const plots = plotsOfGraph(await loadGraph(given))
    if (plots.size === 0)
      throw new UserError(`No stage of \`${given}\` follows a schedule: name a training graph.`)
    return [...plots].map(([title, plot]) => ({ title, notes: [], plot }))
  }
  const plot = plotOfOptions(given)
  if (plot) return [{ title: given, notes: [], plot }]
  const names = all.flatMap(({ kind, name }) => [name, `${kind}/${name}`])
  const near = nearest(given, names)
  throw new UserError(
    `There is no schedule \`${given}\`. ${near ? `Did you mean \`${near}\`?` : '`schedules` lists those there are.'}`,
  )
}

function plotOfOptions(given: string): Plot | undefined {
  try {
    const options: unknown = parse(given)
    const isMap = typeof options === 'object' && options !== null && !Array.isArray(options)
    return isMap ? plotOf(options as Record<string, unknown>) : undefined
  } catch (error) {
    if (error instanceof z.ZodError) {
      const [{ path, message }] = error.issues
      throw new UserError(
        `\`${given}\` is no schedule: ${[...path, message].join(': ')}. docs/schedules.md shows how they are written.`,
      )
    }
    if (error instanceof YAMLParseError) return undefined
    throw error
  }
}

function render({ title, notes, plot }: Drawing): string {
  return [colors.bold(title), ...notes, '', brailleOf(plot)].join('\n')
}

function renderPrediction({ law, measured, losses }: Prediction): string {
  const { L0, A, C, alpha } = law
  const lines = [...losses]
    .sort(([, a], [, b]) => a - b)
    .map(([name, loss]) => `  ${name.padEnd(16)}${loss.toFixed(3)}`)
  return [
    `L = ${L0.toFixed(3)} + ${A.toFixed(3)}·S1^−${alpha.toFixed(3)} − ${C.toPrecision(3)}·S2, fitted to the run's training loss (arXiv 2408.11029)`,
    `Nats a token over the run's last steps: ${measured.toFixed(3)}. At the end of as many steps it would be, under`,
    ...lines,
    '',
  ].join('\n')
}

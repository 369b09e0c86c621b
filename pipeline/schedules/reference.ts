import { svgOf } from '../plot/svg.ts'
import { catalogue } from './catalogue.ts'
import type { Schedule } from './schedule.ts'

const titles: Readonly<Record<Schedule['kind'], string>> = {
  order: 'Orders',
  pacing: 'Pacing',
  'sequence-length': 'Sequence length',
  mixture: 'Mixtures over sources',
  'learning-rate': 'Learning rates',
  average: 'Means of checkpoints',
  'keep-ratio': 'Keep ratios',
  's-loss': 'S-Loss',
}

const introductions: Readonly<Record<Schedule['kind'], string>> = {
  order:
    'Where an order puts 400 documents of equal length that it reads once: progress t from left to right, the document’s quantile of difficulty q from bottom to top. [curriculum.md](curriculum.md) says more of each.',
  pacing: 'Share of the corpus that is open at progress t.',
  'sequence-length':
    'How long sequences are at progress t. A batch keeps its number of tokens, and has more rows while they are short.',
  mixture:
    'Share of the tokens that each source has at progress t. [curriculum.md](curriculum.md#mixture-over-sources) says more of each.',
  'learning-rate':
    'Rate over peak, after a warm-up in a straight line. z is the progress in [0, 1] after the warm-up, f the final share of the peak (`final`). Drawn for 10,000 steps of 128 sequences of 4,096 tokens, 500 of them warm-up.',
  average:
    'What each of the newest n checkpoints weighs in the model that `checkpoint` writes at the end, j from 0 for the oldest one. Drawn for six.',
  'keep-ratio':
    'Share of a step’s sequences or tokens that `ohem`, and every stage that keeps a part, hands on to backward. A number in (0, 1] is a constant ratio, and `{piecewise: [[0, 1], [0.3, 0.5], [1, 0.5]]}` joins points of your own.',
  's-loss': 'What the loss of a sequence is multiplied by, of its hardness rank h and the progress s.',
}

/** The catalogue as Markdown, docs/schedules.md, and its pictures in docs/schedules/, by path. */
export function schedulesReference(): Map<string, string> {
  const all = catalogue()
  const kinds = [...new Set(all.map(({ kind }) => kind))]
  const sections = kinds.flatMap((kind) => [
    `## ${titles[kind]}`,
    introductions[kind],
    ...all.filter((schedule) => schedule.kind === kind).flatMap(sectionOf),
  ])
  const markdown = [
    '# Schedules',
    'Written by `npm run generate` from the code itself. `npm run pipeline -- schedules NAME` draws one in the terminal, and `--svg FILE` writes it; `schedules GRAPH.yaml` draws those of a graph.',
    ...sections,
    '',
  ].join('\n\n')
  return new Map([
    ['docs/schedules.md', markdown],
    ...all.map((schedule): [string, string] => [`docs/${picture(schedule)}`, svgOf(schedule.plot)]),
  ])
}

function sectionOf(schedule: Schedule): string[] {
  const { kind, name, summary, formula, source, yaml } = schedule
  return [
    `### ${kind}/${name}`,
    summary,
    `\`${formula}\` (${source})`,
    `![${kind} ${name}](${picture(schedule)})`,
    `\`\`\`yaml\n${yaml}\n\`\`\``,
  ]
}

function picture({ kind, name }: Schedule): string {
  return `schedules/${kind}-${name}.svg`
}

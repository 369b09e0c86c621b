import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Comparison } from '../../schemas/comparison.ts'
import type { Log } from '../../stages/stage.ts'
import { openTokenizer } from '../../stages/shards/tokenizer-file.ts'
import { Corpora, type Corpus } from './corpora.ts'
import type { Html } from './html.ts'
import { type Page, renderPage } from './page.ts'
import { readRunFolders } from './run-folder.ts'
import { samplesOf } from './samples.ts'
import { comparisonSection } from './sections/comparison.ts'
import { corpusSection } from './sections/corpus.ts'
import { learningSection } from './sections/learning.ts'
import { runsSection } from './sections/runs.ts'
import { samplesSection } from './sections/samples.ts'
import { selectionSection, type Tokens } from './sections/selection.ts'

export interface ReportOptions {
  /** Texts that each run's newest checkpoint writes. */
  readonly samples: number
  readonly log: Log
  /** Kept between pages of the same runs, so that their shards are looked at once. */
  readonly corpora?: Corpora
  readonly live?: Page['live']
}

/**
 * An HTML page about runs and comparisons, one or more.
 * @throws UserError where a folder holds neither.
 */
export async function report(folders: readonly string[], options: ReportOptions): Promise<string> {
  const { corpora = new Corpora(), samples, log, live } = options
  const compared = folders.filter((folder) => existsSync(join(folder, 'compare.json')))
  const comparisons = await Promise.all(compared.map(readComparison))
  const runs = await readRunFolders(folders.filter((folder) => !compared.includes(folder)))
  const found = await inTurn(runs, (run) => corpora.of(run))
  const fed = await inTurn(runs, (run) => corpora.fed(run))
  const texts = await inTurn(runs, ({ folder }) => samplesOf(folder, samples, log))
  const tokens: Tokens = {
    spell: (run, ids) => spellTokens(found[runs.indexOf(run)], ids),
    contexts: (run, kept) => corpora.contexts(run, kept, log),
  }
  const different = [...new Set(found.filter((corpus) => corpus !== undefined))]
  const sections: Html[] = [
    ...(await Promise.all(comparisons.map(comparisonSection))),
    ...(runs.length > 0 ? [runsSection(runs), await learningSection(runs, fed)] : []),
    await selectionSection(runs, tokens),
    ...(await inTurn(different, corpusSection)),
    samplesSection(runs, texts),
  ]
  const names = [...comparisons.map(({ experiment }) => experiment), ...runs.map(({ name }) => name)]
  const title = `gradus: ${names.join(', ')}`
  return renderPage({ title, sections, ...(live && { live }) })
}

async function readComparison(folder: string): Promise<Comparison> {
  return JSON.parse(await readFile(join(folder, 'compare.json'), 'utf8')) as Comparison
}

/** One after the other: each holds a corpus or a model in memory. */
async function inTurn<T, U>(items: readonly T[], take: (item: T, index: number) => Promise<U>): Promise<U[]> {
  const results: U[] = []
  for (const [index, item] of items.entries()) results.push(await take(item, index))
  return results
}

async function spellTokens(
  corpus: Corpus | undefined,
  ids: readonly number[],
): Promise<string[] | undefined> {
  if (!corpus?.shards) return undefined
  const { tokenizer } = await openTokenizer(corpus.shards.tokenizerPath)
  return Promise.all(ids.map((id) => tokenizer.decode([id], false)))
}

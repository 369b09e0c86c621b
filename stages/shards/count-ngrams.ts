import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { z } from 'zod'
import { tokenizerOf, tokenLists } from '../../schemas/tokenized.ts'
import { UserError } from '../../schemas/user-error.ts'
import { NgramCounts, type NgramOrder } from '../../scoring/ngram-counts.ts'
import { replaceFile } from '../replace-file.ts'
import { defineStage } from '../stage.ts'
import { addNgrams, readNgramFacts, writeNgrams } from './ngram-file.ts'
import { endOfText } from './tokenizer-json.ts'
import { openTokenizer } from './tokenizer-file.ts'

/** Most distinct n-grams of a length counted in a unit: 100 MB in all, in every worker. */
const mostOfUnit = 1 << 21
/**
 * N-grams that occur once are not kept: a document's perplexity is measured without its own, and what is left of such
 * an n-gram is nothing, whichever document it is in.
 */
const leastKept = 2

interface CountingPlan {
  readonly key: string
  /** Names of the units' files, in order. */
  readonly units: readonly string[]
}

export const countNgrams = defineStage({
  name: 'count-ngrams',
  summary:
    'Count the runs of one to three tokens in the corpus, for the metric `ngram-perplexity` of `score`.',
  version: 1,
  accepts: ['tokenized'],
  options: z.strictObject({
    to: z.string().describe('Path of the file of counts to write').meta({ cosmetic: true }),
    order: z.literal([1, 2, 3]).default(3).describe('Tokens of the longest n-grams'),
  }),
  async unfinished(planned, { options: { to, order } }) {
    const names = planned.map(({ unit, keys }) => unitName(unit.index, keys.all, order))
    const key = createHash('sha256')
      .update(JSON.stringify([order, names]))
      .digest('hex')
    const folder = unitsFolder(to)
    if ((await keyOf(to)) === key) {
      await rm(folder, { recursive: true, force: true })
      return []
    }
    await mkdir(folder, { recursive: true })
    const there = new Set(await readdir(folder))
    for (const name of there) if (!names.includes(name)) await rm(join(folder, name))
    const plan: CountingPlan = { key, units: names }
    await replaceFile(planPath(to), (file) => file.writeFile(JSON.stringify(plan)))
    return planned
      .filter((_, index) => !there.has(names[index]))
      .map((unit) => ({ ...unit, kept: { documents: false, columns: [] } }))
  },
  // eslint-disable-next-line require-yield -- a sink
  async *run(batches: AsyncIterable<RecordBatch>, { options: { to, order }, unit, keys, signal, stats }) {
    if (!unit || !keys) throw new Error('count-ngrams runs once a unit of a planned input.')
    let counts: NgramCounts | undefined
    let tokenizer = ''
    for await (const batch of batches) {
      signal.throwIfAborted()
      if (!counts) {
        const facts = tokenizerOf(batch.schema)
        tokenizer = facts.sha256
        counts = await noCounts(facts.path as string, order)
      }
      const { offsets, values } = tokenLists(batch)
      for (let row = 0; row < batch.numRows; row++) {
        counts.add(values.subarray(offsets[row], offsets[row + 1]))
      }
      stats.add('documents', batch.numRows)
    }
    const path = join(unitsFolder(to), unitName(unit.index, keys.all, order))
    if (counts) await writeNgrams(path, counts, { tokenizer, key: keys.all }, 1)
  },
  async finished({ options: { to }, signal, log }) {
    if (!existsSync(planPath(to))) return
    const { key, units } = JSON.parse(await readFile(planPath(to), 'utf8')) as CountingPlan
    // A unit without documents has no file.
    const paths = units.map((name) => join(unitsFolder(to), name)).filter((path) => existsSync(path))
    if (paths.length === 0) {
      throw new UserError(`The input has no documents to count for \`${to}\`: check the paths that are read.`)
    }
    const facts = await readNgramFacts(paths[0])
    const counts = new NgramCounts({
      order: facts.order,
      vocabulary: facts.vocabulary,
      endOfText: facts.endOfText,
    })
    for (const path of paths) {
      signal.throwIfAborted()
      await addNgrams(path, counts)
    }
    if (counts.full)
      log('The corpus has more distinct n-grams than are counted: those that come late are left out.')
    await writeNgrams(to, counts, { tokenizer: facts.tokenizer, key }, leastKept)
    await rm(unitsFolder(to), { recursive: true })
  },
})

/** Where each unit's counts wait for the others: any number of workers counts the same. */
function unitsFolder(to: string): string {
  return `${to}.units`
}

function planPath(to: string): string {
  return join(unitsFolder(to), 'plan.json')
}

function unitName(unit: number, key: string, order: number): string {
  return `${unit}-${key}-${order}.arrow`
}

/** What the counts of a file are of; undefined where there is none that can be used. */
async function keyOf(path: string): Promise<string | undefined> {
  try {
    return (await readNgramFacts(path)).key
  } catch {
    return undefined
  }
}

/** Counts of nothing yet. A tokenizer without an end of text is given an id for it that no text has. */
async function noCounts(tokenizerPath: string, order: NgramOrder): Promise<NgramCounts> {
  const file = await openTokenizer(tokenizerPath)
  const id = file.tokenizer.tokenToId(endOfText)
  const [vocabulary, separator] = id === null ? [file.vocabulary + 1, file.vocabulary] : [file.vocabulary, id]
  try {
    return new NgramCounts({ order, vocabulary, endOfText: separator, mostNgrams: mostOfUnit })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new UserError(
      `The vocabulary of \`${tokenizerPath}\`, ${vocabulary} tokens, is too large for n-grams of ${order} tokens: set option \`order\` of \`count-ngrams\` and of \`ngram-perplexity\` to ${order - 1}.`,
    )
  }
}

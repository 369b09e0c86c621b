import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { openShards } from '../../stages/shards/open-shards.ts'
import { execute } from '../execute.ts'
import { loadGraph } from '../graph/load.ts'
import { countingGraph, withCounts } from './ngram-counting.ts'
import { type ScoreFlags, scoreFlags, scoreGraph, tokenizerGraph, trainedTokenizer } from './score-flags.ts'

export const score: CommandModule<object, ScoreFlags & { workers: number }> = {
  command: 'score',
  describe: 'Score every document of a corpus once and keep tokens and scores in Arrow shards',
  builder: (yargs) =>
    scoreFlags(yargs).option('workers', {
      type: 'number',
      requiresArg: true,
      default: availableParallelism(),
      defaultDescription: 'one a core',
      describe: 'Threads among which units of 64 MiB of text are divided; the result is the same',
    }),
  async handler(flags) {
    if (!Number.isInteger(flags.workers) || flags.workers < 1) {
      throw new UserError(`--workers is ${flags.workers}, and it must be a whole number above 0.`)
    }
    const started = performance.now()
    const scoring = await withCounts(scoreGraph(flags), flags.out)
    const graph = await loadGraph(scoring.file, scoring.assignments)
    if (flags.tokenizer === undefined && !existsSync(trainedTokenizer(flags))) {
      const training = tokenizerGraph(flags)
      process.stderr.write(`Training a tokenizer of ${flags.vocabulary} tokens on the input.\n`)
      await execute(await loadGraph(training.file, training.assignments))
    }
    const counting = countingGraph(graph)
    if (counting) {
      process.stderr.write('Counting the n-grams of the input.\n')
      await execute(await loadGraph(counting.file, counting.assignments), flags.workers)
    }
    const { units, reused, progress } = await execute(graph, flags.workers)
    for (const { rows, reason } of progress.drops())
      process.stderr.write(`${rows} rows left out: ${reason}.\n`)
    const shards = await openShards(flags.out)
    const reuse =
      reused === 0
        ? ''
        : reused === units
          ? '; all of them were there and are reused'
          : `; ${reused} of ${units} units were there and are reused`
    process.stdout.write(
      `${shards.rows.toLocaleString('en')} documents, ${shards.tokenCount.toLocaleString('en')} tokens in ${flags.out}${reuse} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`,
    )
  },
}

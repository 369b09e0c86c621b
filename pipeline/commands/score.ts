import { existsSync } from 'node:fs'
import type { CommandModule } from 'yargs'
import { openShards } from '../../stages/shards/open-shards.ts'
import { execute } from '../execute.ts'
import { loadGraph } from '../graph/load.ts'
import { type ScoreFlags, scoreFlags, scoreGraph, tokenizerGraph, trainedTokenizer } from './score-flags.ts'

export const score: CommandModule<object, ScoreFlags> = {
  command: 'score',
  describe: 'Score every document of a corpus once and keep tokens and scores in Arrow shards',
  builder: scoreFlags,
  async handler(flags) {
    const started = performance.now()
    const scoring = scoreGraph(flags)
    const graph = await loadGraph(scoring.file, scoring.assignments)
    if (flags.tokenizer === undefined && !existsSync(trainedTokenizer(flags))) {
      const training = tokenizerGraph(flags)
      process.stderr.write(`Training a tokenizer of ${flags.vocabulary} tokens on the input.\n`)
      await execute(await loadGraph(training.file, training.assignments))
    }
    const { units, reused, progress } = await execute(graph)
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

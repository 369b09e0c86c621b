import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cost } from '../../schemas/comparison.ts'
import type { Evaluation, RunRecord, StepRecord } from '../../schemas/run-record.ts'
import { UserError } from '../../schemas/user-error.ts'
import { listCheckpoints } from '../../stages/training/checkpoint-folder.ts'
import { jsonLines } from '../../stages/training/json-lines.ts'
import { fromLlamaConfig } from '../../stages/training/model/llama-config.ts'
import type { Graph } from '../graph/graph.ts'
import type { CurvePoint } from './cost-to-target.ts'
import { type MatrixSizes, stepFlops, type StepWork } from './floating-point-operations.ts'

/** What a finished run came to. */
export interface Outcome {
  readonly total: Cost
  readonly curve: readonly CurvePoint[]
  /** The last measurement. */
  readonly bitsPerByte: number
  /** UTF-8 bytes that it was measured on. */
  readonly bytes: number
}

/**
 * Reads the records of a finished run.
 * @throws UserError where they are not whole.
 */
export async function readOutcome(folder: string, graph: Graph): Promise<Outcome> {
  const run = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as RunRecord
  const sizes = await matrixSizes(folder, run.parameters)
  const granularity = granularityOf(graph)
  const costs: Cost[] = [{ steps: 0, tokens: 0, flops: 0, seconds: 0 }]
  for await (const { record } of jsonLines<StepRecord>(join(folder, 'steps.jsonl'))) {
    const before = costs[costs.length - 1]
    costs.push({
      steps: before.steps + 1,
      tokens: before.tokens + record.tokens,
      flops: before.flops + stepFlops(sizes, { ...record, granularity }),
      seconds: before.seconds + record.stepMs / 1000,
    })
  }
  const curve: CurvePoint[] = []
  for await (const { record } of jsonLines<Evaluation>(join(folder, 'evaluations.jsonl'))) {
    if (record.step < costs.length) curve.push({ ...costs[record.step], bitsPerByte: record.bitsPerByte })
  }
  if (!run.after || costs.length !== run.steps + 1 || curve.at(-1)?.steps !== run.steps) {
    throw new UserError(
      `The records of the run in \`${folder}\` are not whole. Remove the folder, and the same command makes the run again.`,
    )
  }
  const { bitsPerByte, bytes } = run.after
  return { total: costs[run.steps], curve, bitsPerByte, bytes }
}

async function matrixSizes(folder: string, parameters: number): Promise<MatrixSizes> {
  const path = join((await listCheckpoints(folder)).at(-1) ?? folder, 'config.json')
  const { config } = fromLlamaConfig(await readFile(path, 'utf8'), path)
  const head = config.vocabulary * config.dim
  return { head, body: parameters - (config.tied ? head : 2 * head) }
}

/** Without a selection everything is kept, and either will do. */
function granularityOf({ nodes }: Graph): StepWork['granularity'] {
  const selection = nodes.find(({ options }) => options.granularity !== undefined)
  return (selection?.options.granularity as StepWork['granularity'] | undefined) ?? 'sequence'
}

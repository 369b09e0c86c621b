import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { UserError } from '../../schemas/user-error.ts'
import { type Diagnostic, formatDiagnostic, listOf, nearest } from '../diagnostic.ts'
import { type GraphSource, parseAssignment, parseGraph } from '../graph/parse.ts'
import { controlNames } from './control-names.ts'

const assignments = z
  .array(
    z.string().transform((text, context) => {
      try {
        return parseAssignment(text)
      } catch (error) {
        if (!(error instanceof UserError)) throw error
        context.addIssue({ code: 'custom', message: error.message.replace(/\.$/, '') })
        return z.NEVER
      }
    }),
  )
  .describe('assignments such as stages.ohem.with.keep=0.5, as --set has them')

const seed = z
  .int()
  .min(0)
  .lt(2 ** 32)

const seedCount = 'it must be a number of seeds from 2 to 20, or a list of as many different ones'
const distinct = (values: readonly number[]) => new Set(values).size === values.length

const schema = z
  .strictObject({
    shards: z.string().describe('the folder that `score` wrote'),
    graph: z.string().default('train').describe('`train`, the built-in one, or the path of a graph'),
    steps: z.int().min(2).describe('of the baseline; their tokens are the budget of every arm'),
    seeds: z
      .union(
        [
          z.int().min(2, { error: seedCount }).max(20, { error: seedCount }),
          z.array(seed).min(2, { error: seedCount }).max(20, { error: seedCount }).refine(distinct, {
            error: seedCount,
          }),
        ],
        { error: seedCount },
      )
      .transform((seeds) =>
        typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds,
      )
      .describe('how many, or a list'),
    'learning-rates': z
      .array(z.number().gt(0))
      .min(1)
      .refine(distinct, { error: 'each learning rate must be there once' })
      .describe('peaks that every arm is trained with, such as [0.001, 0.003]'),
    evaluations: z.int().min(1).default(10).describe('measurements a run, on held-out text'),
    controls: z
      .union([z.boolean(), z.array(z.enum(controlNames))], {
        error: `it must be true, false, or a list of ${controlNames.join(', ')}`,
      })
      .default(true)
      .transform((controls) =>
        typeof controls === 'boolean' ? (controls ? [...controlNames] : []) : controls,
      ),
    set: assignments.default([]),
    baseline: z.string().optional().describe('an arm [default: the first]'),
    arms: z
      .record(
        z.string().regex(/^[a-z0-9][a-z0-9-]*$/i, {
          error: 'the name of an arm, which names a folder, consists of letters, digits and hyphens',
        }),
        z.strictObject({ graph: z.string().optional(), set: assignments.default([]) }),
      )
      .refine((arms) => Object.keys(arms).length > 1, { error: 'there must be two arms or more' })
      .describe('a map such as { baseline: {}, ohem: { set: [stages.ohem.with.keep=0.5] } }'),
  })
  .superRefine(({ baseline, arms }, context) => {
    if (baseline === undefined || Object.hasOwn(arms, baseline)) return
    context.addIssue({
      code: 'custom',
      path: ['baseline'],
      message: `there is no arm \`${baseline}\`, but ${listOf(Object.keys(arms))}`,
    })
  })

export type Experiment = z.output<typeof schema>

/**
 * Reads an experiment's YAML.
 * @throws UserError that shows every problem with its place.
 */
export async function readExperiment(file: string): Promise<Experiment> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'there is no such file' : error.message
    throw new UserError(
      `Cannot read the experiment \`${file}\`: ${reason}. Give the path of a YAML file, such as pipeline/graphs/experiments/record.yaml.`,
    )
  })
  const source = parseGraph(text, file)
  const result = source.diagnostics.length === 0 ? schema.safeParse(source.value) : undefined
  if (result?.success) return result.data
  const diagnostics = result
    ? result.error.issues.flatMap((issue) => diagnose(issue, source))
    : source.diagnostics
  throw new UserError(diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, text)).join('\n'))
}

function diagnose(issue: z.core.$ZodIssue, source: GraphSource): Diagnostic[] {
  const path = issue.path as (string | number)[]
  const at = (message: string, place = path, part?: 'key'): Diagnostic => {
    const position = source.position(place, part) ?? source.position(path.slice(0, -1))
    return { severity: 'error', file: source.file, ...(position && { position }), message }
  }
  if (issue.code === 'unrecognized_keys') {
    const known = path.length === 0 ? Object.keys(schema.shape) : ['graph', 'set']
    return issue.keys.map((key) => {
      const near = nearest(key, known)
      const remedy = near ? `Did you mean \`${near}\`?` : `Known here: ${listOf(known)}.`
      return at(`Unknown key \`${key}\`. ${remedy}`, [...path, key], 'key')
    })
  }
  if (path.length === 0)
    return [at('An experiment is a map with the keys shards, steps, seeds, learning-rates and arms.')]
  const name = path.join('.')
  const described = schema.shape[path[0] as keyof typeof schema.shape]?.description
  const meaning = described && path.length === 1 ? ` (${described})` : ''
  const isMissing = path.length === 1 && !Object.hasOwn(source.value as object, path[0])
  if (isMissing) return [at(`The experiment needs \`${name}\`${meaning}.`)]
  const message = issue.code === 'invalid_key' ? issue.issues[0].message : issue.message
  return [
    at(`\`${name}\` is wrong: ${message}${meaning}.`, path, issue.code === 'invalid_key' ? 'key' : undefined),
  ]
}

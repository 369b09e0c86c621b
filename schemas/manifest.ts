import { z } from 'zod'
import { sketchSchema } from './sketch.ts'

/** Raised when shards are laid out in another way. */
export const shardsFormat = 1

/** `plan.json`: the units that the shards are made of, fixed before work starts. */
export const planSchema = z.object({
  format: z.literal(shardsFormat),
  units: z.array(z.object({ unit: z.int(), key: z.string(), bytes: z.number() })),
})

/** First line of `manifest.jsonl`. */
export const manifestHeaderSchema = z.object({
  format: z.literal(shardsFormat),
  /** Share of documents, in [0, 1], that is kept for evaluation. */
  heldOut: z.number().min(0).max(1),
})

const fileSchema = z.object({ bytes: z.int(), sha256: z.string() })

/** A line of `manifest.jsonl` after the first: a unit whose part is complete and on disk. */
export const manifestLineSchema = z.object({
  unit: z.int(),
  /** What the unit's stages and options amounted to. */
  key: z.string(),
  rows: z.int(),
  /** UTF-8 bytes of the documents' texts. */
  textBytes: z.int(),
  tokens: z.int(),
  /** What only a unit with rows has: one without has no files. */
  part: z
    .object({
      tokensFile: fileSchema,
      scoresFile: fileSchema,
      /** SHA-256 over the names and types of both files' columns. */
      schema: z.string(),
      tokenizer: z.object({ sha256: z.string(), vocabulary: z.int() }),
      metrics: z.array(
        z.object({
          name: z.string(),
          version: z.int(),
          hardEnd: z.enum(['high', 'low']),
          sketch: sketchSchema,
        }),
      ),
    })
    .nullable(),
})

export type Plan = Readonly<z.output<typeof planSchema>>
export type ManifestHeader = Readonly<z.output<typeof manifestHeaderSchema>>
export type ManifestLine = Readonly<z.output<typeof manifestLineSchema>>
export type PartFacts = NonNullable<ManifestLine['part']>

/** File names of a unit's part. */
export function partFiles(unit: number): { readonly tokens: string; readonly scores: string } {
  const stem = `part-${String(unit).padStart(5, '0')}`
  return { tokens: `${stem}.tokens.arrow`, scores: `${stem}.scores.arrow` }
}

/** The unit whose part a file belongs to, finished or temporary; undefined for any other file. */
export function unitOfFile(name: string): number | undefined {
  const match = /^part-(\d{5,})\.(tokens|scores)\.arrow(\.partial)?$/.exec(name)
  return match ? Number(match[1]) : undefined
}

import { z } from 'zod'
import { sketchSchema } from './sketch.ts'

/** Raised when shards are laid out in another way. */
export const shardsFormat = 2

const index = z.int().nonnegative()

/** `plan.json`: the units that the shards are made of, fixed before work starts. */
export const planSchema = z.object({
  format: z.literal(shardsFormat),
  /** As in the manifest, which may lose it. */
  heldOut: z.number().min(0).lt(1),
  units: z.array(z.object({ unit: index, key: z.string(), bytes: z.number() })),
})

/** First line of a manifest. */
export const manifestHeaderSchema = z.object({
  format: z.literal(shardsFormat),
  /** Share of documents, in [0, 1], that is kept for evaluation. */
  heldOut: z.number().min(0).lt(1),
})

const fileSchema = z.object({ bytes: index, sha256: z.string() })

/** A line of a manifest after the first: a unit whose part is complete and on disk. */
export const manifestLineSchema = z.object({
  unit: index,
  /** What the unit's stages and options amounted to. */
  key: z.string(),
  /** What its documents were made from: text, and the stages that decide what a document is. */
  documentsKey: z.string(),
  rows: index,
  /** UTF-8 bytes of the documents' texts. */
  textBytes: index,
  tokens: index,
  /** What only a unit with rows has: one without has no files. */
  part: z
    .object({
      tokensFile: fileSchema,
      scoresFile: fileSchema,
      /** SHA-256 over the names and types of both files' columns. */
      schema: z.string(),
      tokenizer: z.object({ sha256: z.string(), vocabulary: index }),
      /** What the tokens file was made from. */
      tokensKey: z.string(),
      metrics: z.array(
        z.object({
          name: z.string(),
          version: z.int(),
          hardEnd: z.enum(['high', 'low']),
          /** What the column was made from. */
          key: z.string(),
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

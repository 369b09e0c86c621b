import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { allStages } from '../pipeline/registry.ts'
import { schedulesReference } from '../pipeline/schedules/reference.ts'
import { graphSchema, stagesMarkdown } from '../pipeline/stage-reference.ts'

/** Files that are written from the declarations of stages and schedules; a test holds them against this. */
export async function generatedFiles(): Promise<Map<string, string>> {
  const stages = [...(await allStages()).values()]
  const style = await resolveConfig('package.json')
  const schedules = schedulesReference()
  return new Map([
    ...schedules,
    [
      'docs/schedules.md',
      await format(schedules.get('docs/schedules.md') as string, { ...style, parser: 'markdown' }),
    ],
    [
      'schemas/graph.schema.json',
      await format(JSON.stringify(graphSchema(stages)), { ...style, parser: 'json' }),
    ],
    ['docs/stages.md', await format(stagesMarkdown(stages), { ...style, parser: 'markdown' })],
  ])
}

if (process.argv[1]?.endsWith('scripts/generate.js')) {
  for (const [path, text] of await generatedFiles()) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
}

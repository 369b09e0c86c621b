import { writeFile } from 'node:fs/promises'
import { format, resolveConfig } from 'prettier'
import { registry } from '../pipeline/registry.ts'
import { graphSchema, stagesMarkdown } from '../pipeline/stage-reference.ts'

/** Files that are written from the stages' declarations; a test holds them against this. */
export async function generatedFiles(): Promise<Map<string, string>> {
  const stages = [...registry.values()]
  const style = await resolveConfig('package.json')
  return new Map([
    [
      'schemas/graph.schema.json',
      await format(JSON.stringify(graphSchema(stages)), { ...style, parser: 'json' }),
    ],
    ['docs/stages.md', await format(stagesMarkdown(stages), { ...style, parser: 'markdown' })],
  ])
}

if (process.argv[1]?.endsWith('scripts/generate.js')) {
  for (const [path, text] of await generatedFiles()) await writeFile(path, text)
}

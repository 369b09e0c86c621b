import { readFile } from 'node:fs/promises'
import { generatedFiles } from '../../scripts/generate.ts'

test('the files written from the stages are current; `npm run generate` writes them anew', async () => {
  for (const [path, text] of await generatedFiles())
    expect({ path, text: await readFile(path, 'utf8') }).toEqual({ path, text })
})

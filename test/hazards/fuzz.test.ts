import { fuzz } from '../../scripts/bench/fuzz.ts'

/** A short run of `npm run bench -- fuzz --json`, always with the same inputs. */

test('spoilt graphs, JSON lines, tokenizers, manifests and safetensors are refused in a sentence or read', async () => {
  const results = await fuzz({ seed: 1, runs: 200 })
  expect(Object.keys(results)).toEqual(['graph', 'json-lines', 'tokenizer', 'manifest', 'safetensors'])
  for (const { failure } of Object.values(results)) expect(failure).toBeUndefined()
})

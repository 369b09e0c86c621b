import { checkGraph } from '../../pipeline/graph/check.ts'
import { parseAssignment, parseGraph } from '../../pipeline/graph/parse.ts'
import { stagesOf } from '../../pipeline/registry.ts'
import { fuzz } from '../../scripts/bench/fuzz.ts'

/** A short run of `npm run bench -- fuzz --json`, always with the same inputs. */

test('spoilt graphs, JSON lines, tokenizers, manifests and safetensors are refused in a sentence or read', async () => {
  const results = await fuzz({ seed: 1, runs: 200 })
  expect(Object.keys(results)).toEqual(['graph', 'json-lines', 'tokenizer', 'manifest', 'safetensors'])
  for (const { failure } of Object.values(results)) expect(failure).toBeUndefined()
})

test.each([
  ['an alias without an anchor', 'stages: *nowhere', /Unresolved alias/],
  [
    'aliases that would fill the memory',
    ['a: &a [x, x, x, x, x, x, x, x, x, x]']
      .concat(
        ['b', 'c', 'd', 'e', 'f', 'g'].map(
          (name, at) => `${name}: &${name} [${`*${'abcdef'[at]}, `.repeat(10)}]`,
        ),
      )
      .join('\n'),
    /Excessive alias count/,
  ],
])('%s is a problem of the graph like any other', async (_, text, message) => {
  const source = parseGraph(text, 'a.yaml')
  const { diagnostics } = checkGraph(source, await stagesOf(source))
  expect(diagnostics).toMatchObject([
    { severity: 'error', message: expect.stringMatching(message) as string },
  ])
})

test('`--set` with an alias that leads nowhere is refused in a sentence', () => {
  expect(() => parseAssignment('stages.a=*b')).toThrow(/`--set stages\.a=\*b` is not YAML: Unresolved alias/)
})

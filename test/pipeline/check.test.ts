import { stripVTControlCharacters } from 'node:util'
import { formatDiagnostic } from '../../pipeline/diagnostic.ts'
import { checkGraph } from '../../pipeline/graph/check.ts'
import { parseAssignment, parseGraph } from '../../pipeline/graph/parse.ts'
import { renderDot, renderMermaid, renderYaml } from '../../pipeline/graph/render.ts'
import { exampleRegistry } from './example-stages.ts'

const check = (text: string, ...sets: string[]) =>
  checkGraph(parseGraph(text, 'my.yaml', sets.map(parseAssignment)), exampleRegistry)
const problems = (text: string, ...sets: string[]) =>
  check(text, ...sets).diagnostics.map(
    ({ position, message }) => `${position ? `${position.line}:${position.column}` : '-'} ${message}`,
  )

const chain = 'stages:\n  a: { use: count, with: { to: 3 } }\n  b: { use: triple }\n  c: { use: collect }\n'

test('a graph whose stages follow one another needs no from:', () => {
  const { graph, diagnostics } = check(chain)
  expect(diagnostics).toEqual([])
  expect(graph?.nodes.map(({ id, from, options }) => ({ id, from, options }))).toEqual([
    { id: 'a', from: [], options: { to: 3, from: 0 } },
    { id: 'b', from: ['a'], options: {} },
    { id: 'c', from: ['b'], options: { as: 'all' } },
  ])
})

test('every problem is found in one pass, each at its own line and column', () => {
  const text = [
    'stages:',
    '  a: { use: cuont, with: { to: 3 } }',
    '  b: { use: triple, from: aa, whith: {} }',
    '  c: { use: collect, with: { az: x } }',
    '  d: { use: count, with: { to: many } }',
    '  e: { use: count }',
  ].join('\n')
  expect(problems(text)).toEqual([
    '2:13 There is no stage `cuont`. Did you mean `count`?',
    '3:31 Unknown key `whith`. Did you mean `with`?',
    '3:27 No stage of this graph has the id `aa`. Did you mean `a`?',
    '4:30 `collect` has no option `az`. Did you mean `as`?',
    expect.stringMatching(/^5:32 Option `to` of `count` is wrong: .*number.*\(Last number\)\.$/),
    '6:3 `count` needs the option `to` (Last number).',
  ])
})

test('broken YAML is named with its place and nothing else is looked at', () => {
  const found = problems('stages:\n  a: { use: count\n  b: [')
  expect(found.length).toBeGreaterThan(0)
  expect(found[0]).toMatch(/^3:\d+ /)
})

test('a circle is shown with its chain', () => {
  const text =
    'stages:\n  a: { use: triple, from: c }\n  b: { use: triple, from: a }\n  c: { use: triple, from: b }\n'
  expect(problems(text)).toEqual([
    '2:27 The graph runs in a circle: a -> b -> c -> a. Break it at one from:.',
  ])
})

test('an edge between kinds that do not fit is an error that names both', () => {
  expect(problems('stages:\n  a: { use: read-batches }\n  b: { use: triple }\n')).toEqual([
    '3:3 `b` takes steps, but `a` emits batches. Put a stage between them, or name another one in from:.',
  ])
})

test('what owns tensors goes to exactly one stage', () => {
  const text =
    'stages:\n  a: { use: read-batches }\n  b: { use: look }\n  c: { use: take, from: b }\n  d: { use: take, from: b }\n'
  expect(problems(text)).toEqual([
    '5:3 `b` emits forwarded, which own tensors and go to one stage only, but `c` or `d` take them.',
  ])
  expect(problems('stages:\n  a: { use: read-batches }\n  b: { use: look }\n')).toEqual([
    '3:3 Nothing takes the forwarded of `b`. Add the stage that uses them.',
  ])
})

test('output that nothing takes is a warning and the graph still runs', () => {
  const { diagnostics, graph } = check('stages:\n  a: { use: read-batches }\n')
  expect(diagnostics.map(({ severity }) => severity)).toEqual(['warning'])
  expect(graph).toBeDefined()
})

test('stages that would wait for each other for ever are refused', () => {
  const text =
    'stages:\n  a: { use: count, with: { to: 9 } }\n  b: { use: triple, from: a }\n  c: { use: triple, from: a }\n  d: { use: collect, from: [b, c] }\n'
  expect(problems(text)).toEqual([
    '5:28 `b` or `c` are read one after the other but both come from `a`, so the run would stand still. Read `a` twice, under two ids.',
  ])
})

test('a source with from:, a sink with a follower and a first stage without a source are errors', () => {
  expect(problems('stages:\n  b: { use: triple }\n')).toEqual([
    '2:3 Stage `b` comes first but takes items. Put a source, such as `read-jsonl`, before it.',
  ])
  expect(problems('stages:\n  a: { use: count, from: a, with: { to: 1 } }\n')).toEqual([
    '2:26 `count` is a source and takes no items. Remove from:.',
  ])
  expect(
    problems('stages:\n  a: { use: count, with: { to: 1 } }\n  b: { use: collect }\n  c: { use: triple }\n'),
  ).toEqual([
    '4:3 `b` is a sink and emits nothing, so `c` cannot stand behind it. Name another stage in from:.',
  ])
})

test('text that is no graph says what a graph is', () => {
  for (const text of ['', '[]', 'stages: 3', 'stages: {}', 'hello']) {
    expect(problems(text).join()).toMatch(/A graph is a map with the key `stages`/)
  }
})

test('--set changes an option, adds one, and its mistakes have no line to point at', () => {
  expect(
    check(chain, 'stages.a.with.to=7', 'stages.c.with.as=tail').graph?.nodes.map(({ options }) => options),
  ).toEqual([{ to: 7, from: 0 }, {}, { as: 'tail' }])
  expect(problems(chain, 'stages.a.with.too=7')).toEqual([
    '- `count` has no option `too`. Did you mean `to`?',
  ])
  expect(() => parseAssignment('stages.a')).toThrow('is not an assignment')
})

test('a diagnostic is printed with its line and a mark under the column', () => {
  const text = 'stages:\n  a: { use: cuont }\n'
  const [diagnostic] = check(text).diagnostics
  expect(stripVTControlCharacters(formatDiagnostic(diagnostic, text))).toBe(
    'my.yaml:2:13 error There is no stage `cuont`. Did you mean `count`?\n  2 |   a: { use: cuont }\n                  ^',
  )
})

test('the YAML that plan prints reads back as the same graph', () => {
  const text =
    'stages:\n  a: { use: count, with: { to: 3 } }\n  b: { use: count, with: { to: 4 } }\n  c: { use: collect, from: [a, b] }\n'
  const { graph } = check(text)
  const yaml = renderYaml(graph!)
  const again = checkGraph(parseGraph(yaml, 'my.yaml'), exampleRegistry)
  expect(again.graph).toEqual(graph)
})

test('drawings name each stage and the kind of item on each arrow', () => {
  const { graph } = check(chain)
  expect(renderMermaid(graph!)).toBe(
    'flowchart LR\n  s0["a<br/>(count)"]\n  s1["b<br/>(triple)"]\n  s2["c<br/>(collect)"]\n  s0 -->|steps| s1\n  s1 -->|steps| s2\n',
  )
  expect(renderDot(graph!)).toContain('"a" -> "b" [label="steps"]')
})

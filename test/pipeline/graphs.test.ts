import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { checkGraph } from '../../pipeline/graph/check.ts'
import { parseGraph, readGraph } from '../../pipeline/graph/parse.ts'
import { allStages, stagesOf } from '../../pipeline/registry.ts'

const folder = 'pipeline/graphs'
const files = (await readdir(folder))
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => join(folder, name))
const schema = JSON.parse(await readFile('schemas/graph.schema.json', 'utf8')) as object
const isGraph = new Ajv2020({ strict: false }).compile(schema)

test.each(files)('%s has no problem, for lint and for the JSON Schema that editors read', async (file) => {
  expect(checkGraph(await readGraph(file), await allStages()).diagnostics).toEqual([])
  isGraph(parse(await readFile(file, 'utf8')))
  expect(isGraph.errors).toBeNull()
})

test('a graph has the stages that it names, each by its own name, and all others beside a name that no stage has', async () => {
  const all = await allStages()
  const uses = (...names: string[]) =>
    parseGraph(`stages: {${names.map((name, at) => `s${at}: {use: ${name}}`).join(', ')}}`, 'a.yaml')
  for (const [name, stage] of all) {
    expect(stage.name).toBe(name)
    expect([...(await stagesOf(uses(name, name)))]).toEqual([[name, stage]])
  }
  expect(await stagesOf(uses('pack', 'packs'))).toEqual(all)
  expect(await stagesOf(parseGraph('stages: 7', 'a.yaml'))).toEqual(new Map())
})

test.each([
  ['an unknown stage', { stages: { a: { use: 'scroe' } } }],
  ['an unknown option', { stages: { a: { use: 'pack', with: { row: 3 } } } }],
  ['an option of another type', { stages: { a: { use: 'pack', with: { rows: 'many' } } } }],
  ['a stage without its options', { stages: { a: { use: 'checkpoint' } } }],
])('the JSON Schema refuses %s', (_, graph) => {
  expect(isGraph(graph)).toBe(false)
})

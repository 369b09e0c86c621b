import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { checkGraph } from '../../pipeline/graph/check.ts'
import { readGraph } from '../../pipeline/graph/parse.ts'
import { registry } from '../../pipeline/registry.ts'

const folder = 'pipeline/graphs'
const files = (await readdir(folder))
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => join(folder, name))
const schema = JSON.parse(await readFile('schemas/graph.schema.json', 'utf8')) as object
const isGraph = new Ajv2020({ strict: false }).compile(schema)

test.each(files)('%s has no problem, for lint and for the JSON Schema that editors read', async (file) => {
  expect(checkGraph(await readGraph(file), registry).diagnostics).toEqual([])
  isGraph(parse(await readFile(file, 'utf8')))
  expect(isGraph.errors).toBeNull()
})

test.each([
  ['an unknown stage', { stages: { a: { use: 'scroe' } } }],
  ['an unknown option', { stages: { a: { use: 'pack', with: { row: 3 } } } }],
  ['an option of another type', { stages: { a: { use: 'pack', with: { rows: 'many' } } } }],
  ['a stage without its options', { stages: { a: { use: 'checkpoint' } } }],
])('the JSON Schema refuses %s', (_, graph) => {
  expect(isGraph(graph)).toBe(false)
})

import { z } from 'zod'
import type { Stage } from '../stages/stage.ts'

interface OptionReference {
  readonly name: string
  readonly description: string
  readonly type: string
  /** As YAML; undefined where the option has none. */
  readonly default: string | undefined
  readonly required: boolean
}

/** A stage's options as its declaration describes them. */
export function optionsOf(stage: Stage): OptionReference[] {
  const schema = jsonSchema(stage)
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    description: property.description ?? '',
    type: typeOf(property),
    default: property.default === undefined ? undefined : JSON.stringify(property.default),
    required: required.has(name),
  }))
}

/** `documents -> tokenized`; a source has nothing before its arrow, a sink nothing behind it. */
export function signatureOf({ accepts, emits }: Stage): string {
  return [accepts.join(' | '), '->', emits ?? ''].join(' ').trim()
}

/** The reference of all stages as Markdown: docs/stages.md. */
export function stagesMarkdown(stages: Iterable<Stage>): string {
  const sections = [...stages].map((stage) => {
    const options = optionsOf(stage)
    const cell = (text: string) => text.replaceAll('|', '\\|')
    const rows = options.map(
      (option) =>
        `| \`${option.name}\` | ${cell(option.type)} | ${option.default === undefined ? (option.required ? 'required' : '') : `\`${cell(option.default)}\``} | ${cell(option.description)} |`,
    )
    const table = ['| option | type | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
    return [
      `## ${stage.name}`,
      stage.summary,
      `\`${signatureOf(stage)}\`, version ${stage.version}`,
      ...(rows.length > 0 ? [table] : []),
    ].join('\n\n')
  })
  return [
    '# Stages',
    'Written by `npm run generate` from the stages themselves. `npm run pipeline -- stages NAME` shows one in the terminal.',
    ...sections,
    '',
  ].join('\n\n')
}

/** The JSON Schema of a graph, for editors: schemas/graph.schema.json. */
export function graphSchema(stages: Iterable<Stage>): object {
  const common = {
    from: {
      description: 'Id of the stage, or ids of the stages, whose items it takes; left out: the one before.',
      anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, minItems: 1 }],
    },
  }
  const alternatives = [...stages].map((stage) => {
    const { $schema: _, ...options } = jsonSchema(stage)
    return {
      type: 'object',
      description: stage.summary,
      properties: { use: { const: stage.name, description: stage.summary }, ...common, with: options },
      required: ['use', ...((options.required ?? []).length > 0 ? ['with'] : [])],
      additionalProperties: false,
    }
  })
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'gradus graph',
    type: 'object',
    properties: {
      stages: { type: 'object', minProperties: 1, additionalProperties: { oneOf: alternatives } },
    },
    required: ['stages'],
    additionalProperties: false,
  }
}

interface JsonSchema {
  $schema?: string
  type?: string
  description?: string
  default?: unknown
  const?: unknown
  enum?: unknown[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  required?: string[]
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
}

function jsonSchema(stage: Stage): JsonSchema {
  return z.toJSONSchema(stage.options, { io: 'input', unrepresentable: 'any' }) as JsonSchema
}

function typeOf(schema: JsonSchema): string {
  const alternatives = schema.anyOf ?? schema.oneOf
  if (alternatives) return alternatives.map(typeOf).join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map(String).join(' | ')
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'values'}`
  if (schema.type === 'object' && schema.properties) {
    const entries = Object.entries(schema.properties).map(
      ([name, property]) => `${name}: ${typeOf(property)}`,
    )
    return `{${entries.join(', ')}}`
  }
  if (schema.type === 'object') return 'map'
  return schema.type ?? 'value'
}

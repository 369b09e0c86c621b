import { readFile } from 'node:fs/promises'
import { type Document, isMap, isNode, isPair, LineCounter, parseDocument } from 'yaml'
import { UserError } from '../../schemas/user-error.ts'
import type { Diagnostic, Position } from '../diagnostic.ts'

/** A YAML text as plain values that remember their places. Nothing in it has been checked against the registry. */
export interface GraphSource {
  readonly file: string
  readonly assignments: readonly Assignment[]
  readonly text: string
  /** The text's value: whatever the user wrote. */
  readonly value: unknown
  /** Problems of the YAML itself. */
  readonly diagnostics: readonly Diagnostic[]
  /** Where the value at a path stands, or its key; undefined for what `--set` added. */
  position(path: readonly (string | number)[], part?: 'key' | 'value'): Position | undefined
}

/** One assignment of `--set stages.ohem.with.keep=0.5`; its value is YAML. */
export interface Assignment {
  readonly path: readonly string[]
  readonly value: unknown
}

/** Reads a graph file. @throws UserError when there is none at that path. */
export async function readGraph(file: string, assignments: readonly Assignment[] = []): Promise<GraphSource> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message
    throw new UserError(
      `Cannot read the graph \`${file}\`: ${reason}. Give the path of a YAML graph, such as pipeline/graphs/train.yaml.`,
    )
  }
  return parseGraph(text, file, assignments)
}

export function parseGraph(text: string, file: string, assignments: readonly Assignment[] = []): GraphSource {
  const lines = new LineCounter()
  // What is wrong is said in the diagnostics, not by the library on the terminal.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' })
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const diagnostics = [...document.errors, ...document.warnings].map((problem): Diagnostic => ({
    severity: problem.name === 'YAMLParseError' ? 'error' : 'warning',
    file,
    position: at(problem.pos[0]),
    message: `${problem.message.replace(/\.$/, '')}.`,
  }))
  if (document.errors.length === 0) for (const { path, value } of assignments) assign(document, path, value)
  let value: unknown
  try {
    if (document.errors.length === 0) value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    // An alias without an anchor, or so many of them that the value would fill the memory.
    diagnostics.push({ severity: 'error', file, message: `${(error as Error).message.replace(/\.$/, '')}.` })
  }
  return {
    file,
    assignments,
    text,
    value,
    diagnostics,
    position(path, part = 'value') {
      const offset = offsetOf(document, path, part)
      return offset === undefined ? undefined : at(offset)
    },
  }
}

/** Reads `stages.ohem.with.keep=0.5`. @throws UserError when it has no path or no `=`. */
export function parseAssignment(text: string): Assignment {
  const equals = text.indexOf('=')
  const path = text.slice(0, equals).split('.')
  if (equals < 1 || path.some((key) => key === '')) {
    throw new UserError(
      `\`--set ${text}\` is not an assignment. Write it as --set stages.ohem.with.keep=0.5.`,
    )
  }
  const value = parseDocument(text.slice(equals + 1))
  if (value.errors.length > 0)
    throw new UserError(`The value in \`--set ${text}\` is not YAML: ${value.errors[0].message}`)
  try {
    return { path, value: value.toJS({ maxAliasCount: 100 }) as unknown }
  } catch (error) {
    throw new UserError(`The value in \`--set ${text}\` is not YAML: ${(error as Error).message}`)
  }
}

/** Sets a value, or takes it away where the value is undefined; makes the maps on the way. */
function assign(document: Document, path: readonly string[], value: unknown) {
  if (value === undefined) {
    document.deleteIn(path)
    return
  }
  for (let depth = 1; depth < path.length; depth++) {
    const parent = path.slice(0, depth)
    if (!isMap(document.getIn(parent, true))) document.setIn(parent, document.createNode({}))
  }
  document.setIn(path, document.createNode(value))
}

function offsetOf(
  document: Document,
  path: readonly (string | number)[],
  part: 'key' | 'value',
): number | undefined {
  if (part === 'key' && path.length > 0) {
    const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
    if (!isMap(parent)) return undefined
    const pair = parent.items.find((item) => isPair(item) && String(item.key) === String(path.at(-1)))
    return isNode(pair?.key) ? pair.key.range?.[0] : undefined
  }
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true)
  return isNode(node) ? node.range?.[0] : undefined
}

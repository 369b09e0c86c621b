import { stringify } from 'yaml'
import { type Graph, type GraphNode } from './graph.ts'

/** The graph as YAML with every option filled in; reading it back gives the same graph. */
export function renderYaml(graph: Graph): string {
  const stages = Object.fromEntries(
    graph.nodes.map((node, index) => {
      const isDefault =
        node.from.length === 0 || (node.from.length === 1 && node.from[0] === graph.nodes[index - 1]?.id)
      const from = node.from.length === 1 ? node.from[0] : node.from
      return [node.id, { use: node.stage.name, ...(!isDefault && { from }), with: node.options }]
    }),
  )
  return stringify({ stages }, { lineWidth: 110 })
}

/** The graph as a Mermaid flow chart: a box a stage, the kind of item on each arrow. */
export function renderMermaid(graph: Graph): string {
  const names = shortNames(graph)
  const boxes = graph.nodes.map(
    (node) => `  ${names.get(node.id)}["${label(node, '<br/>').replaceAll('"', '&quot;')}"]`,
  )
  const arrows = edgesOf(graph).map(
    ({ from, to, kind }) => `  ${names.get(from)} -->|${kind}| ${names.get(to)}`,
  )
  return ['flowchart LR', ...boxes, ...arrows, ''].join('\n')
}

/** The graph in Graphviz's language. */
export function renderDot(graph: Graph): string {
  const quote = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  const boxes = graph.nodes.map(
    (node) => `  ${quote(node.id)} [label="${label(node, '\\n').replaceAll('"', '\\"')}"]`,
  )
  const arrows = edgesOf(graph).map(
    ({ from, to, kind }) => `  ${quote(from)} -> ${quote(to)} [label=${quote(kind)}]`,
  )
  return ['digraph gradus {', '  rankdir=LR', '  node [shape=box]', ...boxes, ...arrows, '}', ''].join('\n')
}

function label({ id, stage }: GraphNode, lineBreak: string): string {
  return id === stage.name ? id : `${id}${lineBreak}(${stage.name})`
}

function edgesOf(graph: Graph): { from: string; to: string; kind: string }[] {
  const emits = new Map(graph.nodes.map(({ id, stage }) => [id, String(stage.emits)]))
  return graph.nodes.flatMap((node) =>
    node.from.map((from) => ({ from, to: node.id, kind: emits.get(from) ?? '' })),
  )
}

/** Mermaid reads some words, such as `end`, as its own; numbered names are safe. */
function shortNames(graph: Graph): Map<string, string> {
  return new Map(graph.nodes.map(({ id }, index) => [id, `s${index}`]))
}

import { Readable } from 'node:stream'
import highland from 'highland'
import { type EdgeItems, type EdgeKind, edgeKinds } from '../stages/edges.ts'
import type { StageContext } from '../stages/stage.ts'
import { consumers, type Graph, type GraphNode } from './graph/graph.ts'

type Item = EdgeItems[EdgeKind]
type Context = StageContext<Record<string, unknown>>

/** Gives the context in which a node's stage runs. */
export type ContextOf = (node: GraphNode, signal: AbortSignal) => Context

/**
 * Runs every stage of a graph once, from its sources to its ends.
 *
 * Each stage's output is a Readable, which owns its lifetime, back-pressure and abort; highland composes them
 * (through, fork, sequence). Highland does not clean up behind itself, so every Readable is kept and destroyed when
 * the run settles, however it settles, and the promise settles only after all of them have closed.
 *
 * @throws the first error of any stage, or the signal's reason.
 */
export async function runGraph(graph: Graph, signal: AbortSignal, contextOf: ContextOf): Promise<void> {
  const ended = new AbortController()
  const stop = () => ended.abort(signal.reason)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  const readables: Readable[] = []
  const outputs = new Map<string, Highland.Stream<Item>>()
  try {
    signal.throwIfAborted()
    const ends: Promise<void>[] = []
    for (const node of graph.nodes) {
      const context = contextOf(node, ended.signal)
      const output = input(graph, node, outputs).through((items) => {
        const readable = start(node, items, context)
        readables.push(readable)
        return surface(readable)
      })
      if (consumers(graph, node.id).length === 0) ends.push(drain(output, ended.signal))
      else outputs.set(node.id, output)
    }
    await Promise.all(ends)
  } finally {
    signal.removeEventListener('abort', stop)
    ended.abort(new Error('The run has ended.'))
    await Promise.all(readables.map(close))
  }
}

function start(node: GraphNode, items: Highland.Stream<Item>, context: Context): Readable {
  const { emits } = node.stage
  const readAhead = emits ? edgeKinds[emits].readAhead : 0
  return Readable.from(node.stage.run(pull(items, context.signal), context), {
    objectMode: true,
    highWaterMark: readAhead,
  })
}

/** What a node takes: nothing, one stage's items, or several stages' items one stage after the other. */
function input(graph: Graph, node: GraphNode, outputs: ReadonlyMap<string, Highland.Stream<Item>>) {
  const streams = node.from.map((id) => {
    const output = outputs.get(id) as Highland.Stream<Item>
    return consumers(graph, id).length > 1 ? output.fork() : output
  })
  if (streams.length === 1) return streams[0]
  // Merging by arrival would make the result depend on timing.
  return streams.length === 0 ? highland<Item>([]) : highland(streams).sequence()
}

/** A highland stream that asks the readable for an item only when it is itself asked. */
function surface(readable: Readable): Highland.Stream<Item> {
  const items = readable[Symbol.asyncIterator]()
  return highland<Item>((push, next) => {
    items.next().then(
      ({ done, value }) => {
        push(null, done ? highland.nil : (value as Item))
        if (!done) next()
      },
      (error: Error) => {
        push(error)
        push(null, highland.nil)
      },
    )
  })
}

/**
 * The items of a highland stream, each asked for when the one before it is done with.
 * @throws the signal's reason once it is aborted, even where the stream would never answer again.
 */
async function* pull(
  stream: Highland.Stream<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item, void, undefined> {
  let interrupt = () => {}
  const onAbort = () => interrupt()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    for (;;) {
      const next = await new Promise<{ item?: Item }>((resolve, reject) => {
        interrupt = () => reject(signal.reason as Error)
        if (signal.aborted) interrupt()
        else
          stream.pull((error, item) =>
            error ? reject(error) : resolve(highland.isNil(item) ? {} : { item }),
          )
      })
      if (next.item === undefined) return
      yield next.item
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function drain(stream: Highland.Stream<Item>, signal: AbortSignal): Promise<void> {
  const items = pull(stream, signal)
  while (!(await items.next()).done);
}

/** Ends a stage: its generator returns, its `finally` blocks run. */
async function close(readable: Readable): Promise<void> {
  if (readable.closed) return
  // A stage that fails while it is being stopped must not hide why the run ended.
  readable.on('error', () => {})
  const closed = new Promise<void>((resolve) => readable.once('close', resolve))
  readable.destroy()
  await closed
}

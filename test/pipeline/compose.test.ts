import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { runGraph } from '../../pipeline/compose.ts'
import { checkGraph } from '../../pipeline/graph/check.ts'
import type { Graph } from '../../pipeline/graph/graph.ts'
import { parseGraph } from '../../pipeline/graph/parse.ts'
import { Counters } from '../../pipeline/progress.ts'
import { defineStage, type Stage } from '../../stages/stage.ts'
import { collected, exampleRegistry, numberOf } from './example-stages.ts'

function graphOf(text: string, ...more: Stage[]): Graph {
  const registry = new Map([...exampleRegistry, ...more.map((stage) => [stage.name, stage] as const)])
  const { graph, diagnostics } = checkGraph(parseGraph(text, 'test.yaml'), registry)
  if (!graph) throw new Error(diagnostics.map(({ message }) => message).join('\n'))
  return graph
}

function runTo(graph: Graph, signal = new AbortController().signal) {
  return runGraph(graph, signal, (node, ended) => ({
    options: node.options,
    signal: ended,
    stats: new Counters(),
    log: () => {},
  }))
}

const noOptions = z.strictObject({})

test('items pass through the stages in order', async () => {
  await runTo(
    graphOf('stages:\n  a: { use: count, with: { to: 4 } }\n  b: { use: triple }\n  c: { use: collect }\n'),
  )
  expect(collected.get('all')).toEqual([0, 3, 6, 9])
})

test('two stages that take from one both see every item', async () => {
  await runTo(
    graphOf(
      'stages:\n  a: { use: count, with: { to: 100 } }\n  b: { use: collect, with: { as: left } }\n  c: { use: triple, from: a }\n  d: { use: collect, with: { as: right } }\n',
    ),
  )
  expect(collected.get('left')).toEqual(Array.from({ length: 100 }, (_, n) => n))
  expect(collected.get('right')).toEqual(Array.from({ length: 100 }, (_, n) => n * 3))
})

test('a stage that takes from two reads them one after the other, whatever their speed', async () => {
  await runTo(
    graphOf(
      'stages:\n  a: { use: count, with: { to: 3 } }\n  b: { use: count, with: { from: 7, to: 9 } }\n  c: { use: collect, from: [a, b] }\n',
    ),
  )
  expect(collected.get('all')).toEqual([0, 1, 2, 7, 8])
})

test('along steps nothing is made before the one before it has been dealt with', async () => {
  const made: number[] = []
  const ahead: number[] = []
  const make = defineStage({
    name: 'make',
    summary: 'Note when an item is made.',
    version: 1,
    accepts: ['steps'],
    emits: 'steps',
    options: noOptions,
    async *run(items) {
      for await (const item of items) {
        made.push(numberOf(item))
        yield item
      }
    },
  })
  const slow = defineStage({
    name: 'slow',
    summary: 'Take a while.',
    version: 1,
    accepts: ['steps'],
    options: noOptions,
    // eslint-disable-next-line require-yield -- a sink
    async *run(items) {
      for await (const item of items) {
        await sleep(5)
        ahead.push(made.length - 1 - numberOf(item))
      }
    },
  })
  await runTo(
    graphOf(
      'stages:\n  a: { use: count, with: { to: 10 } }\n  b: { use: make }\n  c: { use: triple, from: b }\n  d: { use: slow, from: b }\n',
      make,
      slow,
    ),
  )
  expect(ahead).toEqual(Array(10).fill(0))
})

describe('however a run ends, every stage is closed before it settles', () => {
  const open = new Set<string>()
  const guarded = (
    name: string,
    body: (n: number) => void | Promise<void>,
    accepts: [] | ['steps'] = ['steps'],
  ) =>
    defineStage({
      name,
      summary: 'Know whether it is open.',
      version: 1,
      accepts,
      emits: 'steps',
      options: noOptions,
      async *run(items) {
        open.add(name)
        try {
          if (accepts.length === 0) for (let n = 0; ; n++) yield { record: { step: n } } as never
          for await (const item of items) {
            await body(numberOf(item))
            yield item
          }
        } finally {
          await sleep(5)
          open.delete(name)
        }
      },
    })
  const endless = guarded('endless', () => {}, [])
  const text = (last: string) => `stages:\n  a: { use: endless }\n  b: { use: pass }\n  c: { use: ${last} }\n`
  const pass = guarded('pass', () => {})

  test('by an error of the last stage', async () => {
    const fail = guarded('fail', (n) => {
      if (n === 3) throw new Error('no more')
    })
    await expect(runTo(graphOf(text('fail'), endless, pass, fail))).rejects.toThrow('no more')
    expect([...open]).toEqual([])
  })

  test('by an abort, with the reason that was given', async () => {
    const controller = new AbortController()
    const stop = guarded('stop', (n) => {
      if (n === 3) controller.abort(new Error('enough'))
    })
    await expect(runTo(graphOf(text('stop'), endless, pass, stop), controller.signal)).rejects.toThrow(
      'enough',
    )
    expect([...open]).toEqual([])
  })

  test('by an abort before it began', async () => {
    await expect(
      runTo(graphOf(text('pass'), endless, pass), AbortSignal.abort(new Error('early'))),
    ).rejects.toThrow('early')
    expect([...open]).toEqual([])
  })

  test('by an error of a stage that another branch does not depend on', async () => {
    const fail = guarded('fail', (n) => {
      if (n === 3) throw new Error('left broke')
    })
    const branches =
      'stages:\n  a: { use: endless }\n  b: { use: fail, from: a }\n  c: { use: pass, from: a }\n'
    await expect(runTo(graphOf(branches, endless, pass, fail))).rejects.toThrow('left broke')
    expect([...open]).toEqual([])
  })
})

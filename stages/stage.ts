import type { z } from 'zod'
import type { EdgeItems, EdgeKind } from './edges.ts'
import type { Kept, KeyedUnit, Share, UnfinishedUnit, Unit, UnitKeys } from './documents/unit.ts'

/** Counters of one running stage; the progress display and the run record read them. */
export interface Stats {
  /** Adds `amount` to a counter, such as `documents` or `bytes`. */
  add(counter: string, amount: number): void
  /** Counts rows that go no further, by reason, such as `held out`. */
  drop(reason: string, rows: number): void
  /** Replaces a gauge, such as `loss` or `bits per byte`. */
  set(gauge: string, value: number): void
  /** Announces how far a counter will go, so that progress can show what remains. */
  expect(counter: string, total: number): void
}

/** Writes one plain sentence for the user; goes to standard error, above any progress bar. */
export type Log = (sentence: string) => void

/** The user's wish to end a run before its end. It aborts the run at once, unless a stage has deferred it. */
export interface Interruption {
  /**
   * From now on the wish waits for this stage, which looks at `wished` after every item that it has dealt with.
   * @param until what is finished first, in the words of the message to the user
   */
  defer(until?: string): void
  readonly wished: boolean
  /** Aborts the run, for the stage that deferred the wish and has saved what there was to save. */
  fulfil(): void
}

export interface StageContext<Options> {
  readonly options: Options
  /** Aborted when the run ends early. Generators stop at their next item; long waits listen to it. */
  readonly signal: AbortSignal
  readonly stats: Stats
  readonly log: Log
  /** Absent where no user can end the run alone, as in one of several threads. */
  readonly interruption?: Interruption
  /** The piece of input at hand, where the graph's source is cut into units; every other graph has none. */
  readonly unit?: Unit
  /** What the unit's stages before the sink amount to. Present where `unit` is. */
  readonly keys?: UnitKeys
  /** What of the unit is there already. Present where `unit` is. */
  readonly kept?: Kept
  /** Which of several processes this one is, where they divide a plan. */
  readonly share?: Share
  /** What `identity` of the graph's stages came to when the run began, by id; where the graph is not cut. */
  readonly identities?: Readonly<Record<string, unknown>>
  /** Versions of the graph's stages, by id; where the graph is not cut. */
  readonly versions?: Readonly<Record<string, number>>
}

/** What a source and a sink of a graph that is cut into units know outside of any single unit. */
export interface PlanContext<Options> extends Omit<StageContext<Options>, 'unit' | 'keys' | 'kept'> {
  /** For a sink: the columns that its documents are given by stages before it. */
  readonly columns?: readonly Column[]
}

/** A column that a stage adds to documents: it can be kept when others are made anew. */
export interface Column {
  readonly name: string
  /** Other such columns that it is made from. */
  readonly madeFrom: readonly string[]
  /** What else decides its values, the stage's version and the text left out. */
  readonly identity: unknown
  /** A file that readers of the column need beside it. */
  readonly companion?: { readonly path: string; readonly sha256: string }
}

/** What a sink says of a unit before anything runs. */
export interface UnitState extends UnfinishedUnit {
  readonly isFinished: boolean
  /** Why something has to be made, a phrase each; none where it is finished. */
  readonly reasons: readonly string[]
}

export interface Remark {
  readonly path: readonly (string | number)[]
  /** One sentence. */
  readonly message: string
}

/** The kind of the items that a stage takes; a source takes none. */
type ItemsOf<Kinds extends readonly EdgeKind[]> = AsyncIterable<EdgeItems[Kinds[number]]>

export interface StageDefinition<
  Options extends z.ZodObject = z.ZodObject,
  Accepts extends readonly EdgeKind[] = readonly EdgeKind[],
  Emits extends EdgeKind = EdgeKind,
> {
  /** A verb in kebab-case: the name used in YAML. */
  readonly name: string
  /** One sentence for `stages` and for editors. */
  readonly summary: string
  /** Raised when the same input would give another output; part of every cache key, and no run goes on under another. */
  readonly version: number
  /** Kinds of items taken, any one of them; empty for a source. */
  readonly accepts: Accepts
  /** Kind of items given; left out by a sink. */
  readonly emits?: Emits
  /** Options with a description each. `.meta({ cosmetic: true })` keeps one out of cache keys. */
  readonly options: Options
  /**
   * What the options mean for the output, when that is more than their values: the hash of a file that a path
   * names, for instance. Enters cache keys in place of the options.
   */
  identity?(options: z.output<Options>): Promise<unknown>
  /**
   * The columns that the stage adds, where it leaves documents as they are and the columns that are there too. Each
   * then has a key of its own, and the stage makes those alone that `kept` does not name.
   */
  columns?(options: z.output<Options>): Promise<readonly Column[]>
  /**
   * What `lint` and `plan` tell the user of options that are right, such as that code of the user's own runs. Paths
   * begin at the options.
   */
  remarks?(options: z.output<Options>): readonly Remark[]
  /** Sources that can be cut: the units of the whole input, fixed before work starts. */
  units?(context: PlanContext<z.output<Options>>): Promise<readonly Unit[]>
  /** Sinks of graphs that are cut: what is there of each unit. Changes nothing. */
  states?(units: readonly KeyedUnit[], context: PlanContext<z.output<Options>>): Promise<readonly UnitState[]>
  /**
   * Sinks of graphs that are cut: returns the units of which something still has to be made, after writing down the
   * plan and removing what no unit of it will claim.
   */
  unfinished?(
    units: readonly KeyedUnit[],
    context: PlanContext<z.output<Options>>,
  ): Promise<readonly UnfinishedUnit[]>
  /** Sinks of graphs that are cut, where they keep documents: those of a unit, as batches of a kind. */
  restore?(
    kind: 'documents' | 'tokenized',
    context: StageContext<z.output<Options>>,
  ): AsyncGenerator<EdgeItems['documents'], void, undefined>
  /** Sinks of graphs that are cut: called once every unit is there. */
  finished?(context: PlanContext<z.output<Options>>): Promise<void>
  /**
   * Stages that keep in files what they make, in graphs that are not cut: says to `log` what of it would be reused and
   * what be made, and why, for `plan`. Changes nothing, and yields an item without content where that would have to be
   * made first. Stages before it rehearse too, or change nothing by running.
   */
  rehearse?(
    items: ItemsOf<Accepts>,
    context: StageContext<z.output<Options>>,
  ): AsyncGenerator<EdgeItems[Emits], void, undefined>
  /** Yields batches; never changes one that it was given. */
  run(
    items: ItemsOf<Accepts>,
    context: StageContext<z.output<Options>>,
  ): AsyncGenerator<EdgeItems[Emits], void, undefined>
}

/** Any stage, for code that handles them all alike. */
export type Stage = StageDefinition

/** Declares a stage. The one declaration drives the registry, option checks, documentation and cache keys. */
export function defineStage<
  Options extends z.ZodObject,
  const Accepts extends readonly EdgeKind[],
  Emits extends EdgeKind,
>(definition: StageDefinition<Options, Accepts, Emits>): StageDefinition<Options, Accepts, Emits> {
  return Object.freeze(definition)
}

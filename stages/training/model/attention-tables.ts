import * as tf from '@tensorflow/tfjs-core'
import { dispose, tidy } from '../backend/tidy.ts'
import { causalBlocks, type CausalBlock } from './causal-blocks.ts'
import { headLayout, type HeadLayout } from './head-layout.ts'
import { rotary, type HeadSizes, type Rotary } from './rotary.ts'

/** What attention needs that does not depend on the tokens. */
export interface AttentionTables {
  readonly rotary: Rotary
  /** In which attention is worked out one after the other. */
  readonly blocks: readonly CausalBlock[]
  readonly layout: HeadLayout
}

/** As many layouts are kept: of a batch, and of what is kept of one. */
const keptLayouts = 2

/**
 * Attention's tables, made when they are first asked for. Those of the length used last are kept, since lengths hardly
 * change, and a mask grows with the square of its own. `dispose` gives them back.
 */
export class AttentionTableStore {
  readonly #sizes: HeadSizes
  readonly #theta: number
  #positions: (Omit<AttentionTables, 'layout'> & { readonly length: number }) | undefined
  /** From the one used last to the one used first. */
  #layouts: (HeadLayout & { readonly sequences: number })[] = []

  /** @param theta base of the rotary embedding's angles */
  constructor(sizes: HeadSizes, theta: number) {
    this.#sizes = sizes
    this.#theta = theta
  }

  /** @returns tables that stay the store's, until those of two other numbers of sequences have been asked for */
  tablesOf(sequences: number, length: number): AttentionTables {
    const sizes = this.#sizes
    if (this.#positions?.length !== length) {
      this.dispose()
      this.#positions = kept(() => ({
        length,
        rotary: rotary(length, sizes, this.#theta),
        blocks: causalBlocks(length, sizes.heads / sizes.kvHeads),
      }))
    }
    const { rotary: turns, blocks } = this.#positions
    const layout =
      this.#layouts.find((layout) => layout.sequences === sequences) ??
      kept(() => ({ sequences, ...headLayout({ ...sizes, sequences, length }, blocks) }))
    this.#layouts = [layout, ...this.#layouts.filter((other) => other !== layout)]
    dispose(this.#layouts.splice(keptLayouts))
    return { rotary: turns, blocks, layout }
  }

  dispose(): void {
    dispose([this.#positions, this.#layouts])
    this.#positions = undefined
    this.#layouts = []
  }
}

/** Makes tables of which the running tidy disposes of nothing. */
function kept<T extends object>(make: () => T): T {
  return tidy(() => {
    const tables = make()
    tf.tensor_util.getTensorsInContainer(tables as unknown as tf.TensorContainer).forEach(tf.keep)
    return tables
  })
}

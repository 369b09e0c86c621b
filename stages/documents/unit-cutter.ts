import { RecordHash } from './record-hash.ts'
import type { RawRecord } from './records.ts'
import type { Slice, Unit } from './unit.ts'

/** Gathers accepted records into units of at most `unitBytes`; a longer record is a unit of its own. */
export class UnitCutter {
  readonly #unitBytes: number
  readonly #units: Unit[] = []
  #slices: Slice[] = []
  #bytes = 0
  #hash = new RecordHash()

  constructor(unitBytes: number) {
    this.#unitBytes = unitBytes
  }

  add(path: string, { bytes, position, start, end }: RawRecord): void {
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#unitBytes) this.#cut()
    const slice = this.#slices.at(-1)
    if (slice?.path === path) this.#slices[this.#slices.length - 1] = { ...slice, end }
    else this.#slices.push({ path, start, end, firstRecord: position })
    this.#bytes += bytes.length
    this.#hash.add(bytes)
  }

  finish(): Unit[] {
    if (this.#slices.length > 0) this.#cut()
    return this.#units
  }

  #cut(): void {
    const [index, slices, bytes, hash] = [this.#units.length, this.#slices, this.#bytes, this.#hash.digest()]
    this.#units.push({ index, slices, bytes, hash })
    this.#slices = []
    this.#bytes = 0
    this.#hash = new RecordHash()
  }
}

import { RecordHash } from './record-hash.ts'
import type { RawRecord } from './records.ts'
import type { InputFile, Slice, Unit } from './unit.ts'

/** Gathers accepted records into units of at most `unitBytes`; a longer record is a unit of its own. */
export class UnitCutter {
  readonly #unitBytes: number
  readonly #units: Unit[] = []
  #slices: (Slice & { end: number })[] = []
  #bytes = 0
  #hash = new RecordHash()

  constructor(unitBytes: number) {
    this.#unitBytes = unitBytes
  }

  add(file: InputFile, record: RawRecord): void {
    const { bytes, position, start, end } = record
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#unitBytes) this.#cut()
    const slice = this.#slices.at(-1)
    if (slice?.path === file.path) slice.end = end
    else this.#slices.push({ ...file, start, end, firstRecord: position })
    this.#bytes += bytes.length
    this.#hash.add(record)
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

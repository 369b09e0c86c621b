import { type Data, DataType, type List, makeData } from 'apache-arrow'

type Values = Uint8Array | Uint16Array | Uint32Array | BigUint64Array | Float64Array
type ValuesConstructor = new (length: number) => Values

const initialLength = 1 << 10

/** Collects rows of a column without nulls: numbers, Utf8, or lists of numbers. */
export class ColumnBuffer {
  readonly #type: DataType
  /** Of the numbers, of a Utf8 column's bytes, or of the items of lists. */
  readonly #Values: ValuesConstructor
  #values: Values
  #valueCount = 0
  #offsets = new Int32Array(initialLength)
  #rows = 0

  constructor(type: DataType) {
    this.#type = type
    this.#Values = (DataType.isList(type) ? itemType(type) : type).ArrayType as ValuesConstructor
    this.#values = new this.#Values(initialLength)
  }

  /** Copies rows `[from, to)` of a batch's column. */
  append(column: Data, from: number, to: number): void {
    const first = this.#rows
    this.#rows += to - from
    if (!hasOffsets(this.#type)) return this.#appendValues(column.values as Values, from, to)
    const offsets = column.valueOffsets as Int32Array
    const shift = this.#valueCount - offsets[from]
    if (this.#rows >= this.#offsets.length) {
      const larger = new Int32Array(Math.max(this.#rows + 1, this.#offsets.length * 2))
      larger.set(this.#offsets)
      this.#offsets = larger
    }
    for (let row = from; row < to; row++) this.#offsets[first + row - from + 1] = offsets[row + 1] + shift
    const items = DataType.isList(this.#type) ? column.children[0] : column
    this.#appendValues(items.values as Values, offsets[from], offsets[to])
  }

  /** The rows collected, in memory of their own: an Arrow writer may hold on to it. */
  take(): Data {
    const type = this.#type
    const length = this.#rows
    const data = this.#values.subarray(0, this.#valueCount)
    const valueOffsets = this.#offsets.subarray(0, length + 1)
    this.#values = new this.#Values(initialLength)
    this.#valueCount = 0
    this.#offsets = new Int32Array(initialLength)
    this.#rows = 0
    if (!DataType.isList(type)) return makeData({ type, length, nullCount: 0, valueOffsets, data } as never)
    const child = makeData({ type: itemType(type), length: data.length, nullCount: 0, data } as never)
    return makeData({ type, length, nullCount: 0, valueOffsets, child })
  }

  #appendValues(values: Values, from: number, to: number): void {
    const size = this.#valueCount + to - from
    if (size > this.#values.length) {
      const larger = new this.#Values(Math.max(size, this.#values.length * 2))
      larger.set(this.#values as never)
      this.#values = larger
    }
    this.#values.set(values.subarray(from, to) as never, this.#valueCount)
    this.#valueCount = size
  }
}

function hasOffsets(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isList(type)
}

function itemType(type: List): DataType {
  return (type.children[0] as { type: DataType }).type
}

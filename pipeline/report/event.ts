import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** Numbers by their tags. */
export type Scalars = Readonly<Record<string, number>>

export interface Event {
  /** Seconds since 1970. */
  readonly wallTime: number
  readonly step: number
  /** Of the first event of a file alone. */
  readonly fileVersion?: string
  readonly scalars?: Scalars
}

/** Field numbers of `Event`, `Summary` and `Summary.Value` (tensorflow/core/util/event.proto, framework/summary.proto). */
const eventFields = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 }
const summaryFields = { value: 1 }
const valueFields = { tag: 1, simpleValue: 2 }

/** TensorBoard's `Event` in protocol buffers' encoding. */
export function encodeEvent({ wallTime, step, fileVersion, scalars }: Event): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(eventFields.wallTime, WireType.Bit64).double(wallTime)
  writer.tag(eventFields.step, WireType.Varint).int64(step)
  if (fileVersion !== undefined) {
    writer.tag(eventFields.fileVersion, WireType.LengthDelimited).string(fileVersion)
  }
  if (scalars) {
    writer.tag(eventFields.summary, WireType.LengthDelimited).fork()
    for (const [tag, value] of Object.entries(scalars)) {
      writer.tag(summaryFields.value, WireType.LengthDelimited).fork()
      writer.tag(valueFields.tag, WireType.LengthDelimited).string(tag)
      writer.tag(valueFields.simpleValue, WireType.Bit32).float(value)
      writer.join()
    }
    writer.join()
  }
  return writer.finish()
}

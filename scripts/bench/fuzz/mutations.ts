import fc from 'fast-check'

/** One change to some bytes; places are shares of their length. */
type Edit =
  | { readonly kind: 'flip'; readonly at: number; readonly bits: number }
  | { readonly kind: 'cut'; readonly at: number; readonly share: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'repeat'; readonly at: number; readonly share: number; readonly times: number }

/** What readers have stumbled over before: ends of number ranges, deep nesting, odd text. */
const nasty = [
  ...['-1', '0', '1e309', '-0', '4294967296', '9007199254740993', '18446744073709551616', '0.1'],
  ...[
    'null',
    'true',
    '""',
    '{}',
    '[]',
    '"__proto__"',
    '\ud800',
    '\u0000',
    '\ufeff',
    '\n',
    '\r',
    ',',
    ':',
    '&a *a',
  ],
  ...[
    '[['.repeat(200),
    '{"a":'.repeat(200),
    '- '.repeat(200),
    '../../../etc/passwd',
    '!!js/function',
    '<<: *a',
  ],
].map((text) => Buffer.from(text))

const place = fc.double({ min: 0, max: 1, noNaN: true })

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: place, bits: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: place, share: place }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: place,
    bytes: fc.oneof(fc.constantFrom(...nasty), fc.uint8Array({ maxLength: 16 })),
  }),
  fc.record({
    kind: fc.constant('repeat' as const),
    at: place,
    share: place,
    times: fc.integer({ min: 1, max: 20 }),
  }),
)

/** Samples with a few changes, and bytes and JSON without any sense. */
export function mutationsOf(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const changed = fc
    .tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([sample, edits]) => edits.reduce(apply, sample))
  return fc.oneof(
    { weight: 8, arbitrary: changed },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }) },
    { weight: 1, arbitrary: fc.json().map((json) => Buffer.from(json)) },
  )
}

const mostBytes = 1 << 20

function apply(bytes: Uint8Array, edit: Edit): Uint8Array {
  const at = Math.floor(edit.at * bytes.length)
  if (edit.kind === 'flip') return bytes.map((byte, index) => (index === at ? byte ^ edit.bits : byte))
  if (edit.kind === 'insert') return Buffer.concat([bytes.subarray(0, at), edit.bytes, bytes.subarray(at)])
  const end = at + Math.floor(edit.share * (bytes.length - at))
  const piece = edit.kind === 'cut' ? [] : Array<Uint8Array>(edit.times).fill(bytes.subarray(at, end))
  return Buffer.concat([
    bytes.subarray(0, at),
    ...piece,
    bytes.subarray(edit.kind === 'cut' ? end : at),
  ]).subarray(0, mostBytes)
}

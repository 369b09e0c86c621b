import { fromBfloat16, fromFloat16 } from '../../schemas/float16.ts'

const all = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits)

/** A number from its fields, as IEEE 754 defines them, in 64-bit arithmetic. */
function valueOf(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >> (exponentBits + fractionBits) ? -1 : 1
  const exponent = (bits >> fractionBits) & (2 ** exponentBits - 1)
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponent === 2 ** exponentBits - 1) return fraction ? NaN : sign * Infinity
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias)
}

test.each([
  ['binary16', fromFloat16, 5, 10],
  ['bfloat16', fromBfloat16, 8, 7],
] as const)(
  'each of the 65,536 numbers of %s is the same number in 32 bits',
  (_, decode, exponent, fraction) => {
    const floats = decode(all)
    // toEqual of arrays tells −0 from 0, and holds NaN equal to itself.
    expect(floats).toEqual(Float32Array.from(all, (bits) => valueOf(bits, exponent, fraction)))
    expect([...floats].filter((value) => !Number.isNaN(value)).length).toBe(2 ** 16 - 2 * (2 ** fraction - 1))
  },
)

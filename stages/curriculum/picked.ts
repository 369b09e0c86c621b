/** Numbers of one kind, side by side. */
type NumberArray = Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array | BigUint64Array

/** The numbers at the given positions. */
export function picked<T extends NumberArray>(numbers: T, positions: Uint32Array): T {
  const to = new (numbers.constructor as new (length: number) => T)(positions.length)
  for (let i = 0; i < positions.length; i++) to[i] = numbers[positions[i]]
  return to
}

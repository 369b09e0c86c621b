/** Gives the next of a stream of uniform 32-bit unsigned integers. */
export type RandomSource = () => number

/**
 * xoshiro128** 1.1 (Blackman and Vigna 2021, 10.1145/3460772): the same stream on every machine for a state.
 *
 * @param state four 32-bit words, not all zero; advanced in place.
 */
export function xoshiro128(state: Uint32Array): RandomSource {
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(state[1], 5), 7), 9) >>> 0
    const shifted = state[1] << 9
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = rotateLeft(state[3], 11)
    return result
  }
}

/** A stream for a seed in [0, 2³²): its state comes from splitmix32, so that close seeds give unlike streams. */
export function seededRandom(seed: number): RandomSource {
  let counter = seed >>> 0
  return xoshiro128(
    Uint32Array.from({ length: 4 }, () => {
      counter = (counter + 0x9e3779b9) >>> 0
      let mixed = Math.imul(counter ^ (counter >>> 16), 0x85ebca6b)
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
      return (mixed ^ (mixed >>> 16)) >>> 0
    }),
  )
}

/** Puts `items` into a uniformly random order, in place (Fisher and Yates, without modulo bias). */
export function shuffle(items: Uint32Array, random: RandomSource): void {
  for (let left = items.length; left > 1; left--) {
    const whole = 0x1_0000_0000 - (0x1_0000_0000 % left)
    let drawn = random()
    while (drawn >= whole) drawn = random()
    const other = drawn % left
    const item = items[left - 1]
    items[left - 1] = items[other]
    items[other] = item
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

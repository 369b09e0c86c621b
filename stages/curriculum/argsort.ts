/** Runs up to this length are sorted by insertion: a typed array's sort costs more to call than they take. */
const shortRun = 12

/**
 * Positions of `values` from the smallest to the largest; equal values keep their order.
 * 2.1 million values take about 0.3 s, against 5 s with a comparator.
 */
export function argsort(values: Float64Array): Uint32Array {
  const keys = values.slice()
  const words = new Uint32Array(keys.buffer)
  for (let i = 0; i < words.length; i += 2) {
    // Turns -0 into 0.
    keys[i / 2] += 0
    // The bits of a double sort like an unsigned integer once a positive one's sign, or all of a negative one's bits, are flipped.
    if (words[i + 1] >>> 31) {
      words[i] = ~words[i]
      words[i + 1] = ~words[i + 1]
    } else words[i + 1] |= 0x80000000
  }
  return argsortWords(words)
}

/**
 * The same for unsigned 64-bit integers, given as pairs of 32-bit words, low word first.
 * The native sort of a typed array moves no positions along. So that it does, an integer's high word and position are
 * packed into one 64-bit integer; runs of equal high words are then sorted by their low words.
 */
function argsortWords(words: Uint32Array): Uint32Array {
  const count = words.length / 2
  const packed = new BigUint64Array(count)
  const halves = new Uint32Array(packed.buffer)
  for (let i = 0; i < count; i++) {
    halves[2 * i] = i
    halves[2 * i + 1] = words[2 * i + 1]
  }
  packed.sort()
  for (let start = 0, end = 0; start < count; start = end) {
    const high = halves[2 * start + 1]
    do end++
    while (end < count && halves[2 * end + 1] === high)
    if (end - start > shortRun) sortRun(packed.subarray(start, end), words)
    else if (end - start > 1) insertRun(halves, start, end, words)
  }
  const positions = new Uint32Array(count)
  for (let i = 0; i < count; i++) positions[i] = halves[2 * i]
  return positions
}

function sortRun(run: BigUint64Array, words: Uint32Array): void {
  const halves = new Uint32Array(run.buffer, run.byteOffset, 2 * run.length)
  for (let i = 0; i < halves.length; i += 2) halves[i + 1] = words[2 * halves[i]]
  run.sort()
}

function insertRun(halves: Uint32Array, start: number, end: number, words: Uint32Array): void {
  for (let i = start + 1; i < end; i++) {
    const position = halves[2 * i]
    const low = words[2 * position]
    let to = i
    for (; to > start && words[2 * halves[2 * (to - 1)]] > low; to--) halves[2 * to] = halves[2 * (to - 1)]
    halves[2 * to] = position
  }
}

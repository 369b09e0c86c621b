import { documentHash } from '../../schemas/documents.ts'
import { isHeldOut } from '../../schemas/held-out.ts'

const hashes = Array.from({ length: 20_000 }, (_, number) => documentHash(Buffer.from(`document ${number}`)))

test('the share of documents held out is the share asked for', () => {
  for (const share of [0.05, 0.5]) {
    const held = hashes.filter((hash) => isHeldOut(hash, share)).length / hashes.length
    // Four standard deviations of a binomial share.
    expect(Math.abs(held - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / hashes.length))
  }
})

test('a larger share holds out all that a smaller one does', () => {
  expect(hashes.every((hash) => !isHeldOut(hash, 0.02) || isHeldOut(hash, 0.05))).toBe(true)
})

test('the upper 32 bits of the hash decide: below the share of 2^32 is held out', () => {
  expect(isHeldOut(0x7fffffff_ffffffffn, 0.5)).toBe(true)
  expect(isHeldOut(0x80000000_00000000n, 0.5)).toBe(false)
  expect(isHeldOut(0n, 0)).toBe(false)
  expect(isHeldOut(0xffffffff_ffffffffn, 1)).toBe(true)
})

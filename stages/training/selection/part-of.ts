/** Decimal digits that a product of two numbers has for certain, also where the share was made of several. */
const certainDigits = 12

/**
 * What a share of a whole comes to in decimal numbers: 0.29 of 100 is 29, where the product of the two in binary is a
 * little less, and would lose one when it is rounded down.
 */
export function partOf(whole: number, share: number): number {
  return Number((share * whole).toPrecision(certainDigits))
}

/** How much a sequence's loss counts, by its hardness and the progress of the run. */
interface Form {
  /** α, of hardness h and progress s. */
  readonly formula: string
  /** One sentence for people. */
  readonly summary: string
  /** @param h hardness rank in [0, 1] @param s progress in [0, 1] */
  readonly alpha: (h: number, s: number) => number
}

/** The three forms of S-Loss: the loss of a step is the mean of α·CE. Their source is the S-Loss poster. */
export const sLossForms = {
  ascending: {
    formula: '(2h − 1)(s − 1) + 1',
    summary: 'Easy text counts twice at first and hard text nothing; all alike at the end.',
    alpha: (h, s) => (2 * h - 1) * (s - 1) + 1,
  },
  descending: {
    formula: '(1 − 2h)s + 2h',
    summary: 'Hard text counts twice at first and easy text nothing; all alike at the end.',
    alpha: (h, s) => (1 - 2 * h) * s + 2 * h,
  },
  steep: {
    formula: '(1.5 − 5(0.5 − h))/(s + 0.2) + 1',
    summary: 'Hard text counts many times at first, and up to more than four times at the end.',
    alpha: (h, s) => (1.5 - 5 * (0.5 - h)) / (s + 0.2) + 1,
  },
} as const satisfies Record<string, Form>

export type SLossForm = keyof typeof sLossForms

/** How fast a curriculum opens the corpus, from the easiest documents on. */
export const pacings = ['linear', 'quadratic', 'inverse-quadratic'] as const

export type Pacing = (typeof pacings)[number]

interface Curve {
  /** Share that is open at progress t. */
  readonly formula: string
  /** Share of the corpus that is open at progress t. */
  readonly share: (t: number) => number
  /** Its inverse: the progress at which a share opens. */
  readonly opening: (share: number) => number
}

export const pacingCurves: Readonly<Record<Pacing, Curve>> = {
  linear: { formula: 't', share: (t) => t, opening: (share) => share },
  quadratic: { formula: 't²', share: (t) => t ** 2, opening: (share) => Math.sqrt(share) },
  'inverse-quadratic': {
    formula: '1 − (1 − t)²',
    share: (t) => 1 - (1 - t) ** 2,
    opening: (share) => 1 - Math.sqrt(1 - share),
  },
}

/** Share in [0, 1] of the corpus that is open at `progress` in [0, 1]: t, t², or 1 − (1 − t)². */
export function openShare(pacing: Pacing, progress: number): number {
  return pacingCurves[pacing].share(progress)
}

/** Progress in [0, 1] from which `share` in [0, 1] of the corpus is open: the inverse of `openShare`. */
export function openingProgress(pacing: Pacing, share: number): number {
  return pacingCurves[pacing].opening(share)
}

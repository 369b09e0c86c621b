import {
  openingProgress,
  openShare,
  type Pacing,
  pacings,
} from '../../../../stages/training/schedules/pacing.ts'

/** Squares by hand. */
const tables: Record<Pacing, [progress: number, share: number][]> = {
  linear: [
    [0, 0],
    [0.3, 0.3],
    [1, 1],
  ],
  quadratic: [
    [0, 0],
    [0.5, 0.25],
    [0.9, 0.81],
    [1, 1],
  ],
  'inverse-quadratic': [
    [0, 0],
    [0.1, 0.19],
    [0.5, 0.75],
    [1, 1],
  ],
}

describe.each(pacings)('%s pacing', (pacing) => {
  it.each(tables[pacing])('has opened at progress %d the share %d', (progress, share) => {
    expect(openShare(pacing, progress)).toBeCloseTo(share, 12)
    expect(openingProgress(pacing, share)).toBeCloseTo(progress, 12)
  })
})

import { defineShape, none } from './shape.ts'

export const inverseSqrt = defineShape({
  summary: 'Falls with the root of the step, whatever the length of the run.',
  formula: '√(w/t), t steps done, w of them warm-up (at least 1)',
  source: 'arXiv 1706.03762',
  options: none,
  share({ step, warmUp }) {
    const start = Math.max(1, warmUp)
    return Math.sqrt(start / Math.max(start, step))
  },
})

import { defineShape, none } from './shape.ts'

export const constant = defineShape({
  summary: 'The peak to the end.',
  formula: '1',
  source: 'the baseline of arXiv 2405.18392',
  options: none,
  share: () => 1,
})

import { between, defineShape, none } from './shape.ts'

export const rex = defineShape({
  summary: 'Reflected exponential: slow at first, fast at the end.',
  formula: 'f + (1 − f)(1 − z)/(1 − z/2)',
  source: 'arXiv 2107.04197',
  final: 0,
  options: none,
  share: ({ z }, final) => between(final, (1 - z) / (1 - z / 2)),
})

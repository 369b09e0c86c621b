import { between, defineShape, none } from './shape.ts'

export const linear = defineShape({
  summary: 'A straight line down.',
  formula: 'f + (1 − f)(1 − z)',
  source: 'arXiv 2310.07831',
  final: 0.1,
  options: none,
  share: ({ z }, final) => between(final, 1 - z),
})

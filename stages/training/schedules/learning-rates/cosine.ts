import { between, defineShape, none } from './shape.ts'

export const cosine = defineShape({
  summary: 'Half a cosine down.',
  formula: 'f + (1 − f)(1 + cos πz)/2',
  source: 'arXiv 1608.03983',
  final: 0.1,
  options: none,
  share: ({ z }, final) => between(final, (1 + Math.cos(Math.PI * z)) / 2),
})

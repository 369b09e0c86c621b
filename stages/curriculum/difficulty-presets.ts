/** Weights of metrics in the mean of ranks that is the difficulty. */
export type DifficultyWeights = Readonly<Record<string, number>>

/** The three signals that arXiv 2506.11300 finds best, alike in weight. */
export const bestSignals = { 'compression-ratio': 1, mtld: 1, flesch: 1 } as const

/** Difficulties with a name of their own. Any other name is that of a metric, which counts alone. */
const presets: Readonly<Record<string, DifficultyWeights>> = { 'best-signals': bestSignals }

/** Names to begin with: the best signals together, each of them alone, and the S-Loss poster's n-gram perplexity. */
export const suggestedDifficulties = [
  ...Object.keys(presets),
  ...Object.keys(bestSignals),
  'ngram-perplexity',
]

/** The weights that a difficulty's name stands for. */
export function namedDifficulty(name: string): DifficultyWeights {
  return presets[name] ?? { [name]: 1 }
}

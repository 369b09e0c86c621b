/** AdamW, Lion and SGD with momentum, number by number in 64 bits, as their papers and PyTorch write them down. */

type Numbers = Float64Array

export interface ReferenceSettings {
  /** Of the parameter. */
  readonly rate: (name: string) => number
  readonly decay: number
}

/** What one update does to a parameter's values and to what is remembered of it, by the names PyTorch has. */
type Update = (
  values: Numbers,
  gradient: Numbers,
  remembered: Record<string, Numbers>,
  rate: number,
  t: number,
) => void

const adamW: Update = (values, gradient, { exp_avg: first, exp_avg_sq: second }, rate, t) => {
  values.forEach((_, i) => {
    first[i] = 0.9 * first[i] + 0.1 * gradient[i]
    second[i] = 0.95 * second[i] + 0.05 * gradient[i] ** 2
    const [mean, square] = [first[i] / (1 - 0.9 ** t), second[i] / (1 - 0.95 ** t)]
    values[i] -= (rate * mean) / (Math.sqrt(square) + 1e-8)
  })
}

const lion: Update = (values, gradient, { exp_avg: mean }, rate) => {
  values.forEach((_, i) => {
    values[i] -= rate * Math.sign(0.9 * mean[i] + 0.1 * gradient[i])
    mean[i] = 0.99 * mean[i] + 0.01 * gradient[i]
  })
}

const sgd: Update = (values, gradient, { momentum_buffer: buffer }, rate) => {
  values.forEach((_, i) => {
    buffer[i] = 0.9 * buffer[i] + gradient[i]
    values[i] -= rate * buffer[i]
  })
}

const references = {
  adamw: { update: adamW, slots: ['exp_avg', 'exp_avg_sq'] },
  lion: { update: lion, slots: ['exp_avg'] },
  sgd: { update: sgd, slots: ['momentum_buffer'] },
}

export class ReferenceOptimizer {
  #updates = 0
  readonly #rule: keyof typeof references
  readonly values: ReadonlyMap<string, Numbers>
  readonly remembered = new Map<string, Record<string, Numbers>>()

  constructor(rule: keyof typeof references, values: ReadonlyMap<string, Numbers>) {
    this.#rule = rule
    this.values = values
    for (const [name, { length }] of values) {
      const slots = references[rule].slots.map((slot) => [slot, new Float64Array(length)])
      this.remembered.set(name, Object.fromEntries(slots) as Record<string, Numbers>)
    }
  }

  /** Decays matrices, and not those with `norm` in their names. */
  update(gradients: ReadonlyMap<string, Numbers>, { rate, decay }: ReferenceSettings, scale: number): void {
    this.#updates++
    for (const [name, values] of this.values) {
      const gradient = (gradients.get(name) as Numbers).map((slope) => slope * scale)
      if (!name.includes('norm')) values.forEach((value, i) => (values[i] = value * (1 - rate(name) * decay)))
      const remembered = this.remembered.get(name) as Record<string, Numbers>
      references[this.#rule].update(values, gradient, remembered, rate(name), this.#updates)
    }
  }
}

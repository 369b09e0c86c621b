/**
 * How an optimizer turns the gradient g of a number θ into an update, at learning rate η and with the decoupled decay
 * λ. What it remembers between updates begins at zero.
 */
export type Rule = AdamW | Lion | Sgd

/**
 * Loshchilov and Hutter, arXiv 1711.05101. At update t:
 * m = β1·m + (1 − β1)·g, v = β2·v + (1 − β2)·g², θ = (1 − ηλ)·θ − η·(m / (1 − β1ᵗ)) / (√(v / (1 − β2ᵗ)) + ε).
 */
export interface AdamW {
  readonly name: 'adamw'
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
}

/**
 * Chen et al., arXiv 2302.06675: θ = (1 − ηλ)·θ − η·sign(β1·m + (1 − β1)·g), and then m = β2·m + (1 − β2)·g.
 */
export interface Lion {
  readonly name: 'lion'
  readonly beta1: number
  readonly beta2: number
}

/** Momentum as in PyTorch's SGD: b = μ·b + g, θ = (1 − ηλ)·θ − η·b. */
export interface Sgd {
  readonly name: 'sgd'
  readonly momentum: number
}

export type RuleName = Rule['name']

/** What a rule remembers of every number, by the names that PyTorch has for it. */
export const slotNames: Readonly<Record<RuleName, readonly string[]>> = {
  adamw: ['exp_avg', 'exp_avg_sq'],
  lion: ['exp_avg'],
  sgd: ['momentum_buffer'],
}

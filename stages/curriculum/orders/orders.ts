import { ability, abilityBand } from './ability.ts'
import { cyclical } from './cyclical.ts'
import { folding, zigzag } from './folding.ts'
import { growth } from './growth.ts'
import { interleaved } from './interleaved.ts'
import type { Order } from './order.ts'
import { phases } from './phases.ts'
import { random } from './random.ts'
import { ascending, descending } from './sorted.ts'
import { tent } from './tent.ts'
import { warmUp } from './warm-up.ts'

/** Every order, by the name used in YAML. */
export const orders = {
  random,
  ascending,
  descending,
  phases,
  growth,
  'warm-up': warmUp,
  interleaved,
  tent,
  cyclical,
  folding,
  zigzag,
  ability,
  'ability-band': abilityBand,
} as const satisfies Record<string, Order>

export type OrderName = keyof typeof orders

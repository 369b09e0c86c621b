import type { Order } from './order.ts'
import { phases } from './phases.ts'
import { random } from './random.ts'
import { ascending, descending } from './sorted.ts'
import { warmUp } from './warm-up.ts'

/** Every order, by the name used in YAML. */
export const orders = {
  random,
  ascending,
  descending,
  phases,
  'warm-up': warmUp,
} as const satisfies Record<string, Order>

export type OrderName = keyof typeof orders

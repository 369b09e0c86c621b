/** The arms that `compare` adds for each arm that they are a control of; `controls.ts` makes them. */
export const controlNames = ['random-order', 'reversed', 'random-keep', 'equal-flops'] as const

export type ControlName = (typeof controlNames)[number]

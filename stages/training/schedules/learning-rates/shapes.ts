import { constant } from './constant.ts'
import { cosinePower } from './cosine-power.ts'
import { cosine } from './cosine.ts'
import { infinite } from './infinite.ts'
import { inverseSqrt } from './inverse-sqrt.ts'
import { linear } from './linear.ts'
import { moderateDecay } from './moderate-decay.ts'
import { power } from './power.ts'
import { rex } from './rex.ts'
import type { Shape } from './shape.ts'
import { triangular } from './triangular.ts'
import { wsd } from './wsd.ts'
import { wsdc } from './wsdc.ts'

/** Every shape of the learning rate, by the name used in YAML. */
export const shapes = {
  constant,
  linear,
  cosine,
  'moderate-decay': moderateDecay,
  'inverse-sqrt': inverseSqrt,
  wsd,
  wsdc,
  power,
  rex,
  'cosine-power': cosinePower,
  infinite,
  triangular,
} as const satisfies Record<string, Shape>

export type ShapeName = keyof typeof shapes

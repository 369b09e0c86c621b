import type { CommandModule } from 'yargs'
import { compare } from './compare.ts'
import { doctor } from './doctor.ts'
import { evaluate } from './evaluate.ts'
import { exportCommand } from './export.ts'
import { generate } from './generate.ts'
import { graph } from './graph.ts'
import { inspect } from './inspect.ts'
import { lint } from './lint.ts'
import { plan } from './plan.ts'
import { report } from './report.ts'
import { schedules } from './schedules.ts'
import { score } from './score.ts'
import { stages } from './stages.ts'
import { train } from './train.ts'
import { verify } from './verify.ts'
import { watch } from './watch.ts'

/** In the order in which `--help` shows them: that of the work. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each command has flags of its own
export const commands: readonly CommandModule<any, any>[] = [
  score,
  inspect,
  train,
  watch,
  evaluate,
  compare,
  generate,
  report,
  exportCommand,
  verify,
  plan,
  lint,
  graph,
  stages,
  schedules,
  doctor,
]

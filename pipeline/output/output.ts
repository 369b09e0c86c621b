import type { Log } from '../../stages/stage.ts'
import { Progress, type ProgressDisplay } from '../progress.ts'
import type { Event } from './event.ts'
import { JsonProgress } from './json-progress.ts'

/** Whom a command talks to. */
export interface Output {
  /** A sentence besides the result. */
  readonly say: Log
  /** Something that a person is told in one way, and a program in another. */
  tell(text: string, event: Event): void
  /** What the command came to. */
  conclude(text: string, event: Event): void
  /** For the graph that runs next. */
  progress(): ProgressDisplay
}

/** A person: results on standard output, all else on standard error, so that results can be piped. */
const person: Output = {
  say: (sentence) => process.stderr.write(`${sentence}\n`),
  tell: (text) => process.stderr.write(`${text}\n`),
  conclude: (text) => process.stdout.write(text),
  progress: () => new Progress(),
}

/** A program: events on standard output, a line each. Standard error has mistakes alone. */
const program: Output = {
  say: (text) => emit({ event: 'message', text }),
  tell: (_, event) => emit(event),
  conclude: (_, event) => emit(event),
  progress: () => new JsonProgress(emit),
}

function emit(event: Event): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

export function outputFor(json: boolean): Output {
  return json ? program : person
}

/** `--json` of commands that take a while. */
export const jsonFlag = {
  json: {
    type: 'boolean',
    default: false,
    describe: 'Print events, one JSON object a line, for other programs',
  },
} as const

import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UserError } from '../../schemas/user-error.ts'
import type { RecordNoun, Refusal } from './record-format.ts'

/** A line of the file that rejected records are kept in; it also has the record's number, from 1, under its noun. */
interface Rejection {
  readonly source: string
  readonly reason: string
  /** How the record starts, as text: at most 200 characters; bytes that are not UTF-8 show as U+FFFD. */
  readonly start: string
}

const startCharacters = 200
const longestCharacterBytes = 4

/** Counts rejected records by reason and collects them in a file that appears, whole, at `commit`. */
export class Rejections {
  readonly reasons = new Map<string, number>()
  count = 0
  readonly #path: string | undefined
  readonly #noun: RecordNoun
  #first: (Rejection & { readonly place: string; readonly remedy: string }) | undefined
  #waiting: string[] = []
  #file: FileHandle | undefined

  /** Without a path, rejected records are counted only. */
  constructor(path: string | undefined, noun: RecordNoun) {
    this.#path = path
    this.#noun = noun
  }

  /** `number` is the record's, from 1. */
  add(source: string, number: number, bytes: Buffer, { reason, remedy, line }: Refusal): void {
    const text = bytes.toString('utf8', 0, startCharacters * longestCharacterBytes)
    const start = [...text].slice(0, startCharacters).join('')
    const [noun, at] = line === undefined ? [this.#noun, number] : ['line', line]
    this.#first ??= { source, reason, start, remedy, place: `${noun} ${at}` }
    this.count++
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1)
    if (this.#path !== undefined)
      this.#waiting.push(`${JSON.stringify({ source, [noun]: at, reason, start })}\n`)
  }

  async flush(): Promise<void> {
    if (this.#path === undefined || this.#waiting.length === 0) return
    if (!this.#file) {
      await mkdir(dirname(this.#path), { recursive: true })
      this.#file = await open(this.#temporary, 'w')
    }
    await this.#file.appendFile(this.#waiting.join(''))
    this.#waiting = []
  }

  /** Puts the file in place; where nothing was rejected, removes what an earlier run left there. */
  async commit(): Promise<void> {
    if (this.#path === undefined) return
    await this.flush()
    if (!this.#file) return rm(this.#path, { force: true })
    await this.#file.sync()
    await this.#file.close()
    await rename(this.#temporary, this.#path)
    this.#file = undefined
  }

  /** Leaves nothing behind; does nothing after `commit`. */
  async discard(): Promise<void> {
    if (!this.#file) return
    await this.#file.close()
    await rm(this.#temporary, { force: true })
  }

  /** @throws UserError where more than `share` of all records were rejected, or every one was. */
  assertFew(records: number, share: number): void {
    if (this.count <= share * records && this.count < records) return
    const { source, place, reason, start, remedy } = this.#first!
    const limit = this.count === records ? '' : `, and --max-rejected allows ${percent(share)}`
    const first = `the first is ${place} of \`${source}\`, ${reason}${start && `: ${JSON.stringify(start)}`}`
    throw new UserError(`${this.#total(records)}${limit}; ${first}. ${remedy} ${this.#whereKept()}`)
  }

  /** One sentence for the user. */
  summary(records: number): string {
    const reasons = [...this.reasons].map(([reason, count]) => `${count} ${reason}`)
    return `${this.#total(records)}: ${reasons.join(', ')}. ${this.#whereKept()}`
  }

  #total(records: number): string {
    return `${this.count} of ${records} records rejected (${percent(this.count / records)})`
  }

  #whereKept(): string {
    return this.#path === undefined
      ? 'Option `rejected` keeps them in a file.'
      : `All are in \`${this.#path}\`.`
  }

  get #temporary(): string {
    return `${this.#path}.tmp`
  }
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`
}

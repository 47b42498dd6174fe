import { toError } from '../../model/errors.ts'
import { executionId, parseExecutionId } from '../../model/ids.ts'
import { decodeResult } from '../../node/protocol/model/index.ts'
import { encodedResult } from './encoded.ts'
import type { DrainWord } from './drain-word.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { Claim, Held, ListedMaster } from '../../node/protocol/register/messages.ts'
import type { CancelWord } from '../../node/protocol/slot/messages.ts'
import type { OutputStream } from '../../node/protocol/task/messages.ts'
import type { Journal, Operation } from '../../store/journal.ts'

/** What a worker knows of executions that it delivered is of use as long as any master may ask for them again. */
const MARKS_KEPT_MS = 100 * 24 * 60 * 60 * 1000

/** What an execution has printed, when it is so little that no file is made for it. */
export type SmallOutput = Readonly<Record<OutputStream, Uint8Array>>

/** A result that some master lacks still. */
export interface Undelivered {
  result: ExecutionResult
  /** Absent when it is in files, or there is none. */
  output?: SmallOutput
  /** Of the record. */
  bytes: number
  /** Peer ids. */
  confirmed: Set<string>
  /** How long it has been kept by earlier lives of this worker. */
  ageMs: number
}

/**
 * The worker's journal: what it promised, what it ran, and the results that
 * some master lacks still.
 *
 *   claim                      the highest claim seen
 *   drain                      the last word on whether it takes new work
 *   masters                    the masters that it knows
 *   membership                 a second copy
 *   start/<exec>               it was started; never runs twice
 *   result/<exec>              its record, until every master has confirmed it
 *   output/<exec>              what it printed, when that was little
 *   confirmed/<exec>/<master>  this one has
 *   age/<exec>                 how long it has been kept
 *   delivered/<exec>           all have, or it was given up
 *   cancelled/<job>            later STARTs are refused; who said so
 *   unreadable/<exec>          what could not be read as a record
 */
export class Outbox {
  readonly #journal: Journal
  readonly #log: (line: string) => void

  constructor (journal: Journal, log: (line: string) => void) {
    this.#journal = journal
    this.#log = log
  }

  async saveClaim (claim: Claim): Promise<void> {
    await this.#putJson('claim', withText(claim))
  }

  async loadClaim (): Promise<Claim | undefined> {
    const stored = await this.#getJson<WithText<Claim>>('claim')

    return stored == null ? undefined : withBytes(stored)
  }

  async saveDrain (word: DrainWord): Promise<void> {
    await this.#putJson('drain', word)
  }

  async loadDrain (): Promise<DrainWord | undefined> {
    return this.#getJson<DrainWord>('drain')
  }

  async saveMasters (masters: ListedMaster[]): Promise<void> {
    await this.#putJson('masters', masters)
  }

  async loadMasters (): Promise<ListedMaster[]> {
    return await this.#getJson<ListedMaster[]>('masters') ?? []
  }

  async saveMembership (sealed: Uint8Array): Promise<void> {
    await this.#journal.put('membership', sealed, { durable: true })
  }

  async loadMembership (): Promise<Uint8Array | undefined> {
    return this.#journal.get('membership')
  }

  /** All of them with one fsync. */
  async saveStarts (executions: readonly string[]): Promise<void> {
    const value = toBytes({ atMs: Date.now() })

    await this.#journal.batch(executions.map(execution => ({ type: 'put', key: `start/${execution}`, value })), { durable: true })
  }

  async saveCancel (job: string, word: CancelWord): Promise<void> {
    await this.#putJson(`cancelled/${job}`, { atMs: Date.now(), ...withText(word) })
  }

  /** With what it has printed, where that is in no file. */
  async saveResult (result: ExecutionResult, output?: SmallOutput): Promise<void> {
    const execution = executionId(result.key)

    await this.#journal.batch([
      { type: 'put', key: `result/${execution}`, value: encodedResult(result) },
      ...(output == null ? [] : [{ type: 'put' as const, key: `output/${execution}`, value: encodeOutput(output) }])
    ], { durable: true })
  }

  /** Not worth an fsync: it is delivered once more then. */
  async saveConfirmed (execution: string, master: string): Promise<void> {
    await this.#journal.put(`confirmed/${execution}/${master}`, new Uint8Array(0), { durable: false })
  }

  /** That master has lost it. */
  async dropConfirmed (execution: string, master: string): Promise<void> {
    await this.#journal.del(`confirmed/${execution}/${master}`)
  }

  /** Not worth an fsync: it is kept a little longer then. */
  async saveAge (execution: string, ageMs: number): Promise<void> {
    await this.#journal.put(`age/${execution}`, toBytes({ ageMs }), { durable: false })
  }

  /**
   * A result with what is known of its delivery; undefined when there is none.
   * A record that cannot be read is set aside, and one takes its place that says so.
   */
  async undelivered (execution: string): Promise<Undelivered | undefined> {
    const bytes = await this.#journal.get(`result/${execution}`)

    if (bytes == null) {
      return undefined
    }

    const result = await this.#decode(execution, bytes)
    const output = await this.#journal.get(`output/${execution}`)
    const confirmed = new Set<string>()
    const prefix = `confirmed/${execution}/`

    for await (const { key } of this.#journal.iterate(prefix)) {
      confirmed.add(key.slice(prefix.length))
    }

    return { result, ...(output == null ? {} : { output: decodeOutput(output) }), bytes: bytes.byteLength, confirmed, ageMs: (await this.#getJson<{ ageMs: number }>(`age/${execution}`))?.ageMs ?? 0 }
  }

  /**
   * Every master has it, or it had to be given up: only the mark that it ran
   * stays, for as long as anybody may ask.
   *
   * @param confirmed - masters that have confirmed it
   * @param durable - does anything follow that cannot be undone? Without an fsync it may be delivered once more
   */
  async forget (execution: string, atMs: number, confirmed: Iterable<string>, durable: boolean): Promise<void> {
    await this.#journal.batch(forgetting({ execution, confirmed }, atMs), { durable })
  }

  /** Many at once, without an fsync. */
  async forgetAll (executions: ReadonlyArray<{ execution: string, confirmed: Iterable<string> }>, atMs: number): Promise<void> {
    await this.#journal.batch(executions.flatMap(entry => forgetting(entry, atMs)), { durable: false })
  }

  async cancelledJobs (): Promise<Array<[string, CancelWord]>> {
    const cancelled: Array<[string, CancelWord]> = []

    for (const job of await this.#namesUnder('cancelled/')) {
      const { master, proof } = withBytes(await this.#getJson<WithText<CancelWord>>(`cancelled/${job}`) ?? {})

      cancelled.push([job, { ...(master == null ? {} : { master }), ...(proof == null ? {} : { proof }) }])
    }

    return cancelled
  }

  async unconfirmed (): Promise<string[]> {
    return this.#namesUnder('result/')
  }

  /**
   * Everything that ever started here. What has neither result nor delivery was
   * running when the worker died: it gets the record that says so.
   */
  async recover (): Promise<Array<[string, Held['state']]>> {
    const known: Array<[string, Held['state']]> = []

    for (const execution of await this.#namesUnder('start/')) {
      const ended = await this.#journal.get(`result/${execution}`) ?? await this.#journal.get(`delivered/${execution}`)

      if (ended == null) {
        const startedAt = (await this.#getJson<{ atMs: number }>(`start/${execution}`))?.atMs ?? Date.now()

        await this.saveResult(interrupted(execution, startedAt, 'the worker was killed or its machine went down while the program ran'))
      }

      known.push([execution, 'finished'])
    }

    return known
  }

  /** Forgets what was delivered so long ago that nobody asks for it any more. `nowMs` is mesh time. */
  async prune (nowMs: number): Promise<void> {
    for (const execution of await this.#namesUnder('delivered/')) {
      if (await this.#isOutdated(`delivered/${execution}`, nowMs)) {
        await this.#journal.del(`start/${execution}`)
        await this.#journal.del(`delivered/${execution}`)
      }
    }

    for (const job of await this.#namesUnder('cancelled/')) {
      if (await this.#isOutdated(`cancelled/${job}`, nowMs)) {
        await this.#journal.del(`cancelled/${job}`)
      }
    }
  }

  /** Marks of earlier versions say no time: theirs begins now. */
  async #isOutdated (key: string, nowMs: number): Promise<boolean> {
    const mark = await this.#getJson<{ atMs: number }>(key)

    if (typeof mark?.atMs !== 'number') {
      await this.#journal.put(key, toBytes({ atMs: nowMs }), { durable: false })
      return false
    }

    return nowMs - mark.atMs > MARKS_KEPT_MS
  }

  async #decode (execution: string, bytes: Uint8Array): Promise<ExecutionResult> {
    try {
      return decodeResult(bytes)
    } catch (err) {
      const reason = toError(err).message
      const startedAt = (await this.#getJson<{ atMs: number }>(`start/${execution}`))?.atMs ?? Date.now()
      const record = interrupted(execution, startedAt, `it ran, but the worker cannot read its record of it: ${reason}`)

      this.#log(`the record of execution ${execution} cannot be read and is set aside: ${reason}`)
      await this.#journal.put(`unreadable/${execution}`, bytes, { durable: true })
      await this.saveResult(record)

      return record
    }
  }

  async #namesUnder (prefix: string): Promise<string[]> {
    const names: string[] = []

    for await (const { key } of this.#journal.iterate(prefix)) {
      names.push(key.slice(prefix.length))
    }

    return names
  }

  async #putJson (key: string, value: unknown): Promise<void> {
    await this.#journal.put(key, toBytes(value), { durable: true })
  }

  /** What cannot be read counts as missing: nothing of this kind is worth refusing to start for. */
  async #getJson<T> (key: string): Promise<T | undefined> {
    const bytes = await this.#journal.get(key)

    // empty marks were written by earlier versions
    if (bytes == null || bytes.byteLength === 0) {
      return undefined
    }

    try {
      return JSON.parse(Buffer.from(bytes).toString())
    } catch (err) {
      this.#log(`the journal's record '${key}' cannot be read and is left out: ${toError(err).message}`)
      return undefined
    }
  }
}

type WithText<T> = Omit<T, 'proof'> & { proof?: string }

/** JSON has no bytes. */
function withText<T extends { proof?: Uint8Array }> (word: T): WithText<T> {
  return { ...word, proof: word.proof == null ? undefined : Buffer.from(word.proof).toString('base64') }
}

function withBytes<T extends { proof?: string }> (word: T): Omit<T, 'proof'> & { proof?: Uint8Array } {
  return { ...word, proof: word.proof == null ? undefined : Buffer.from(word.proof, 'base64') }
}

function interrupted (execution: string, startedAt: number, reason: string): ExecutionResult {
  return {
    key: parseExecutionId(execution),
    outcome: 'interrupted',
    reason: reason.slice(0, 1_000),
    commands: [],
    startedAt,
    finishedAt: Date.now(),
    waitedMs: 0
  }
}

function forgetting ({ execution, confirmed }: { execution: string, confirmed: Iterable<string> }, atMs: number): Operation[] {
  const gone = [`age/${execution}`, `result/${execution}`, `output/${execution}`, ...[...confirmed].map(master => `confirmed/${execution}/${master}`)]

  return [
    { type: 'put', key: `delivered/${execution}`, value: toBytes({ atMs }) },
    ...gone.map((key): Operation => ({ type: 'del', key }))
  ]
}

/** Length of stdout as 32 bits little-endian, stdout, stderr. */
function encodeOutput ({ stdout, stderr }: SmallOutput): Uint8Array {
  const head = Buffer.alloc(4)

  head.writeUInt32LE(stdout.byteLength)

  return Buffer.concat([head, stdout, stderr])
}

function decodeOutput (bytes: Uint8Array): SmallOutput {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = 4 + (buffer.byteLength < 4 ? 0 : buffer.readUInt32LE(0))

  return { stdout: buffer.subarray(4, end), stderr: buffer.subarray(end) }
}

function toBytes (value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

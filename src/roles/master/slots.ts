import { toError } from '../../model/errors.ts'
import { ANSWER_MS, SlotLine } from './slot-line.ts'
import type { OneAnswer } from './coordinator/state.ts'
import type { After, SlotLineComponents } from './slot-line.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { SlotAnswer, StartOutcome } from '../../node/protocol/slot/messages.ts'

/** Well inside the worker's lease. */
const RENEW_MS = 2_000

/** Killing and reaping a program may take a while on a busy machine. */
const CANCEL_MS = 30_000

/** An instant on a worker's clock, and how far it may be from the same instant of other workers. */
export interface Instant {
  startAtMs: number
  startErrorMs: number
}

export interface SlotsComponents {
  open: SlotLineComponents['open']
  /** @default setTimeout */
  after?: After
  claim: () => Claim
  /** Above all ids of earlier lives: a master restored from a backup may reign under a claim that workers know already. */
  firstId: number
  onAnswer: (worker: string, execution: string, reply: OneAnswer) => void
  onOutcomes: (worker: string, outcomes: Array<{ execution: string, outcome: StartOutcome }>) => void
  onReturned: (worker: string, executions: string[], reason: string) => void
  onRecalled: (worker: string, execution: string, reply: OneAnswer) => void
  /** Nothing is known of what was said of these, and what was reserved is reserved no more; `unsent` are those of them whose START has certainly not been said. */
  onLost: (worker: string, executions: string[], reason: string, unsent: string[]) => void
}

/** What START says of the job. */
export interface StartedJob {
  id: string
  sealed: () => Promise<Uint8Array>
}

/** Executions that a worker will be told to start; those of which something else has become meanwhile are in it no more. */
export interface Intent {
  readonly worker: string
  readonly executions: Set<string>
  readonly reserved: boolean
}

interface Reservation {
  execution: string
  line: SlotLine
  stopRenewal?: () => void
}

/**
 * The coordinator's side of the slots: a long-lived stream to each worker that
 * it has had something to say to, and the leases of what is reserved there,
 * renewed until START or ROLLBACK. Every outcome comes back as an event.
 */
export class Slots {
  readonly #components: SlotsComponents
  readonly #lines = new Map<string, SlotLine>()
  /** What a worker was asked, or is to start without having been asked, without an answer that ended it. */
  readonly #said = new Map<SlotLine, Map<string, 'asked' | 'start'>>()
  readonly #reservations = new Map<string, Reservation>()
  readonly #intents = new Map<string, Intent>()
  readonly #after: After
  #ids: number
  #stopped = false

  constructor (components: SlotsComponents) {
    this.#components = components
    this.#after = components.after ?? later
    this.#ids = components.firstId
  }

  /** AVAILABLE. */
  async ask (worker: string, execution: string, measured: boolean, payloads: string[]): Promise<void> {
    const line = this.#line(worker)
    const reservation: Reservation = { execution, line }

    // a START that had to wait until now would meet the reservation as a stranger, or run what was given away since
    this.#void(execution)
    // asked again before the answer to the first time came: only the last one counts
    this.#release(execution)
    this.#reservations.set(execution, reservation)
    this.#say(line, [execution], 'asked')

    const reply = await this.#request(line, { kind: 'available', claim: this.#components.claim(), execution, measured, ...(payloads.length === 0 ? {} : { payloads }) })

    if (reply == null || this.#reservations.get(execution) !== reservation) {
      return
    }

    if (reply.kind === 'ready') {
      this.#renewLater(reservation)
    } else {
      this.#answered(reservation)
    }

    this.#tell(worker, execution, reply)
  }

  /** Resolves when the worker's machine is quiet, or has been waited for long enough, or the reservation is lost: START will tell. */
  async settle (execution: string, quietMs: number): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation == null) {
      return
    }

    // the worker holds it for as long as it waits
    reservation.stopRenewal?.()

    const reply = await this.#request(reservation.line, { kind: 'renew', claim: this.#components.claim(), execution, quietMs }, ANSWER_MS + quietMs)

    if (reply?.kind === 'renewed' && this.#reservations.get(execution) === reservation) {
      this.#renewLater(reservation)
    }
  }

  /**
   * START will follow when it may. Until then it can come to nothing: when its
   * executions are asked for again or rolled back, or the line ends on which it
   * was to be said, which is reported as the end of any.
   */
  intend (worker: string, executions: string[], reserved: boolean): Intent {
    const intent = { worker, executions: new Set(executions), reserved }

    if (!reserved) {
      this.#say(this.#line(worker), executions, 'start')
    }

    executions.forEach(execution => { this.#intents.set(execution, intent) })

    return intent
  }

  /** There will be no START. Returns the executions of which nothing else has become. */
  abandon (intent: Intent): string[] {
    const executions = this.#take(intent)
    const line = this.#lines.get(intent.worker)

    if (line != null && !intent.reserved) {
      this.#unsay(line, executions)
    }

    return executions
  }

  /** START, in any free place, or of the one execution that is reserved there. */
  async start (intent: Intent, job: StartedJob, instant?: Instant): Promise<void> {
    const executions = this.#take(intent)

    if (!intent.reserved && executions.length > 0) {
      await this.#start(this.#line(intent.worker), executions, job, false)
    }

    for (const execution of intent.reserved ? executions : []) {
      await this.#startReserved(intent.worker, execution, job, instant)
    }
  }

  async #startReserved (worker: string, execution: string, job: StartedJob, instant: Instant | undefined): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation == null || reservation.line.worker !== worker) {
      this.#components.onAnswer(worker, execution, { kind: 'refused', reason: 'the reservation was lost' })
      return
    }

    this.#release(execution)
    await this.#start(reservation.line, [execution], job, true, instant)
  }

  /** ROLLBACK of a reservation. The lease ends by itself where this does not arrive. */
  async rollback (worker: string, execution: string): Promise<void> {
    const reservation = this.#reservations.get(execution)
    const intent = this.#void(execution)
    const line = this.#lines.get(worker)

    if (line != null && intent?.reserved === false) {
      this.#unsay(line, [execution])
    }

    if (reservation?.line.worker === worker) {
      this.#answered(reservation)
      await this.#request(reservation.line, { kind: 'rollback', claim: this.#components.claim(), execution })
    }
  }

  /** Takes back what was started and has not begun. */
  async recall (worker: string, execution: string): Promise<void> {
    const line = this.#line(worker)

    this.#say(line, [execution], 'asked')

    const reply = await this.#request(line, { kind: 'rollback', claim: this.#components.claim(), execution })

    if (reply != null && this.#unsay(line, [execution]).length > 0 && isOne(reply)) {
      this.#components.onRecalled(worker, execution, reply)
    }
  }

  /** Resolves when the worker has stopped and reaped everything of the job. */
  async cancel (worker: string, job: string, proof: Uint8Array): Promise<SlotAnswer> {
    return this.#line(worker).request({ kind: 'cancel', claim: this.#components.claim(), job, proof }, CANCEL_MS)
  }

  /** At once: a worker drops what is reserved with the stream. */
  stop (): void {
    this.#stopped = true
    this.drop('the master stops')
  }

  /** All streams, without a word: what is heard of them later is no news. */
  drop (reason: string): void {
    const lines = [...this.#lines.values()]

    this.#said.clear()
    this.#intents.forEach((_, execution) => { this.#void(execution) })
    lines.forEach(line => { line.end(new Error(reason)) })
  }

  async #start (line: SlotLine, executions: string[], job: StartedJob, reserved: boolean, instant?: Instant): Promise<void> {
    this.#say(line, executions, reserved ? 'asked' : 'start')

    let reply: SlotAnswer | undefined

    // a worker that has forgotten the job is told once more what it is
    for (let said = 0; said < 2 && (said === 0 || reply?.kind === 'unknown-job'); said++) {
      if (said > 0) {
        line.jobs.delete(job.id)
      }

      const sealed = line.jobs.has(job.id) ? undefined : await this.#sealed(line, executions, job)

      if (sealed === null) {
        return
      }

      line.noteJob(job.id)
      reply = await this.#request(line, { kind: 'start', claim: this.#components.claim(), jobId: job.id, job: sealed, executions, reserved, ...instant })
    }

    // the line has ended, and that was said
    if (reply == null) {
      return
    }

    const wanted = this.#unsay(line, executions)

    if (reply.kind === 'started') {
      const { outcomes } = reply

      if (outcomes.length === executions.length) {
        this.#components.onOutcomes(line.worker, executions.map((execution, at) => ({ execution, outcome: outcomes[at]! })).filter(({ execution }) => wanted.includes(execution)))
      } else {
        // nobody knows which are which
        this.#components.onLost(line.worker, wanted, `the worker has answered for ${outcomes.length} of ${executions.length} executions`, [])
      }
    } else {
      wanted.forEach(execution => { this.#tell(line.worker, execution, reply, reply.kind !== 'ready') })
    }
  }

  /** Null when it cannot be had: nothing was said to the worker then. */
  async #sealed (line: SlotLine, executions: string[], job: StartedJob): Promise<Uint8Array | null> {
    try {
      return await job.sealed()
    } catch (err) {
      this.#unsay(line, executions).forEach(execution => { this.#components.onAnswer(line.worker, execution, { kind: 'refused', reason: toError(err).message }) })
      return null
    }
  }

  #line (worker: string): SlotLine {
    const known = this.#lines.get(worker)

    if (known != null) {
      return known
    }

    const line: SlotLine = new SlotLine({
      worker,
      open: this.#components.open,
      after: this.#after,
      nextId: () => ++this.#ids,
      onReturned: (executions, reason) => { this.#components.onReturned(worker, executions, reason) },
      onEnd: reason => { this.#onEnd(line, reason) }
    })

    this.#lines.set(worker, line)
    this.#said.set(line, new Map())

    return line
  }

  #onEnd (line: SlotLine, { message }: Error): void {
    const said = this.#said.get(line) ?? new Map<string, 'asked' | 'start'>()
    const executions = [...said.keys()]
    // of one that was only asked an earlier START may have been lost
    const unsent = executions.filter(execution => said.get(execution) === 'start' && (!line.wasOpen || this.#intents.has(execution)))
    const wasInUse = this.#said.delete(line)

    executions.forEach(execution => { this.#void(execution) })

    if (this.#lines.get(line.worker) === line) {
      this.#lines.delete(line.worker)
    }

    for (const reservation of [...this.#reservations.values()].filter(reservation => reservation.line === line)) {
      this.#release(reservation.execution)
    }

    if (wasInUse && !this.#stopped) {
      this.#components.onLost(line.worker, executions, message, unsent)
    }
  }

  /** Undefined when the line has ended before the answer came, or the answer was waited for long enough: the end of a line is said once, for all that was said on it. */
  async #request (line: SlotLine, ...request: Parameters<SlotLine['request']>): Promise<SlotAnswer | undefined> {
    try {
      return await line.request(...request)
    } catch {
      return undefined
    }
  }

  #renewLater (reservation: Reservation): void {
    reservation.stopRenewal?.()
    reservation.stopRenewal = this.#after(RENEW_MS, () => { void this.#renew(reservation) })
  }

  async #renew (reservation: Reservation): Promise<void> {
    const { line, execution } = reservation
    const reply = await this.#request(line, { kind: 'renew', claim: this.#components.claim(), execution })

    if (reply == null || this.#reservations.get(execution) !== reservation) {
      return
    }

    if (reply.kind === 'renewed') {
      this.#renewLater(reservation)
    } else {
      this.#answered(reservation)
      this.#tell(line.worker, execution, reply)
    }
  }

  /** Whatever makes no sense says nothing: it is asked again. */
  #tell (worker: string, execution: string, reply: SlotAnswer, makesSense = true): void {
    if (makesSense && isOne(reply) && SAYS_SOMETHING.has(reply.kind)) {
      this.#components.onAnswer(worker, execution, reply)
    } else {
      this.#components.onLost(worker, [execution], `the worker has answered ${reply.kind}, which is no answer to that`, [])
    }
  }

  #say (line: SlotLine, executions: string[], what: 'asked' | 'start'): void {
    executions.forEach(execution => this.#said.get(line)?.set(execution, what))
  }

  /** Those of which nothing was heard so far, as that their line has ended. */
  #unsay (line: SlotLine, executions: string[]): string[] {
    return executions.filter(execution => this.#said.get(line)?.delete(execution) === true)
  }

  /** Those that are still to be started; from here on only the worker can take them back. */
  #take ({ executions }: Intent): string[] {
    executions.forEach(execution => { this.#intents.delete(execution) })

    return [...executions]
  }

  #void (execution: string): Intent | undefined {
    const intent = this.#intents.get(execution)

    intent?.executions.delete(execution)
    this.#intents.delete(execution)

    return intent
  }

  /** Nothing more is awaited of it. */
  #answered ({ execution, line }: Reservation): void {
    this.#release(execution)
    this.#unsay(line, [execution])
  }

  #release (execution: string): void {
    this.#reservations.get(execution)?.stopRenewal?.()
    this.#reservations.delete(execution)
  }
}

const later: After = (ms, run) => {
  const timer = setTimeout(run, ms)

  return () => { clearTimeout(timer) }
}

const SAYS_SOMETHING: ReadonlySet<SlotAnswer['kind']> = new Set(['ready', 'busy', 'stale', 'known', 'refused'])

function isOne (reply: SlotAnswer): reply is OneAnswer {
  return reply.kind !== 'started' && reply.kind !== 'unknown-job' && reply.kind !== 'returned'
}

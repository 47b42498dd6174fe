import { isMeshmarkError, toError } from '../../model/errors.ts'
import { parseExecutionId } from '../../model/ids.ts'
import { DEFAULT_QUIET_MS } from '../../model/plan.ts'
import { measureOffset, monotonicNow } from '../../node/clock.ts'
import { seal } from '../../node/membership.ts'
import { sendPayload } from '../../node/payload/send.ts'
import { encodeTicket } from '../../node/protocol/sealed/index.ts'
import { compareClaims } from '../claim.ts'
import { TICKET_DOMAIN } from '../ticket.ts'
import { emptyCoordinator } from './coordinator/state.ts'
import { stepCoordinator } from './coordinator/step.ts'
import { freezeTargets } from './coordinator/targets.ts'
import { Slots } from './slots.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState } from './coordinator/state.ts'
import type { Instant } from './slots.ts'
import type { JobStore } from './job-store.ts'
import type { Job } from '../../model/job.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { ContentStore } from '../../store/content.ts'
import type { PrivateKey } from '@libp2p/interface'

const TICK_MS = 1_000

/** A ticket outlives the transfer it is for by far. */
const TICKET_MS = 60 * 60 * 1000

/** Time for START to arrive everywhere before the common instant, beyond the slowest link's own delay. */
const START_LEAD_MS = 25
const MAX_START_LEAD_MS = 2_000
const OFFSET_TIMEOUT_MS = 2_000

/** A reign is a start of a master: so many are not lost with any journal. */
const MAX_TERM_STEP = 1_000_000

export interface CoordinatorComponents {
  node: MeshNode
  identity: PrivateKey
  jobs: JobStore
  content: ContentStore
  claim: Claim
  saveTerm: (term: number) => Promise<void>
  log: (line: string) => void
}

/** What others may want to hear of: a task or a worker changed, a transfer went on, a job ended. */
export interface CoordinatorListener {
  onTask?: (job: string, task: string) => void
  onJobEnd?: (job: string) => void
  onTransfer?: (job: string, task: string, chunks: number, of: number) => void
}

/**
 * The shell around the coordinator's state machine: feeds it events, carries
 * out its effects in order. What is `persist`ed is on disk before the effects
 * behind it begin.
 */
export class Coordinator {
  readonly state: CoordinatorState = emptyCoordinator()
  readonly #components: CoordinatorComponents
  readonly #slots: Slots
  readonly #listeners = new Set<CoordinatorListener>()
  readonly #transfers = new Map<string, AbortController>()
  #effects: Promise<void> = Promise.resolve()
  #claim: Claim
  #timer?: NodeJS.Timeout
  #stopping = false
  #trouble?: string

  constructor (components: CoordinatorComponents) {
    this.#components = components
    this.#claim = components.claim
    this.#slots = new Slots({
      node: components.node,
      claim: () => this.#claim,
      onAnswer: (worker, execution, reply) => {
        if (reply.kind === 'stale') {
          this.#outbidLater(reply.highest)
        }

        this.dispatch({ kind: 'answer', worker, execution, reply, nowMs: Date.now() })
      },
      onFailure: (worker, execution, reason) => { this.dispatch({ kind: 'ask-failed', worker, execution, reason, nowMs: Date.now() }) }
    })
  }

  get claim (): Claim {
    return this.#claim
  }

  /**
   * A worker has seen a higher claim than ours, as after the loss of our
   * journal: reign above it. What no history can explain is a lie, and would
   * use up the terms for everybody.
   */
  async outbid (highest: Claim): Promise<void> {
    if (highest.term - this.#claim.term > MAX_TERM_STEP) {
      this.#components.log(`a worker claims to have seen term ${highest.term}, and this is term ${this.#claim.term}: not believed`)
    } else if (compareClaims(highest, this.#claim) > 0) {
      this.#claim = { term: highest.term + 1, master: this.#components.node.peerId }
      await this.#components.saveTerm(this.#claim.term)
    }
  }

  /** The claim counts at once; a term that could not be kept is outbid again after a restart. */
  #outbidLater (highest: Claim): void {
    this.outbid(highest).catch(err => { this.#components.log(`term ${this.#claim.term}: ${toError(err).message}`) })
  }

  /** Takes up what the journal holds. */
  async start (): Promise<void> {
    const { jobs, content } = this.#components

    for await (const stored of jobs.all()) {
      const results = await jobs.results(stored.job.id)

      this.dispatch({
        kind: 'restore',
        job: stored.job,
        acceptedAtMs: stored.acceptedAtMs,
        finishedAtMs: stored.finishedAtMs,
        targets: stored.targets,
        ended: results.map(({ key, outcome, reason, start }) => ({ key, outcome, reason, simultaneous: start?.simultaneous })),
        assigned: stored.assigned,
        cancelled: stored.cancelled,
        nowMs: Date.now()
      })

      if (stored.finishedAtMs == null && stored.job.payload != null) {
        content.pin(stored.job.payload.id, stored.job.id)
      }
    }

    this.dispatch({ kind: 'reign', nowMs: Date.now() })
    this.#timer = setInterval(() => { this.dispatch({ kind: 'tick', nowMs: Date.now() }) }, TICK_MS)
  }

  async stop (): Promise<void> {
    this.#stopping = true
    clearInterval(this.#timer)

    for (const transfer of this.#transfers.values()) {
      transfer.abort(new Error('the master stops'))
    }

    this.#slots.stop()
    await this.#effects
  }

  listen (listener: CoordinatorListener): () => void {
    this.#listeners.add(listener)

    return () => { this.#listeners.delete(listener) }
  }

  /** Throws `no-worker` before anything is stored; resolves when the job is durable. */
  async accept (job: Job, sealed: Uint8Array): Promise<void> {
    const { jobs, content } = this.#components
    const targets = freezeTargets(this.state, job)
    const acceptedAtMs = Date.now()

    if (job.payload != null) {
      content.pin(job.payload.id, job.id)
    }

    try {
      await jobs.accept(job, sealed, { acceptedAtMs, targets })
    } catch (err) {
      if (job.payload != null) {
        content.unpin(job.payload.id, job.id)
      }

      throw err
    }

    this.dispatch({ kind: 'accept', job, acceptedAtMs, targets, nowMs: Date.now() })
  }

  async cancel (job: string): Promise<void> {
    // what has ended was not cancelled
    if (this.state.jobs.get(job)?.finishedAtMs != null) {
      return
    }

    await this.#components.jobs.cancel(job)
    this.dispatch({ kind: 'cancel', job, nowMs: Date.now() })
  }

  dispatch (event: CoordinatorEvent): void {
    if (this.#stopping) {
      return
    }

    const effects = stepCoordinator(this.state, event)

    if (effects.length > 0) {
      this.#effects = this.#effects.then(async () => this.#carryOut(effects)).catch(err => {
        this.#components.log(`coordinator: ${toError(err).message}`)
      })
    }
  }

  async #carryOut (effects: CoordinatorEffect[]): Promise<void> {
    const refused = await this.#assign(effects.flatMap(effect => effect.kind === 'persist-assign' ? [effect.execution] : []))

    for (const effect of effects) {
      switch (effect.kind) {
        case 'persist-assign':
          break
        case 'ask': {
          const entry = this.state.jobs.get(parseExecutionId(effect.execution).job)
          void this.#slots.ask(effect.worker, effect.execution, entry?.job.kind === 'run', entry?.job.payload?.id)
          break
        }
        case 'rollback':
          this.#transfers.get(effect.execution)?.abort(new Error('rolled back'))
          void this.#slots.rollback(effect.execution)
          break
        case 'send-payload':
          void this.#sendPayload(effect.worker, effect.execution)
          break
        case 'start':
          if (refused == null) {
            void this.#start(effect.starts, effect.together)
          } else {
            effect.starts.forEach(({ worker, execution }) => { this.#notStarted(worker, execution, refused) })
          }
          break
        case 'cancel-on':
          void this.#cancelOn(effect.worker, effect.job)
          break
        case 'task-changed':
          this.#listeners.forEach(listener => { listener.onTask?.(effect.job, effect.task) })
          break
        case 'worker-changed':
          break
        case 'job-forgotten':
          if (effect.job.payload != null) {
            this.#components.content.unpin(effect.job.payload.id, effect.job.id)
          }

          this.#listeners.forEach(listener => { listener.onJobEnd?.(effect.job.id) })
          break
        case 'job-ended':
          await this.#onJobEnd(effect.job, effect.atMs)
          break
      }
    }
  }

  /** Why the assignments are not on disk, or undefined: no START without, but everything else goes on. */
  async #assign (executions: string[]): Promise<string | undefined> {
    try {
      if (executions.length > 0) {
        await this.#components.jobs.assign(executions)
      }
    } catch (err) {
      return toError(err).message
    }
  }

  /** START was not sent: the worker is free again, the task waits. */
  #notStarted (worker: string, execution: string, reason: string): void {
    // the same trouble is said once
    if (this.#trouble !== reason) {
      this.#trouble = reason
      this.#components.log(`job ${parseExecutionId(execution).job.slice(-8).toLowerCase()} cannot be started: ${reason}; trying again`)
    }

    this.dispatch({ kind: 'answer', worker, execution, reply: { kind: 'refused', reason }, nowMs: Date.now() })
  }

  async #onJobEnd (id: string, atMs: number): Promise<void> {
    const entry = this.state.jobs.get(id)

    // a restart works it out again
    await this.#components.jobs.end(id, atMs).catch(err => { this.#components.log(`end of job ${id.slice(-8).toLowerCase()}: ${toError(err).message}`) })

    if (entry?.job.payload != null) {
      this.#components.content.unpin(entry.job.payload.id, id)
    }

    this.#listeners.forEach(listener => { listener.onJobEnd?.(id) })
  }

  async #sendPayload (worker: string, execution: string): Promise<void> {
    const { node, identity, content } = this.#components
    const { job, task } = parseExecutionId(execution)
    const manifest = this.state.jobs.get(job)?.job.payload
    const stop = new AbortController()

    if (manifest == null) {
      return
    }

    this.#transfers.set(execution, stop)

    try {
      const ticket = await seal(identity, TICKET_DOMAIN, encodeTicket({
        payload: manifest.id,
        sender: node.peerId,
        receiver: worker,
        expiresMs: Date.now() + TICKET_MS
      }))
      const source = await content.open(manifest.id)

      try {
        await sendPayload(node, worker, {
          manifest,
          ticket,
          readChunk: async index => source.readChunk(index),
          onProgress: (chunks, of) => { this.#listeners.forEach(listener => { listener.onTransfer?.(job, task, chunks, of) }) },
          signal: stop.signal
        })
      } finally {
        await source.close()
      }

      if (!stop.signal.aborted) {
        this.dispatch({ kind: 'payload-sent', execution, nowMs: Date.now() })
      }
    } catch (err) {
      if (!stop.signal.aborted) {
        this.#components.log(`payload for ${worker.slice(-8)}: ${toError(err).message}`)
        this.dispatch({ kind: 'payload-failed', execution, reason: toError(err).message, refused: isMeshmarkError(err) && err.code === 'refused', nowMs: Date.now() })
      }
    } finally {
      // it may have been rolled back, and have another transfer since
      if (this.#transfers.get(execution) === stop) {
        this.#transfers.delete(execution)
      }
    }
  }

  async #start (starts: Array<{ worker: string, execution: string }>, together: boolean): Promise<void> {
    await this.#settle(starts.map(({ execution }) => execution))

    const instants = together ? await this.#commonInstant(starts.map(({ worker }) => worker)) : new Map<string, Instant>()

    await Promise.all(starts.map(async ({ worker, execution }) => {
      try {
        const sealed = await this.#components.jobs.sealed(parseExecutionId(execution).job)

        if (sealed == null) {
          throw new Error('its record is missing in the journal')
        }

        await this.#slots.start(worker, execution, sealed, instants.get(worker))
      } catch (err) {
        this.#notStarted(worker, execution, toError(err).message)
      }
    }))
  }

  /** What measures waits for quiet machines, all at the same time: the instant is chosen when the slowest one is. */
  async #settle (executions: string[]): Promise<void> {
    await Promise.all(executions.map(async execution => {
      const job = this.state.jobs.get(parseExecutionId(execution).job)?.job
      const quietMs = job?.kind === 'run' ? job.quietMs ?? DEFAULT_QUIET_MS : 0

      if (quietMs > 0) {
        await this.#slots.settle(execution, quietMs)
      }
    }))
  }

  /** One instant, on each worker's own clock as it is now. A worker whose clock cannot be read in time starts at once. */
  async #commonInstant (workers: string[]): Promise<Map<string, Instant>> {
    const { node } = this.#components
    const clocks = await Promise.all(workers.map(async worker => {
      const offset = await measureOffset(node, worker, { signal: AbortSignal.timeout(OFFSET_TIMEOUT_MS) }).catch(() => undefined)

      return { worker, offset }
    }))

    const slowest = Math.max(...clocks.map(({ offset }) => offset?.delayMs ?? 0))
    const instant = monotonicNow() + Math.min(START_LEAD_MS + 2 * slowest, MAX_START_LEAD_MS)

    return new Map(clocks.flatMap(({ worker, offset }) => offset == null ? [] : [[worker, { startAtMs: instant + offset.offsetMs, startErrorMs: offset.delayMs / 2 }]]))
  }

  async #cancelOn (worker: string, job: string): Promise<void> {
    try {
      const reply = await this.#slots.cancel(worker, job)

      if (reply.kind === 'cancelled') {
        this.dispatch({ kind: 'cancel-answered', job, worker, nowMs: Date.now() })
      } else if (reply.kind === 'stale') {
        this.#outbidLater(reply.highest)
      }
    } catch (err) {
      // the worker is told again when it registers
      if (!isMeshmarkError(err) || err.code !== 'unreachable') {
        this.#components.log(`cancel on ${worker.slice(-8)}: ${toError(err).message}`)
      }
    }
  }
}

import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { workerPayloads } from '../../machine/variants.ts'
import { executionId, parseExecutionId, shortJobId } from '../../model/ids.ts'
import { jobPayloads } from '../../model/job-payloads.ts'
import { slot } from '../../node/protocol/slot/index.ts'
import { compareClaims } from '../claim.ts'
import { Acceptance } from './acceptance.ts'
import { SETTLE_MS } from './coordinator/place.ts'
import { nextAlarmMs } from './coordinator/deadlines.ts'
import { planJob } from './coordinator/plan.ts'
import { COMMANDS, emptyCoordinator } from './coordinator/state.ts'
import { stepCoordinator } from './coordinator/step.ts'
import { FactFeed, restoreEvent } from './fact-feed.ts'
import { ANSWER_MS } from './slot-line.ts'
import { Slots } from './slots.ts'
import { Starts } from './starts.ts'
import { ToldCancels } from './told-cancels.ts'
import { Transfers } from './transfers.ts'
import type { Durable } from './acceptance.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, OneAnswer } from './coordinator/state.ts'
import type { Masters } from './masters.ts'
import type { JobStore } from './job-store.ts'
import type { Payloads } from './payloads.ts'
import type { Replica } from './replica/replica.ts'
import type { ExecutionKey } from '../../model/ids.ts'
import type { Job } from '../../model/job.ts'
import type { PayloadManifest } from '../../model/payload.ts'
import type { Outcome } from '../../model/result.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { ContentStore } from '../../store/content.ts'

const TICK_MS = 1_000

/** A clock that is set meanwhile is noticed. */
const MAX_ALARM_MS = 60_000

export interface CoordinatorComponents {
  node: MeshNode
  replica: Replica
  jobs: JobStore
  content: ContentStore
  payloads: Payloads
  masters: Pick<Masters, 'live' | 'replicated' | 'stale' | 'catchUp' | 'cancels'>
  log: (line: string) => void
}

/** What others may want to hear of: a task or a worker changed, a transfer went on, a job ended. */
export interface CoordinatorListener {
  onTask?: (job: string, task: string) => void
  onJobEnd?: (job: string) => void
  /** Peer id. */
  onWorker?: (worker: string) => void
  /** The record of an execution has come, from its worker or by way of another master; each is told once. */
  onEnded?: (ended: EndedExecution, job: Job) => void
  /** `note`: what went wrong with it and was worked around. */
  onTransfer?: (job: string, task: string, chunks: number, of: number, note?: string) => void
}

export interface EndedExecution {
  key: ExecutionKey
  outcome: Outcome
  /** The worker's clock, milliseconds since 1970. */
  startedAt: number
  finishedAt: number
}

/**
 * The shell around the coordinator's state machine: feeds it events, carries
 * out its effects in order. Every master has one; while another master
 * coordinates it follows what happens, and says nothing to workers. What is
 * `persist`ed is on disk, and on that of every live master, before the START
 * that rests on it.
 */
export class Coordinator {
  readonly state: CoordinatorState = emptyCoordinator()
  readonly #components: CoordinatorComponents
  readonly #slots: Slots
  readonly #feed: FactFeed
  readonly #listeners = new Set<CoordinatorListener>()
  readonly #acceptance: Acceptance
  readonly #transfers: Transfers
  readonly #starts: Starts
  /** Ends of jobs on their way to the disk. */
  readonly #ending = new Set<Promise<void>>()
  #effects: Promise<void> = Promise.resolve()
  #claim?: Claim
  #timer?: NodeJS.Timeout
  #settling?: NodeJS.Timeout
  #alarm?: NodeJS.Timeout
  #alarmAtMs = Infinity
  #stopping = false

  constructor (components: CoordinatorComponents) {
    const { node, replica, jobs, content, payloads, masters, log } = components
    const dispatch = (event: CoordinatorEvent): void => { this.dispatch(event) }

    const told = new ToldCancels({
      holds: async (job, word) => masters.cancels.holds(job, word),
      isOpen: job => this.state.jobs.get(job)?.cancelled === false,
      cancel: async job => this.cancel(job),
      claim: () => this.#claim,
      log
    })

    this.#components = components
    this.#slots = new Slots({
      open: async worker => node.openChannel(worker, slot, { signal: AbortSignal.timeout(ANSWER_MS) }),
      claim: () => this.#claimOf(),
      // no life asks a thousand times a millisecond
      firstId: Date.now() * 1_000,
      onAnswer: (worker, execution, reply) => {
        if (reply.kind === 'stale') {
          void this.#onStale(worker, execution, reply)
        } else {
          told.heed(execution, [reply], ([reply]) => { dispatch({ kind: 'answer', worker, execution, reply: reply!, nowMs: Date.now() }) })
        }
      },
      onOutcomes: (worker, outcomes) => {
        const executions = outcomes.map(({ execution }) => execution)

        // all are of one job
        told.heed(executions[0] ?? '', outcomes.map(({ outcome }) => outcome), heard => {
          dispatch({ kind: 'outcomes', worker, outcomes: executions.map((execution, at) => ({ execution, outcome: heard[at]! })), nowMs: Date.now() })
        })
      },
      onReturned: (worker, executions, reason) => { dispatch({ kind: 'returned', worker, executions, reason, nowMs: Date.now() }) },
      onRecalled: (worker, execution, reply) => { dispatch({ kind: 'recall-answered', worker, execution, reply, nowMs: Date.now() }) },
      onLost: (worker, executions, reason, unsent) => { dispatch({ kind: 'stream-lost', worker, executions, unsent, reason, nowMs: Date.now() }) }
    })
    this.#starts = new Starts({ node, jobs, slots: this.#slots, masters, job: id => this.state.jobs.get(id)?.job, dispatch, log })
    this.#transfers = new Transfers({
      payloads,
      dispatch,
      onProgress: (...transfer) => { this.#listeners.forEach(listener => { listener.onTransfer?.(...transfer) }) },
      log
    })
    this.#acceptance = new Acceptance({ replica, jobs, content, payloads, masters, state: () => this.state, dispatch })
    this.#feed = new FactFeed({ replica, jobs, log, knows: job => this.state.jobs.has(job), dispatch: event => { this.#learn(event) } })
  }

  /** Brings a job back of which a record may come late, or which a worker still holds. False when there is no such job. */
  async recall (id: string): Promise<boolean> {
    const { jobs } = this.#components
    const stored = this.state.jobs.has(id) ? undefined : await jobs.get(id)
    const results = stored == null ? [] : await jobs.results(id)

    // it may have come back by itself meanwhile
    if (stored != null && !this.state.jobs.has(id)) {
      this.#learn(restoreEvent(stored, results))
    }

    return this.state.jobs.has(id)
  }

  /** Of this master's own reign; undefined while it stands by. */
  get claim (): Claim | undefined {
    return this.#claim
  }

  /** Takes up what the journal holds, but for jobs that are over and done with, and follows what other masters write. */
  async start (isOver: (job: string) => boolean): Promise<void> {
    const { jobs } = this.#components

    this.#feed.start()

    for await (const stored of jobs.all(isOver)) {
      this.#learn(restoreEvent(stored, await jobs.results(stored.job.id)))
    }

    this.#timer = setInterval(() => { this.dispatch({ kind: 'tick', nowMs: Date.now() }) }, TICK_MS)
  }

  async stop (): Promise<void> {
    this.#stopping = true
    clearInterval(this.#timer)
    clearTimeout(this.#settling)
    clearTimeout(this.#alarm)
    this.#transfers.drop('the master stops')
    this.#slots.stop()
    await this.#feed.stop()
    await this.#effects
    await Promise.all(this.#ending)
  }

  /** The election is won. */
  reign (claim: Claim): void {
    // what was under way under another claim is void
    if (this.#claim != null) {
      this.standDown()
    }

    this.#claim = claim
    this.dispatch({ kind: 'reign', catchingUp: true, nowMs: Date.now() })
    void this.#catchUp(claim)
    // what waits for workers to speak waits no longer than this
    this.#settling = setTimeout(() => { this.dispatch({ kind: 'tick', nowMs: Date.now() }) }, SETTLE_MS)
  }

  /** Another master coordinates: what was only being arranged is dropped, with no word to workers; what runs is that one's now. */
  standDown (): void {
    this.#claim = undefined
    clearTimeout(this.#settling)
    this.dispatch({ kind: 'stand-down', nowMs: Date.now() })
    this.#transfers.drop('another master coordinates')
    this.#slots.drop('another master coordinates')
  }

  listen (listener: CoordinatorListener): () => void {
    this.#listeners.add(listener)

    return () => { this.#listeners.delete(listener) }
  }

  /**
   * Throws `no-worker` or `refused` before anything is stored. Resolves when the
   * job is durable, here and on the masters named; with `replicas` on so many,
   * or nothing is accepted.
   */
  async accept (job: Job, sealed: Uint8Array): Promise<Durable> {
    return this.#acceptance.accept(job, sealed)
  }

  /** What would become of the job if it were accepted now. Throws as `accept` does before anything is stored. */
  plan (job: Job, viewer: string): ReturnType<typeof planJob> {
    return planJob(this.state, job, this.#acceptance.judge(job), viewer, Date.now())
  }

  /** Where a job is that was accepted before; with its payload, as long as that may be needed. Throws `failed` when that is on fewer masters than it wants. */
  async locate (job: Job, isOver: boolean): Promise<Durable> {
    return this.#acceptance.locate(job, isOver)
  }

  async cancel (job: string, expired = false): Promise<void> {
    // what has ended was not cancelled
    if (this.state.jobs.get(job)?.finishedAtMs != null) {
      return
    }

    const position = await this.#components.jobs.cancel(job, expired)

    this.dispatch({ kind: 'cancel', job, expired, nowMs: Date.now() })
    await this.#components.masters.replicated(position)
  }

  dispatch (event: CoordinatorEvent): void {
    this.#learn(event)
  }

  #learn (event: CoordinatorEvent): void {
    if (this.#stopping) {
      return
    }

    const known = event.kind === 'restore' && this.state.jobs.has(event.job.id)
    this.#tellEnded(event)

    const effects = stepCoordinator(this.state, event)
    const claim = this.#claim

    this.#setAlarm()

    if (event.kind === 'restore' && !known) {
      const entry = this.state.jobs.get(event.job.id)

      if (entry?.finishedAtMs == null) {
        jobPayloads(event.job).forEach(({ id }) => { this.#components.content.pin(id, event.job.id) })
      }
    }

    if (effects.length > 0) {
      this.#effects = this.#effects.then(async () => this.#carryOut(effects, claim)).catch(err => {
        this.#components.log(`coordinator: ${toError(err).message}`)
      })
    }
  }

  /** Before the step: afterwards it is known. */
  #tellEnded (event: CoordinatorEvent): void {
    if (event.kind !== 'result' || event.ran == null) {
      return
    }

    const { key, outcome, ran } = event
    const entry = this.state.jobs.get(key.job)

    if (entry != null && entry.tasks.get(key.task)?.records.has(executionId(key)) === false) {
      this.#listeners.forEach(listener => { listener.onEnded?.({ key, outcome, ...ran }, entry.job) })
    }
  }

  #setAlarm (): void {
    const atMs = nextAlarmMs(this.state)

    if (atMs === this.#alarmAtMs) {
      return
    }

    clearTimeout(this.#alarm)
    this.#alarmAtMs = atMs
    this.#alarm = atMs === Infinity
      ? undefined
      : setTimeout(() => {
        this.#alarmAtMs = Infinity
        this.dispatch({ kind: 'alarm', nowMs: Date.now() })
      }, Math.min(Math.max(0, atMs - Date.now()), MAX_ALARM_MS))
  }

  /** What other masters have assigned must be known here before anything is offered. */
  async #catchUp (claim: Claim): Promise<void> {
    try {
      await this.#components.masters.catchUp()
      await this.#feed.said()
    } catch (err) {
      // work goes on all the same
      this.#components.log(`what other masters know: ${toError(err).message}`)
    }

    if (this.#claim === claim) {
      this.dispatch({ kind: 'caught-up', nowMs: Date.now() })
    }
  }

  /** What a later coordinator did there, that one knows. Where there is none, the worker has only said that it does not do it: others may. */
  async #onStale (worker: string, execution: string, reply: Extract<OneAnswer, { kind: 'stale' }>): Promise<void> {
    const claim = this.#claim
    const isLater = claim == null || compareClaims(reply.highest, claim) > 0
    const isMade = await this.#components.masters.stale(reply.highest)

    if (this.#claim === claim) {
      const answer: OneAnswer = isMade && isLater ? reply : { kind: 'refused', reason: 'the worker follows a coordinator that there is not' }

      this.dispatch({ kind: 'answer', worker, execution, reply: answer, nowMs: Date.now() })
    }
  }

  #claimOf (): Claim {
    if (this.#claim == null) {
      throw new MeshmarkError('refused', 'another master coordinates')
    }

    return this.#claim
  }

  #carryOut (effects: CoordinatorEffect[], claim: Claim | undefined): void {
    // of a reign that has ended meanwhile
    const isOver = this.#claim == null || this.#claim !== claim
    const wanted = isOver ? effects.filter(({ kind }) => !COMMANDS.has(kind)) : effects
    const assigned = this.#starts.assign(wanted.flatMap(effect => effect.kind === 'persist-assign' ? [effect.execution] : []))

    wanted.forEach(effect => { this.#carryOutOne(effect, assigned, claim) })
  }

  #carryOutOne (effect: CoordinatorEffect, assigned: Promise<string | undefined>, claim: Claim | undefined): void {
    switch (effect.kind) {
      case 'ask': {
        const job = this.#jobOf(effect.execution)
        return this.#do(this.#slots.ask(effect.worker, effect.execution, job?.kind === 'run', this.#neededBy(effect.worker, job).map(({ id }) => id)))
      }
      case 'rollback':
        this.#transfers.stop(effect.execution, 'rolled back')
        return this.#do(this.#slots.rollback(effect.worker, effect.execution))
      case 'recall':
        return this.#do(this.#slots.recall(effect.worker, effect.execution))
      case 'send-payload': {
        const job = this.#jobOf(effect.execution)
        return job == null ? undefined : this.#do(this.#transfers.send(effect.worker, effect.execution, this.#neededBy(effect.worker, job)))
      }
      case 'start':
        return this.#do(this.#starts.start(effect, assigned))
      case 'cancel-on':
        return this.#do(this.#cancelOn(effect.worker, effect.job))
      case 'expire':
        return this.#do(this.cancel(effect.job, true))
      case 'task-changed':
        return this.#listeners.forEach(listener => { listener.onTask?.(effect.job, effect.task) })
      case 'job-forgotten':
        return this.#onForgotten(effect.job)
      case 'job-ended': {
        const ending = this.#onJobEnd(effect.job, effect.atMs, claim).finally(() => this.#ending.delete(ending))
        this.#ending.add(ending)
        break
      }
      case 'worker-changed':
        return this.#listeners.forEach(listener => { listener.onWorker?.(effect.worker) })
      case 'persist-assign':
    }
  }

  /** Not waited for: its outcome comes back as an event, unless the reign ends before. */
  #do (command: Promise<void>): void {
    command.catch(err => {
      if (this.#claim != null) {
        this.#components.log(`coordinator: ${toError(err).message}`)
      }
    })
  }

  #jobOf (execution: string): Job | undefined {
    return this.state.jobs.get(parseExecutionId(execution).job)?.job
  }

  #neededBy (worker: string, job: Job | undefined): PayloadManifest[] {
    return job == null ? [] : workerPayloads(job, this.state.workers.get(worker)?.info)
  }

  #onForgotten (job: Job): void {
    jobPayloads(job).forEach(({ id }) => { this.#components.content.unpin(id, job.id) })

    this.#listeners.forEach(listener => { listener.onJobEnd?.(job.id) })
  }

  async #onJobEnd (id: string, atMs: number, claim: Claim | undefined): Promise<void> {
    const entry = this.state.jobs.get(id)

    // only who coordinated then could say of what has no record that it is lost; a standby says the rest when it reigns
    if (claim != null) {
      await this.#components.jobs.end(id, atMs).catch(err => { this.#components.log(`end of job ${shortJobId(id)}: ${toError(err).message}`) })
    }

    if (entry != null) {
      jobPayloads(entry.job).forEach(payload => { this.#components.content.unpin(payload.id, id) })
    }

    this.#listeners.forEach(listener => { listener.onJobEnd?.(id) })
  }

  async #cancelOn (worker: string, job: string): Promise<void> {
    const claim = this.#claim

    try {
      const proof = await this.#components.masters.cancels.prove(job)

      // the next coordinator says it for itself
      if (this.#claim !== claim) {
        return
      }

      const reply = await this.#slots.cancel(worker, job, proof)

      if (reply.kind === 'cancelled') {
        this.dispatch({ kind: 'cancel-answered', job, worker, nowMs: Date.now() })
      } else if (reply.kind === 'stale') {
        void this.#components.masters.stale(reply.highest)
      }
    } catch (err) {
      // the worker is told again when it registers
      if (!isMeshmarkError(err) || err.code !== 'unreachable') {
        this.#components.log(`cancel on ${worker.slice(-8)}: ${toError(err).message}`)
      }
    }
  }
}

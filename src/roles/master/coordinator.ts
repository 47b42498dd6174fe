import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { executionId, parseExecutionId, shortJobId } from '../../model/ids.ts'
import { DEFAULT_QUIET_MS } from '../../model/plan.ts'
import { measureOffset, monotonicNow } from '../../node/clock.ts'
import { SETTLE_MS } from './coordinator/place.ts'
import { COMMANDS, emptyCoordinator } from './coordinator/state.ts'
import { stepCoordinator } from './coordinator/step.ts'
import { freezeTargets } from './coordinator/targets.ts'
import { FactFeed, restoreEvent } from './fact-feed.ts'
import { Slots } from './slots.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState } from './coordinator/state.ts'
import type { Masters } from './masters.ts'
import type { Instant } from './slots.ts'
import type { JobStore } from './job-store.ts'
import type { Payloads } from './payloads.ts'
import type { Position, Replica } from './replica/replica.ts'
import type { Job } from '../../model/job.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { ContentStore } from '../../store/content.ts'

const TICK_MS = 1_000

/** Time for START to arrive everywhere before the common instant, beyond the slowest link's own delay. */
const START_LEAD_MS = 25
const MAX_START_LEAD_MS = 2_000
const OFFSET_TIMEOUT_MS = 2_000

export interface CoordinatorComponents {
  node: MeshNode
  replica: Replica
  jobs: JobStore
  content: ContentStore
  payloads: Payloads
  masters: Pick<Masters, 'live' | 'replicated' | 'stale' | 'catchUp'>
  log: (line: string) => void
}

/** Where a job is on disk: names of masters, this one first, and of those that could not be waited for. */
export interface Durable {
  on: string[]
  leftOut: string[]
}

/** What others may want to hear of: a task or a worker changed, a transfer went on, a job ended. */
export interface CoordinatorListener {
  onTask?: (job: string, task: string) => void
  onJobEnd?: (job: string) => void
  onTransfer?: (job: string, task: string, chunks: number, of: number) => void
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
  readonly #transfers = new Map<string, AbortController>()
  /** Executions whose output has come here from their own workers. */
  readonly #delivered = new Set<string>()
  #effects: Promise<void> = Promise.resolve()
  #claim?: Claim
  #timer?: NodeJS.Timeout
  #settling?: NodeJS.Timeout
  #stopping = false
  #trouble?: string

  constructor (components: CoordinatorComponents) {
    const { node, replica, jobs, masters, log } = components

    this.#components = components
    this.#slots = new Slots({
      node,
      claim: () => this.#claimOf(),
      onAnswer: (worker, execution, reply) => {
        if (reply.kind === 'stale') {
          masters.stale(reply.highest)
        }

        this.dispatch({ kind: 'answer', worker, execution, reply, nowMs: Date.now() })
      },
      onFailure: (worker, execution, reason) => { this.dispatch({ kind: 'ask-failed', worker, execution, reason, nowMs: Date.now() }) }
    })
    this.#feed = new FactFeed({ replica, jobs, log, knows: job => this.state.jobs.has(job), dispatch: event => { this.#learn(event) } })
  }

  /** Of this master's own reign; undefined while it stands by. */
  get claim (): Claim | undefined {
    return this.#claim
  }

  /** Takes up what the journal holds, and follows what other masters write. */
  async start (): Promise<void> {
    const { jobs } = this.#components

    this.#feed.start()

    for await (const stored of jobs.all()) {
      this.#learn(restoreEvent(stored, await jobs.results(stored.job.id)))
    }

    this.#timer = setInterval(() => { this.dispatch({ kind: 'tick', nowMs: Date.now() }) }, TICK_MS)
  }

  async stop (): Promise<void> {
    this.#stopping = true
    clearInterval(this.#timer)
    clearTimeout(this.#settling)
    this.#dropTransfers('the master stops')
    this.#slots.stop()
    await this.#feed.stop()
    await this.#effects
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
    this.#dropTransfers('another master coordinates')
    this.#slots.drop('another master coordinates')
  }

  /** Is all that this execution has printed here, as far as its worker brought it itself? */
  isDelivered (execution: string): boolean {
    return this.#delivered.has(execution)
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
    const { jobs, content, replica } = this.#components
    const targets = freezeTargets(this.state, job)
    const acceptedAtMs = Date.now()
    const accepted = (): void => { this.dispatch({ kind: 'accept', job, acceptedAtMs, targets, nowMs: Date.now() }) }

    this.#checkReplicas(job, 1 + this.#components.masters.live().length)

    if (job.payload != null) {
      content.pin(job.payload.id, job.id)
    }

    try {
      // before anything is written: who is slow to answer already would leave too few
      const payload = job.replicas == null ? undefined : both([await this.#replicated(replica.position), await this.#replicatePayload(job)])

      this.#checkReplicas(job, payload?.on.length ?? Infinity)

      const position = await jobs.accept(job, sealed, { acceptedAtMs, targets })

      if (job.replicas == null) {
        accepted()
      }

      const durable = both(await Promise.all([this.#replicated(position), payload ?? this.#replicatePayload(job)]))

      if (job.replicas != null && durable.on.length < job.replicas) {
        // what some have already must not come to life anywhere
        await jobs.bury([job.id], Date.now())
        // others may have spoken of it already
        this.dispatch({ kind: 'forget', job: job.id, nowMs: Date.now() })

        throw new MeshmarkError('refused', `${job.replicas} masters are to have the job on disk (--replicas) and only ${durable.on.length} took it (${durable.leftOut.join(', ') || 'the others'} did not): nothing was accepted, and the id ${job.id} is spent; submit it again, as a new job, when meshmark nodes shows them`)
      }

      if (job.replicas != null) {
        // another master that was asked for the very same job may have refused it meanwhile
        if (jobs.isBuried(job.id)) {
          throw new MeshmarkError('refused', `too few masters took job ${job.id} on disk (--replicas) when it was first submitted: nothing was accepted, and its id is spent; submit it again, as a new job`)
        }

        accepted()
      }

      return durable
    } catch (err) {
      if (job.payload != null && !this.state.jobs.has(job.id)) {
        content.unpin(job.payload.id, job.id)
      }

      throw err
    }
  }

  /** Where a job is that was accepted before; with its payload, as long as that may be needed. Throws `failed` when that is on fewer masters than it wants. */
  async locate (job: Job): Promise<Durable> {
    const isOver = this.state.jobs.get(job.id)?.finishedAtMs != null
    const position = await this.#components.jobs.locate(job.id)
    const durable = both(await Promise.all([this.#replicated(position), isOver ? undefined : this.#replicatePayload(job)]))

    if (job.replicas != null && durable.on.length < job.replicas) {
      throw new MeshmarkError('failed', `job ${shortJobId(job.id)} was accepted before and goes on, but only ${durable.on.length} of the ${job.replicas} masters that are to have it (--replicas) have it now: start more masters, or cancel it`)
    }

    return durable
  }

  async cancel (job: string): Promise<void> {
    // what has ended was not cancelled
    if (this.state.jobs.get(job)?.finishedAtMs != null) {
      return
    }

    const position = await this.#components.jobs.cancel(job)

    this.dispatch({ kind: 'cancel', job, nowMs: Date.now() })
    await this.#replicated(position)
  }

  dispatch (event: CoordinatorEvent): void {
    if (event.kind === 'result') {
      this.#delivered.add(executionId(event.key))
    }

    this.#learn(event)
  }

  #learn (event: CoordinatorEvent): void {
    if (this.#stopping) {
      return
    }

    const known = event.kind === 'restore' && this.state.jobs.has(event.job.id)
    const effects = stepCoordinator(this.state, event)
    const claim = this.#claim

    if (event.kind === 'restore' && !known) {
      const entry = this.state.jobs.get(event.job.id)

      if (entry?.finishedAtMs == null && event.job.payload != null) {
        this.#components.content.pin(event.job.payload.id, event.job.id)
      }
    }

    if (effects.length > 0) {
      this.#effects = this.#effects.then(async () => this.#carryOut(effects, claim)).catch(err => {
        this.#components.log(`coordinator: ${toError(err).message}`)
      })
    }
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

  async #replicated (position: Position): Promise<Durable> {
    return this.#components.masters.replicated(position)
  }

  async #replicatePayload (job: Job): Promise<Durable | undefined> {
    return job.payload == null ? undefined : this.#components.payloads.replicate(job.payload)
  }

  #checkReplicas ({ replicas }: Job, masters: number): void {
    if (replicas != null && masters < replicas) {
      throw new MeshmarkError('refused', `${replicas} masters are to have the job on disk (--replicas) and only ${masters} can: nothing was accepted; start more masters (see meshmark nodes) and submit it again, or ask for fewer`)
    }
  }

  #claimOf (): Claim {
    if (this.#claim == null) {
      throw new MeshmarkError('refused', 'another master coordinates')
    }

    return this.#claim
  }

  #dropTransfers (reason: string): void {
    for (const transfer of this.#transfers.values()) {
      transfer.abort(new Error(reason))
    }
  }

  async #carryOut (effects: CoordinatorEffect[], claim: Claim | undefined): Promise<void> {
    const executions = effects.flatMap(effect => effect.kind === 'persist-assign' ? [effect.execution] : [])
    // many short tasks share the way to the disk and to the other masters
    const assigned = this.#assign(executions)

    for (const effect of effects) {
      // of a reign that has ended meanwhile
      if (COMMANDS.has(effect.kind) && (this.#claim == null || this.#claim !== claim)) {
        continue
      }

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
          void this.#startAssigned(effect.starts, effect.together, assigned)
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
          await this.#onJobEnd(effect.job, effect.atMs, claim)
          break
      }
    }
  }

  /** Why the assignments are not on disk, or undefined: no START without, but everything else goes on. */
  async #assign (executions: string[]): Promise<string | undefined> {
    try {
      if (executions.length > 0) {
        await this.#replicated(await this.#components.jobs.assign(executions))
      }
    } catch (err) {
      return toError(err).message
    }
  }

  async #startAssigned (starts: Array<{ worker: string, execution: string }>, together: boolean, assigned: Promise<string | undefined>): Promise<void> {
    const refused = await assigned

    if (refused == null) {
      await this.#start(starts, together)
    } else {
      starts.forEach(({ worker, execution }) => { this.#notStarted(worker, execution, refused) })
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

  async #onJobEnd (id: string, atMs: number, claim: Claim | undefined): Promise<void> {
    const entry = this.state.jobs.get(id)

    // only who coordinated then could say of what has no record that it is lost; a standby says the rest when it reigns
    if (claim != null) {
      await this.#components.jobs.end(id, atMs).catch(err => { this.#components.log(`end of job ${id.slice(-8).toLowerCase()}: ${toError(err).message}`) })
    }

    if (entry?.job.payload != null) {
      this.#components.content.unpin(entry.job.payload.id, id)
    }

    this.#listeners.forEach(listener => { listener.onJobEnd?.(id) })
  }

  async #sendPayload (worker: string, execution: string): Promise<void> {
    const { payloads } = this.#components
    const { job, task } = parseExecutionId(execution)
    const payload = this.state.jobs.get(job)?.job.payload?.id
    const stop = new AbortController()

    if (payload == null) {
      return
    }

    this.#transfers.set(execution, stop)

    let isGone = false

    try {
      const found = await payloads.find(payload)

      if (found !== 'here') {
        isGone = found === 'nowhere'
        throw new MeshmarkError('failed', isGone ? 'no master has the files of this job any more' : 'no live master has the files of this job; waiting for the others')
      }

      await payloads.send(worker, payload, {
        onProgress: (chunks, of) => { this.#listeners.forEach(listener => { listener.onTransfer?.(job, task, chunks, of) }) },
        signal: stop.signal
      })

      if (!stop.signal.aborted) {
        this.dispatch({ kind: 'payload-sent', execution, nowMs: Date.now() })
      }
    } catch (err) {
      if (!stop.signal.aborted) {
        this.#components.log(`payload for ${worker.slice(-8)}: ${toError(err).message}`)
        this.dispatch({ kind: 'payload-failed', execution, reason: toError(err).message, refused: isMeshmarkError(err) && err.code === 'refused', isGone, nowMs: Date.now() })
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
        this.#components.masters.stale(reply.highest)
      }
    } catch (err) {
      // the worker is told again when it registers
      if (!isMeshmarkError(err) || err.code !== 'unreachable') {
        this.#components.log(`cancel on ${worker.slice(-8)}: ${toError(err).message}`)
      }
    }
  }
}

/** On disk is what both are; a job without a payload is wherever its record is. */
function both ([facts, payload]: [Durable, Durable | undefined]): Durable {
  return payload == null
    ? facts
    : { on: facts.on.filter(name => payload.on.includes(name)), leftOut: [...new Set([...facts.leftOut, ...payload.leftOut])] }
}

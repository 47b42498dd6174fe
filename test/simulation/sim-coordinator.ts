import { toError } from '../../src/model/errors.ts'
import { parseExecutionId } from '../../src/model/ids.ts'
import { nextAlarmMs } from '../../src/roles/master/coordinator/deadlines.ts'
import { SETTLE_MS } from '../../src/roles/master/coordinator/place.ts'
import { COMMANDS } from '../../src/roles/master/coordinator/state.ts'
import { FactFeed, restoreEvent } from '../../src/roles/master/fact-feed.ts'
import { chooseExpired } from '../../src/roles/master/retention.ts'
import { nameOf, shortExecution } from './ids.ts'
import { proofOf, simSlots } from './sim-slots.ts'
import { Waiters } from './waiters.ts'
import type { Setting, Without } from './setting.ts'
import type { MasterLife } from './sim-master.ts'
import type { Claim } from '../../src/node/protocol/register/messages.ts'
import type { CoordinatorEffect, CoordinatorEvent } from '../../src/roles/master/coordinator/state.ts'
import type { JobStore } from '../../src/roles/master/job-store.ts'
import type { Slots } from '../../src/roles/master/slots.ts'

const COORDINATOR_TICK_MS = 1_000
const PRUNE_MS = 5_000

/** What roles/master/coordinator.ts does: events to the state machine, and what follows from them. */
export class SimCoordinator {
  claim?: Claim
  /** When this reign began, by the world's clock. */
  reignedMs = 0
  /** For what becomes of tasks and workers. */
  readonly watchers: Waiters
  readonly #setting: Setting
  readonly #master: MasterLife
  readonly #slots: Slots
  readonly #feed: FactFeed
  #alarmAtMs = Infinity
  #effects: Promise<void> = Promise.resolve()

  constructor (setting: Setting, master: MasterLife) {
    this.#setting = setting
    this.#master = master
    this.watchers = new Waiters(setting.world, master.process)
    this.#slots = simSlots(setting, master, this)
    this.#feed = new FactFeed({
      replica: master.replica,
      jobs: master.jobs as unknown as JobStore,
      knows: job => master.state.jobs.has(job),
      dispatch: event => { this.learn(event) },
      log: line => { master.say(() => line) }
    })
  }

  /** Takes up what the journal holds. */
  async start (): Promise<void> {
    const { jobs } = this.#master

    this.#feed.start()

    for await (const stored of jobs.all()) {
      this.learn(restoreEvent(stored, await jobs.results(stored.job.id)))
    }
  }

  tickForEver (): void {
    const { process } = this.#master

    process.every(COORDINATOR_TICK_MS, () => { this.dispatch({ kind: 'tick' }) })
    process.every(PRUNE_MS, () => { void this.#prune() })
  }

  /** Resolves when it is on the disks of those that are live. */
  async cancel (job: string): Promise<void> {
    const { state, jobs, links } = this.#master

    if (state.jobs.get(job)?.finishedAtMs != null) {
      return
    }

    const position = await jobs.cancel(job)

    this.dispatch({ kind: 'cancel', job })
    await links.replicated(position)
  }

  async #catchUp (claim: Claim): Promise<void> {
    await this.#master.links.catchUp()
    await this.#feed.said()

    if (this.claim === claim) {
      this.#master.say(() => 'has caught up')
      this.dispatch({ kind: 'caught-up' })
    }
  }

  reign (claim: Claim): void {
    if (this.claim != null) {
      this.standDown()
    }

    this.claim = claim
    this.reignedMs = this.#setting.world.nowMs
    this.dispatch({ kind: 'reign', catchingUp: true })
    void this.#catchUp(claim)
    this.#master.process.after(SETTLE_MS, () => {
      if (this.claim === claim) {
        this.dispatch({ kind: 'tick' })
      }
    })
  }

  standDown (): void {
    this.claim = undefined
    this.dispatch({ kind: 'stand-down' })
    this.#slots.drop('another master coordinates')
  }

  dispatch (event: Without<CoordinatorEvent>): void {
    this.learn({ ...event, nowMs: this.#master.process.wall() } as CoordinatorEvent)
  }

  learn (event: CoordinatorEvent): void {
    const effects = this.#setting.machines.coordinator(this.#master.state, event)
    const { claim } = this

    this.#setAlarm()

    for (const effect of effects) {
      if (effect.kind === 'persist-assign') {
        this.#setting.checker.assigns(this.#master, effect.execution)
      }
    }

    if (effects.length > 0) {
      this.#setting.world.stir()
      this.#effects = this.#effects.then(async () => this.#carryOut(effects, claim)).catch(err => {
        this.#setting.checker.fault(`master ${nameOf(this.#master.id)}: ${toError(err).stack}`)
      })
    }

    if (effects.some(({ kind }) => kind === 'task-changed' || kind === 'worker-changed')) {
      this.watchers.wake()
    }
  }

  #setAlarm (): void {
    const atMs = nextAlarmMs(this.#master.state)

    if (atMs !== this.#alarmAtMs) {
      this.#alarmAtMs = atMs

      if (atMs !== Infinity) {
        this.#master.process.after(Math.min(Math.max(0, atMs - this.#master.process.wall()), 60_000), () => {
          if (this.#alarmAtMs === atMs) {
            this.#alarmAtMs = Infinity
            this.dispatch({ kind: 'alarm' })
          }
        })
      }
    }
  }

  async #carryOut (effects: CoordinatorEffect[], claim: Claim | undefined): Promise<void> {
    const assigned = this.#assign(effects.flatMap(effect => effect.kind === 'persist-assign' ? [effect.execution] : []))

    for (const effect of effects) {
      if (COMMANDS.has(effect.kind) && (this.claim == null || this.claim !== claim)) {
        continue
      }

      switch (effect.kind) {
        case 'ask':
          void this.#ask(effect.worker, effect.execution)
          break
        case 'rollback':
          void this.#slots.rollback(effect.worker, effect.execution)
          break
        case 'recall':
          void this.#slots.recall(effect.worker, effect.execution)
          break
        case 'send-payload':
          void this.#sendPayload(effect.worker, effect.execution)
          break
        case 'start':
          void this.#startAssigned(effect, assigned)
          break
        case 'cancel-on':
          void this.#cancelOn(effect.worker, effect.job)
          break
        case 'expire':
          this.#master.say(() => `the deadline of ${effect.job.slice(-3)} has passed`)
          this.#setting.checker.expires(effect.job)
          await this.#master.jobs.cancel(effect.job, true)
          this.dispatch({ kind: 'cancel', job: effect.job, expired: true })
          break
        case 'job-ended':
          this.#master.say(() => `job ${effect.job.slice(-3)} has ended`)

          if (claim != null) {
            await this.#master.jobs.end(effect.job, effect.atMs)
          }
          break
        case 'task-changed': {
          const task = this.#master.state.jobs.get(effect.job)?.tasks.get(effect.task)

          this.#master.say(() => `job ${effect.job.slice(-3)}, task ${effect.task.length > 20 ? nameOf(effect.task) : effect.task}: ${task?.state}${task?.worker == null ? '' : ` at ${nameOf(task.worker)}`}, attempt ${task?.attempt}${task?.reason == null ? '' : ` (${task.reason})`}`)
        }
      }
    }
  }

  async #assign (executions: string[]): Promise<void> {
    if (executions.length > 0) {
      await this.#master.links.replicated(await this.#master.jobs.assign(executions))
    }
  }

  async #ask (worker: string, execution: string): Promise<void> {
    const job = this.#master.state.jobs.get(parseExecutionId(execution).job)?.job

    await this.#slots.ask(worker, execution, job?.kind === 'run', job?.payload == null ? [] : [job.payload.id])
  }

  /** roles/master/starts.ts without instants. */
  async #startAssigned ({ starts, reserved }: Extract<CoordinatorEffect, { kind: 'start' }>, assigned: Promise<void>): Promise<void> {
    const intents = starts.map(({ worker, executions }) => this.#slots.intend(worker, executions, reserved))

    await assigned
    await Promise.all(intents.map(async intent => {
      const executions = [...intent.executions]

      if (executions.length === 0) {
        return
      }

      const id = parseExecutionId(executions[0]!).job
      const job = {
        id,
        sealed: async () => {
          const sealed = await this.#master.jobs.sealed(id)

          if (sealed == null) {
            throw new Error('its record is missing in the journal')
          }

          return sealed
        }
      }

      for (const execution of executions) {
        this.#master.say(() => `START of ${shortExecution(execution)}`)
        this.#setting.checker.commands(this.#master, execution)
      }

      await this.#slots.start(intent, job).catch(err => {
        // the reign is over
        this.#master.say(() => toError(err).message)
      })
    }))
  }

  async #sendPayload (worker: string, execution: string): Promise<void> {
    const { world, network } = this.#setting

    await this.#master.process.sleep(world.between(5, 400))
    this.dispatch(network.isConnected(this.#master.process, worker) && network.isUp(this.#master.id, worker)
      ? { kind: 'payload-sent', execution }
      : { kind: 'payload-failed', execution, reason: 'the stream broke', refused: false })
  }

  async #cancelOn (worker: string, job: string): Promise<void> {
    try {
      const reply = await this.#slots.cancel(worker, job, proofOf(job, this.#master.id))

      if (reply.kind === 'cancelled') {
        this.dispatch({ kind: 'cancel-answered', job, worker })
      } else if (reply.kind === 'stale') {
        this.#master.elect({ kind: 'stale', highest: reply.highest })
      }
    } catch {
      // it is told again when it registers
    }
  }

  async #prune (): Promise<void> {
    if (this.claim == null || this.#setting.retainMs == null) {
      return
    }

    const finished = [...this.#master.state.jobs.values()].flatMap(({ job, finishedAtMs }) => finishedAtMs == null ? [] : [{ id: job.id, finishedAtMs, bytes: 0 }])
    const expired = chooseExpired(finished, { ageMs: this.#setting.retainMs }, Date.now())

    if (expired.length > 0) {
      this.#master.say(() => `removes ${expired.map(id => id.slice(-3)).join(', ')}`)
      await this.#master.jobs.bury(expired, Date.now())
      expired.forEach(id => {
        this.#setting.checker.buries(this.#master, id)
        this.dispatch({ kind: 'forget', job: id })
      })
    }
  }
}

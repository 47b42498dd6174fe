import { toError } from '../../src/model/errors.ts'
import { parseExecutionId } from '../../src/model/ids.ts'
import { mayForget } from '../../src/roles/worker/keeping.ts'
import { mergeListed, presentMasters } from '../../src/roles/worker/known-masters.ts'
import { Outbox } from '../../src/roles/worker/outbox.ts'
import { heldBy, initialSlot } from '../../src/roles/worker/slot-state.ts'
import { nameOf, shortExecution } from './ids.ts'
import { journalOn } from './disk.ts'
import { openJob } from './sim-jobs.ts'
import type { Disk } from './disk.ts'
import type { Node, Side } from './network.ts'
import type { Setting } from './setting.ts'
import type { Process } from './world.ts'
import type { WorkerInfo } from '../../src/model/machine.ts'
import type { ExecutionResult, Outcome } from '../../src/model/result.ts'
import type { Held, ListedMaster, MasterMessage } from '../../src/node/protocol/register/messages.ts'
import type { SlotAnswer, SlotRequest } from '../../src/node/protocol/slot/messages.ts'
import type { TaskConfirm } from '../../src/node/protocol/task/messages.ts'
import type { KnownMasters } from '../../src/roles/worker/known-masters.ts'
import type { SlotEffect, SlotEvent, SlotState, StartFacts } from '../../src/roles/worker/slot-state.ts'

const REPORT_MS = 10_000
const SEEK_MS = 2_000
const RETRY_MS = { first: 200, most: 1_000 }
const REGISTER_MS = 2_000
const SLOT_TICK_MS = 500
const DELIVER_AGAIN_MS = 500
const UNKNOWN_RETRY_MS = { first: 250, most: 15_000 }

interface Parcel {
  result?: ExecutionResult
  confirmed: Set<string>
  /** Masters to whom it is on its way, or will be tried again. */
  busy: Set<string>
  refusals: Map<string, number>
}

/** One life of a worker: what the shells in roles/worker do, on simulated time, network and disk. */
export class WorkerLife implements Node {
  readonly process: Process
  readonly disk: Disk
  readonly info: WorkerInfo
  slot!: SlotState
  readonly #setting: Setting
  readonly #outbox: Outbox
  readonly #found: () => string[]
  readonly #controls = new Map<string, { side?: Side }>()
  readonly #parcels = new Map<string, Parcel>()
  readonly #replies = new Map<number, (reply: SlotAnswer) => void>()
  #known: KnownMasters = new Map()
  /** Has its end begun? */
  readonly #running = new Map<string, { ended: boolean }>()
  #queue: Promise<void> = Promise.resolve()
  #requests = 0
  /** Until then it can run nothing, as with a full disk: every record says so at once. */
  #brokenUntilMs = 0

  /** `found` are the masters that it can find, as on the local network. */
  constructor (setting: Setting, process: Process, disk: Disk, info: WorkerInfo, found: () => string[]) {
    this.#setting = setting
    this.process = process
    this.disk = disk
    this.info = info
    this.#found = found
    this.#outbox = new Outbox(setting.journal(journalOn(setting.world, process, disk), process), line => { this.#say(() => line) })
  }

  get id (): string {
    return this.process.id
  }

  async start (): Promise<void> {
    const outbox = this.#outbox
    const known = await outbox.recover()
    const { world } = this.#setting

    this.#brokenUntilMs = world.chance(0.2) ? world.nowMs + world.between(0, 60_000) : 0

    this.slot = initialSlot({ highest: await outbox.loadClaim(), known, cancelled: await outbox.cancelledJobs(), places: this.info.slots ?? 1 })
    this.#known = mergeListed(new Map(), await outbox.loadMasters())

    for (const execution of await outbox.unconfirmed()) {
      const kept = await outbox.undelivered(execution)

      if (kept != null) {
        this.#setting.checker.records(this.id, kept.result)
        this.#parcels.set(execution, { result: kept.result, confirmed: kept.confirmed, busy: new Set(), refusals: new Map() })
      }
    }

    this.#setting.network.listen(this)
    this.process.every(SLOT_TICK_MS, () => { void this.#dispatch({ kind: 'tick', nowMs: this.process.monotonic() }) })

    presentMasters(this.#known).forEach(({ peerId }) => { this.#open(peerId) })
    this.#seek()
    this.process.every(SEEK_MS, () => { this.#seek() })
  }

  onStream (side: Side, protocol: string, from: string): void {
    if (protocol === 'slot') {
      this.#serve(side, from)
    }
  }

  // masters

  #seek (): void {
    if (![...this.#controls.values()].some(({ side }) => side != null)) {
      this.#found().forEach(master => { this.#open(master) })
    }
  }

  #open (master: string): void {
    if (!this.#controls.has(master)) {
      this.#controls.set(master, {})
      void this.#control(master)
    }
  }

  async #control (master: string): Promise<void> {
    let wait = RETRY_MS.first

    while (this.#controls.has(master)) {
      try {
        await this.#setting.network.dial(this.process, master)

        if (await this.#register(master)) {
          wait = RETRY_MS.first
        }
      } catch {
        // again, for ever
      }

      await this.process.sleep(wait)
      wait = Math.min(wait * 1.5, RETRY_MS.most)
    }
  }

  /** Resolves at the end of the registration: true when there was one. */
  async #register (master: string): Promise<boolean> {
    const { world, network } = this.#setting
    const side = network.open(this.process, master, 'register')

    if (side == null) {
      return false
    }

    const held = new Map(heldBy(this.slot).map(({ execution, state }) => [execution, state]))

    this.#parcels.forEach(({ result }, execution) => { held.set(execution, result == null ? 'running' : 'finished') })

    const holds: Held[] = [...held].map(([execution, state]) => ({ execution, state }))
    let registered = false

    side.send({ kind: 'register', info: this.info, highest: this.slot.highest, holds })

    await new Promise<void>(resolve => {
      const end = (): void => {
        world.stir()
        resolve()
      }

      side.listen((message: MasterMessage) => {
        if (message.kind === 'registered') {
          registered = true
          this.#controls.set(master, { side })
          this.#learn(master, message.masters ?? [])
          this.#report(side)
          this.#parcels.forEach((parcel, execution) => {
            parcel.refusals.delete(master)
            this.#deliver(execution, parcel, master)
          })
          this.#reportForEver(side)
        } else if (message.kind === 'masters') {
          this.#learn(master, message.masters)
        }
      }, end)
      this.process.after(REGISTER_MS, () => {
        if (!registered && !side.isOver) {
          side.close(new Error('no answer'))
          end()
        }
      })
    })

    if (this.#controls.get(master)?.side === side) {
      this.#controls.set(master, {})
    }

    return registered
  }

  #reportForEver (side: Side): void {
    this.process.after(REPORT_MS, () => {
      if (!side.isOver) {
        this.#report(side)
        this.#reportForEver(side)
      }
    })
  }

  #learn (teller: string, heard: ListedMaster[]): void {
    const own = this.#known.has(teller) || heard.some(({ peerId }) => peerId === teller) ? [] : [{ peerId: teller, name: nameOf(teller), addresses: [], atMs: 0 }]
    const known = mergeListed(this.#known, [...heard, ...own])

    if (known !== this.#known) {
      this.#known = known
      void this.#outbox.saveMasters([...known.values()])
    }

    const present = presentMasters(known).map(({ peerId }) => peerId)

    for (const [master, { side }] of [...this.#controls]) {
      if (known.has(master) && !present.includes(master)) {
        this.#controls.delete(master)
        side?.close()
      }
    }

    present.forEach(master => { this.#open(master) })
    this.#parcels.forEach((parcel, execution) => {
      present.forEach(master => { this.#deliver(execution, parcel, master) })
      this.#forgetIfConfirmed(execution, parcel)
    })
  }

  #reportAll (): void {
    for (const { side } of this.#controls.values()) {
      if (side != null) {
        this.#report(side)
      }
    }
  }

  #report (side: Side): void {
    const { places, highest } = this.slot
    const running = heldBy(this.slot).filter(({ state }) => state === 'running').map(({ execution }) => execution)
    const reserved = places.find(place => place.kind === 'reserved')
    const undelivered = [...this.#parcels.values()].some(({ result, confirmed }) => result != null && confirmed.size === 0)

    side.send({
      kind: 'state',
      state: running.length > 0 ? 'running' : reserved != null ? 'reserved' : undelivered ? 'finished, delivering' : 'waiting',
      execution: running[0] ?? (reserved?.kind === 'reserved' ? reserved.execution : undefined),
      ...(running.length > 0 ? { executions: running } : {}),
      sinceMs: 0,
      highest
    })
  }

  // the slot

  #serve (side: Side, from: string): void {
    const reserved = new Set<string>()
    const jobs = new Map<string, Uint8Array>()
    let turn: Promise<void> = Promise.resolve()

    side.listen((message: SlotRequest) => {
      this.#setting.world.stir()

      if (message.kind === 'start' && message.job != null) {
        jobs.set(message.jobId, message.job)
      }

      turn = turn.then(async () => {
        const job = message.kind === 'start' ? jobs.get(message.jobId) : undefined

        await this.#ask(message, from, job == null ? undefined : factsOf(job), answer => {
          const reply = this.#withGone(answer, message, from)

          if (reply.kind !== 'stale') {
            this.#setting.checker.hasObeyed(this.id, message.claim)
          }

          if (message.kind === 'available' && reply.kind === 'ready') {
            reserved.add(message.execution)
          } else if (message.kind === 'rollback') {
            reserved.delete(message.execution)
          }

          if (!side.isOver) {
            side.send({ id: message.id, ...reply })
          }
        })
      })
    }, () => {
      this.#setting.world.stir()
      // what came before the end is answered first
      void turn.then(async () => {
        for (const execution of reserved) {
          await this.#dispatch({ kind: 'stream-closed', execution, from })
        }
      })
    })
  }

  /** Resolves when its turn has been; answers may come later, and a START may have two. */
  async #ask (message: SlotRequest, from: string, start: StartFacts | undefined, answer: (reply: SlotAnswer) => void): Promise<void> {
    const request = this.#requests++

    this.#replies.set(request, answer)
    await this.#dispatch({ kind: 'request', request, from, message, nowMs: this.process.monotonic(), hasPayload: this.#setting.world.chance(0.5), start })
  }

  #withGone (reply: SlotAnswer, message: SlotRequest, from: string): SlotAnswer {
    if (reply.kind === 'known' && reply.state === 'finished' && 'execution' in message) {
      return this.#redeliver(message.execution, from) ? reply : { kind: 'known', state: 'delivered' }
    }

    return reply.kind === 'started' && message.kind === 'start'
      ? { kind: 'started', outcomes: reply.outcomes.map((outcome, at) => outcome.kind === 'known' && outcome.state === 'finished' && !this.#redeliver(message.executions[at] ?? '', from) ? { kind: 'known', state: 'delivered' } : outcome) }
      : reply
  }

  async #dispatch (event: SlotEvent): Promise<void> {
    this.#setting.world.stir()

    const turn = this.#queue.then(async () => {
      const { state, effects } = this.#setting.machines.slot(this.slot, event)

      if (event.kind === 'request' && !effects.some(effect => effect.kind === 'reply' && effect.reply.kind === 'stale')) {
        this.#setting.checker.obeys(this.id, event.message.claim)
      }

      for (const effect of effects) {
        await this.#carryOut(effect, state)
      }

      this.slot = state

      if (effects.some(effect => effect.kind === 'changed')) {
        this.#reportAll()
      }
    }).catch(err => { this.#setting.checker.fault(`worker ${nameOf(this.id)}: ${toError(err).stack}`) })

    this.#queue = turn

    return turn
  }

  async #carryOut (effect: SlotEffect, next: SlotState): Promise<void> {
    switch (effect.kind) {
      case 'persist-claim':
        return this.#outbox.saveClaim(effect.claim)
      case 'persist-start':
        return this.#outbox.saveStarts(effect.executions)
      case 'persist-cancel':
        this.#setting.checker.denies(effect.job)
        return this.#outbox.saveCancel(effect.job, effect.word)
      case 'reply':
        this.slot = next
        this.#setting.world.stir()
        this.#replies.get(effect.request)?.(effect.reply)
        return
      case 'start':
        return this.#begin(effect.execution, effect.job)
      case 'abandon':
        return this.#abandon(effect.execution)
      case 'stop':
        // killing and reaping takes a moment
        this.process.after(this.#setting.world.between(1, 60), () => { void this.#end(effect.execution, 'cancelled') })
    }
  }

  // what runs

  #begin (execution: string, job: Uint8Array): void {
    const { world, checker } = this.#setting

    world.say(() => `${nameOf(this.id)}: STARTS ${shortExecution(execution)}`)
    checker.starts(this, execution, job)
    this.#running.set(execution, { ended: false })
    this.#parcels.set(execution, { confirmed: new Set(), busy: new Set(), refusals: new Map() })

    if (world.nowMs < this.#brokenUntilMs) {
      this.process.after(world.between(1, 10), () => { void this.#end(execution, 'not-run') })
      return
    }

    if (world.chance(0.5)) {
      void this.#dispatch({ kind: 'under-way', execution })
    }

    const { each, map, retry } = openJob(job)
    // items are short as a rule, so that several go into one START
    const usualMs = each == null ? 3_000 : 40
    const success = map == null && retry == null ? 0.9 : 0.6

    this.process.after(world.chance(0.1) ? world.between(3_000, 30_000) : world.between(20, usualMs), () => { void this.#end(execution, world.chance(success) ? 'done' : 'failed') })
  }

  #abandon (execution: string): void {
    this.#setting.checker.abandons(execution)
    this.#parcels.set(execution, { confirmed: new Set(), busy: new Set(), refusals: new Map() })
    this.#running.set(execution, { ended: false })
    void this.#end(execution, 'cancelled')
  }

  async #end (execution: string, outcome: Outcome): Promise<void> {
    const running = this.#running.get(execution)

    if (running == null || running.ended) {
      return
    }

    const result: ExecutionResult = { key: parseExecutionId(execution), outcome, commands: [], startedAt: Date.now(), finishedAt: Date.now(), waitedMs: 0 }

    running.ended = true
    this.#say(() => `${shortExecution(execution)} ends: ${outcome}`)
    this.#setting.checker.stops(this.id, execution)
    await this.#outbox.saveResult(result)
    this.#setting.checker.records(this.id, result)

    const parcel = this.#parcels.get(execution)

    if (parcel != null) {
      parcel.result = result
      presentMasters(this.#known).forEach(({ peerId }) => { this.#deliver(execution, parcel, peerId) })
    }

    this.#running.delete(execution)
    await this.#dispatch({ kind: 'ended', execution })
  }

  /** Nothing is sent before the record: a delivery that begins with the execution waits for it on the same stream. */
  #deliver (execution: string, parcel: Parcel, master: string): void {
    const { result } = parcel

    if (result == null || parcel.busy.has(master) || parcel.confirmed.has(master) || this.#controls.get(master)?.side == null) {
      return
    }

    const side = this.#setting.network.open(this.process, master, 'task')

    if (side == null) {
      return
    }

    const again = (ms: number): void => {
      this.process.after(ms, () => {
        parcel.busy.delete(master)
        this.#deliver(execution, parcel, master)
      })
    }

    parcel.busy.add(master)
    side.send({ kind: 'begin', execution })
    side.listen((answer: TaskConfirm) => {
      switch (answer.kind) {
        case 'resume':
          return side.send({ kind: 'result', result, stdoutBytes: 0, stderrBytes: 0 })
        case 'stored':
        case 'unwanted':
          side.close()
          parcel.busy.delete(master)
          this.#confirmed(execution, parcel, master)
          return
        case 'refused': {
          const refusals = parcel.refusals.get(master) ?? 0

          side.close()
          parcel.refusals.set(master, refusals + 1)
          again(Math.min(UNKNOWN_RETRY_MS.first * 2 ** refusals, UNKNOWN_RETRY_MS.most))
        }
      }
    }, () => { again(DELIVER_AGAIN_MS) })
  }

  #confirmed (execution: string, parcel: Parcel, master: string): void {
    if (this.#parcels.get(execution) !== parcel) {
      return
    }

    parcel.confirmed.add(master)

    if (!this.#forgetIfConfirmed(execution, parcel)) {
      void this.#outbox.saveConfirmed(execution, master)
    }

    this.#reportAll()
  }

  #forgetIfConfirmed (execution: string, parcel: Parcel): boolean {
    const forget = parcel.result != null && mayForget(presentMasters(this.#known).map(({ peerId }) => peerId), parcel.confirmed)

    if (forget) {
      this.#parcels.delete(execution)
      void this.#outbox.forget(execution, Date.now(), parcel.confirmed, this.#setting.world.chance(0.5))
    }

    return forget
  }

  /** A master asks for it: one that had confirmed it was restored from a backup. False when it is not here any more. */
  #redeliver (execution: string, master: string): boolean {
    const parcel = this.#parcels.get(execution)

    if (parcel?.result != null && parcel.confirmed.delete(master)) {
      void this.#outbox.dropConfirmed(execution, master)
      this.#deliver(execution, parcel, master)
    }

    return parcel != null
  }

  #say (line: () => string): void {
    this.#setting.world.say(() => `${nameOf(this.id)}: ${line()}`)
  }
}

function factsOf (job: Uint8Array): StartFacts {
  const { kind, placement } = openJob(job)

  return { job, measured: kind === 'run', distinct: placement.on === 'some' }
}

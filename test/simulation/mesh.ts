import { unmetDemand } from '../../src/machine/demands.ts'
import { executionId, parseExecutionId } from '../../src/model/ids.ts'
import { emptyCoordinator } from '../../src/roles/master/coordinator/state.ts'
import { stepCoordinator } from '../../src/roles/master/coordinator/step.ts'
import { freezeTargets } from '../../src/roles/master/coordinator/targets.ts'
import { initialSlot, stepSlot } from '../../src/roles/worker/slot-state.ts'
import type { Job } from '../../src/model/job.ts'
import type { SandboxFacts, WorkerInfo } from '../../src/model/machine.ts'
import type { Outcome } from '../../src/model/result.ts'
import type { Held } from '../../src/node/protocol/register/messages.ts'
import type { SlotReply, SlotRequest } from '../../src/node/protocol/slot/messages.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, Target } from '../../src/roles/master/coordinator/state.ts'
import type { SlotEvent, SlotState } from '../../src/roles/worker/slot-state.ts'

/** A small deterministic random source (mulberry32): a seed replays exactly. */
export function random (seed: number): () => number {
  return () => {
    seed = (seed + 0x6D2B79F5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

interface SimWorker {
  info: WorkerInfo
  slot: SlotState
  up: boolean
  connected: boolean
  /** Counts its connections. */
  connection: number
  /** On disk: survives a kill. */
  disk: { known: Map<string, Held['state']>, cancelled: Set<string>, results: Map<string, Outcome> }
  running?: { execution: string, endsMs: number }
  /** Requests of streams that are open, by number. */
  streams: Map<number, { execution?: string }>
}

/** The state machines under test; another one is put in to see whether its fault is found. */
export interface Machines {
  slot: typeof stepSlot
  coordinator: typeof stepCoordinator
}

interface Disk {
  jobs: Map<string, { job: Job, acceptedAtMs: number, targets: Target[] }>
  assigned: Set<string>
  results: Map<string, Outcome>
  cancelled: Set<string>
  ended: Map<string, number>
}

/**
 * One coordinator and some workers, the real state machines under virtual time:
 * messages take a random while, are lost with their stream, workers and the
 * coordinator are killed and come back from what is on disk.
 */
export class SimMesh {
  nowMs = 1_000
  readonly starts = new Map<string, number>()
  readonly violations: string[] = []
  readonly history: string[] = []
  readonly disk: Disk = { jobs: new Map(), assigned: new Set(), results: new Map(), cancelled: new Set(), ended: new Map() }
  readonly workers = new Map<string, SimWorker>()
  coordinator: CoordinatorState | undefined
  readonly #random: () => number
  /** Where each task has started. */
  readonly #places = new Map<string, string>()
  readonly #loss: number
  #term = 0
  #incarnation = 0
  #request = 0
  #events: Array<{ atMs: number, order: number, run: () => void }> = []
  #order = 0

  constructor (seed: number, workers: number, loss: number, private readonly machines: Machines = { slot: stepSlot, coordinator: stepCoordinator }) {
    this.#random = random(seed)
    this.#loss = loss

    for (let i = 0; i < workers; i++) {
      const peerId = `12D3worker${i}`
      const disk = { known: new Map(), cancelled: new Set<string>(), results: new Map() }
      this.after(500, () => { this.#tickSlot(peerId) })
      this.workers.set(peerId, { info: info(peerId, i), slot: initialSlot(), up: true, connected: false, connection: 0, disk, streams: new Map() })
    }
  }

  startCoordinator (): void {
    this.#term++
    const incarnation = ++this.#incarnation
    this.coordinator = emptyCoordinator()

    for (const [id, stored] of this.disk.jobs) {
      const of = (executions: Iterable<string>) => [...executions].map(parseExecutionId).filter(key => key.job === id)
      this.#toCoordinator({
        kind: 'restore',
        ...stored,
        finishedAtMs: this.disk.ended.get(id),
        ended: of(this.disk.results.keys()).map(key => ({ key, outcome: this.disk.results.get(executionId(key))! })),
        assigned: of(this.disk.assigned),
        cancelled: this.disk.cancelled.has(id),
        nowMs: this.nowMs
      })
    }

    // the only master
    this.#toCoordinator({ kind: 'reign', nowMs: this.nowMs })

    const tick = (): void => {
      if (incarnation === this.#incarnation && this.coordinator != null) {
        this.#toCoordinator({ kind: 'tick', nowMs: this.nowMs })
        this.after(1_000, tick)
      }
    }
    tick()

    for (const id of this.workers.keys()) {
      this.after(this.#delay(), () => { this.connect(id) })
    }
  }

  killCoordinator (): void {
    this.history.push(`${this.nowMs} coordinator killed`)
    this.coordinator = undefined
    this.#incarnation++

    for (const [id, worker] of this.workers) {
      worker.connected = false
      this.#closeStreams(id)
    }
  }

  killWorker (id: string): void {
    const worker = this.workers.get(id)!

    if (!worker.up) {
      return
    }

    this.history.push(`${this.nowMs} ${id} killed`)
    worker.up = false
    worker.running = undefined
    worker.streams.clear()
    this.disconnect(id)
  }

  reviveWorker (id: string): void {
    const worker = this.workers.get(id)!

    if (worker.up) {
      return
    }

    for (const [execution, state] of worker.disk.known) {
      if (state === 'running') {
        worker.disk.known.set(execution, 'finished')
        worker.disk.results.set(execution, 'interrupted')
      }
    }

    worker.up = true
    worker.slot = initialSlot({ known: worker.disk.known, cancelled: worker.disk.cancelled })
    this.connect(id)
  }

  disconnect (id: string): void {
    const worker = this.workers.get(id)!

    if (worker.connected) {
      worker.connected = false
      this.#closeStreams(id)
      // a registration that comes first has replaced the stream: its end is no news then
      this.#later(() => {
        if (!worker.connected) {
          this.#toCoordinator({ kind: 'worker-gone', worker: id, nowMs: this.nowMs })
        }
      })
    }
  }

  connect (id: string): void {
    const worker = this.workers.get(id)!

    if (!worker.up || worker.connected || this.coordinator == null) {
      return
    }

    worker.connected = true
    const holds: Held[] = [...worker.disk.results.keys()].map(execution => ({ execution, state: 'finished' }))

    if (worker.running != null && !worker.disk.results.has(worker.running.execution)) {
      holds.push({ execution: worker.running.execution, state: 'running' })
    }

    this.#toCoordinator({ kind: 'worker-registered', info: worker.info, holds, draining: false, nowMs: this.nowMs })
    this.#reportForEver(id, ++worker.connection)

    for (const execution of worker.disk.results.keys()) {
      this.#deliver(id, execution)
    }
  }

  /** False when nobody can take it. */
  submit (job: Job): boolean {
    if (this.coordinator == null) {
      return false
    }

    let targets: Target[]

    try {
      targets = freezeTargets(this.coordinator, job)
    } catch {
      return false
    }

    this.disk.jobs.set(job.id, { job, acceptedAtMs: this.nowMs, targets })
    this.#toCoordinator({ kind: 'accept', job, acceptedAtMs: this.nowMs, targets, nowMs: this.nowMs })

    return true
  }

  cancel (job: string): void {
    if (this.coordinator != null) {
      this.disk.cancelled.add(job)
      this.#toCoordinator({ kind: 'cancel', job, nowMs: this.nowMs })
    }
  }

  after (ms: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + ms, order: this.#order++, run })
  }

  run (untilMs: number): void {
    while (true) {
      let first = 0

      for (let i = 1; i < this.#events.length; i++) {
        const a = this.#events[i]!
        const b = this.#events[first]!

        if (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)) {
          first = i
        }
      }

      const next = this.#events[first]

      if (next == null || next.atMs > untilMs) {
        this.nowMs = untilMs
        return
      }

      this.#events.splice(first, 1)
      this.nowMs = next.atMs
      next.run()
    }
  }

  #delay (): number {
    return 1 + Math.floor(this.#random() * 40)
  }

  #later (run: () => void): void {
    const incarnation = this.#incarnation

    this.after(this.#delay(), () => {
      if (incarnation === this.#incarnation) {
        run()
      }
    })
  }

  #toCoordinator (event: CoordinatorEvent): void {
    if (this.coordinator == null) {
      return
    }

    for (const effect of this.machines.coordinator(this.coordinator, event)) {
      this.#carryOut(effect)

      if (effect.kind === 'task-changed') {
        this.#checkDone(effect.job, effect.task)
      }
    }
  }

  #checkDone (job: string, name: string): void {
    const task = this.coordinator?.jobs.get(job)?.tasks.get(name)

    if (task?.state === 'done' && this.disk.results.get(`${job}/${name}/${task.worker}/${task.attempt}`) !== 'done') {
      this.violations.push(`task ${name} of ${job} is done without a record of its worker`)
    }
  }

  #carryOut (effect: CoordinatorEffect): void {
    const claim = { term: this.#term, master: 'master' }

    switch (effect.kind) {
      case 'persist-assign':
        this.disk.assigned.add(effect.execution)
        return
      case 'ask':
        return this.#request_(effect.worker, effect.execution, { kind: 'available', claim, execution: effect.execution, measured: true })
      case 'rollback':
        return this.#request_(effect.worker, effect.execution, { kind: 'rollback', claim, execution: effect.execution })
      case 'send-payload':
        return this.#later(() => {
          this.#toCoordinator(this.#random() < this.#loss
            ? { kind: 'payload-failed', execution: effect.execution, reason: 'lost', refused: false, nowMs: this.nowMs }
            : { kind: 'payload-sent', execution: effect.execution, nowMs: this.nowMs })
        })
      case 'start':
        for (const { worker, execution } of effect.starts) {
          if (!this.disk.assigned.has(execution)) {
            this.violations.push(`${execution} started before it was journaled`)
          }
          this.#request_(worker, execution, { kind: 'start', claim, execution, job: new Uint8Array(0) })
        }
        return
      case 'cancel-on':
        return this.#request_(effect.worker, '', { kind: 'cancel', claim, job: effect.job })
      case 'job-ended':
        this.disk.ended.set(effect.job, effect.atMs)
    }
  }

  #request_ (id: string, execution: string, message: SlotRequest): void {
    const incarnation = this.#incarnation
    const fail = (): void => {
      if (execution !== '' && message.kind !== 'rollback') {
        this.#later(() => { this.#toCoordinator({ kind: 'ask-failed', worker: id, execution, reason: 'the stream broke', nowMs: this.nowMs }) })
      }
    }

    this.after(this.#delay(), () => {
      const worker = this.workers.get(id)!

      if (incarnation !== this.#incarnation) {
        return
      }

      if (!worker.up || !worker.connected || this.#random() < this.#loss) {
        return fail()
      }

      const request = this.#request++
      worker.streams.set(request, { execution })
      this.#toSlot(id, { kind: 'request', request, from: 'master', message, nowMs: this.nowMs, hasPayload: this.#random() < 0.5 }, reply => {
        if (this.#random() < this.#loss) {
          // the answer is lost with its stream
          if (message.kind === 'available') {
            this.#toSlot(id, { kind: 'stream-closed', execution, from: 'master' })
          }
          return fail()
        }

        this.after(this.#delay(), () => {
          if (incarnation !== this.#incarnation) {
            return
          }

          this.#toCoordinator(message.kind === 'cancel'
            ? { kind: 'cancel-answered', job: message.job, worker: id, nowMs: this.nowMs }
            : { kind: 'answer', worker: id, execution, reply, nowMs: this.nowMs })
        })
      })
    })
  }

  readonly #replies = new Map<number, (reply: SlotReply) => void>()

  #toSlot (id: string, event: SlotEvent, onReply?: (reply: SlotReply) => void): void {
    const worker = this.workers.get(id)!

    if (event.kind === 'request' && onReply != null) {
      this.#replies.set(event.request, onReply)
    }

    const { state, effects } = this.machines.slot(worker.slot, event)
    worker.slot = state

    for (const effect of effects) {
      switch (effect.kind) {
        case 'persist-start':
          worker.disk.known.set(effect.execution, 'running')
          break
        case 'persist-cancel':
          worker.disk.cancelled.add(effect.job)
          break
        case 'reply':
          this.#replies.get(effect.request)?.(effect.reply)
          this.#replies.delete(effect.request)
          break
        case 'start':
          this.#begin(id, effect.execution)
          break
        case 'stop':
          this.after(5, () => { this.#end(id, effect.execution, 'cancelled') })
          break
        case 'changed':
          this.#report(id)
          break
        case 'persist-claim':
      }
    }
  }

  #begin (id: string, execution: string): void {
    const worker = this.workers.get(id)!

    if (worker.running != null) {
      this.violations.push(`${id} runs ${worker.running.execution} and ${execution} at once`)
    }

    this.history.push(`${this.nowMs} ${id} starts ${execution}`)
    this.starts.set(execution, (this.starts.get(execution) ?? 0) + 1)

    if (this.starts.get(execution)! > 1) {
      this.violations.push(`${execution} started twice`)
    }

    const { job, task } = parseExecutionId(execution)
    const unmet = unmetDemand(worker.info, this.disk.jobs.get(job)!.job)

    if (unmet != null) {
      this.violations.push(`${execution} runs where it must not: ${unmet}`)
    }

    const place = this.#places.get(`${job}/${task}`)

    // attempts are never raised here
    if (place != null && place !== id) {
      this.violations.push(`task ${task} of ${job} ran on ${place} and on ${id}`)
    }

    this.#places.set(`${job}/${task}`, id)

    if (this.disk.cancelled.has(parseExecutionId(execution).job) && worker.disk.cancelled.has(parseExecutionId(execution).job)) {
      this.violations.push(`${execution} started after its worker had heard of the cancel`)
    }

    const endsMs = this.nowMs + 50 + Math.floor(this.#random() * 3_000)
    worker.running = { execution, endsMs }
    this.after(endsMs - this.nowMs, () => { this.#end(id, execution, 'done') })
  }

  #end (id: string, execution: string, outcome: Outcome): void {
    const worker = this.workers.get(id)!

    if (worker.running?.execution !== execution) {
      return
    }

    worker.running = undefined
    worker.disk.known.set(execution, 'finished')
    worker.disk.results.set(execution, outcome)
    this.#toSlot(id, { kind: 'ended', execution })
    this.#deliver(id, execution)
  }

  #deliver (id: string, execution: string): void {
    const worker = this.workers.get(id)!
    const incarnation = this.#incarnation

    this.after(this.#delay(), () => {
      const outcome = worker.disk.results.get(execution)

      if (outcome == null || !worker.up || !worker.connected) {
        return
      }

      if (incarnation !== this.#incarnation || this.coordinator == null || this.#random() < this.#loss) {
        this.after(500, () => { this.#deliver(id, execution) })
        return
      }

      const known = this.disk.results.get(execution)

      if (known != null && known !== outcome) {
        this.violations.push(`${execution} has two results: ${known} and ${outcome}`)
      }

      this.disk.results.set(execution, outcome)
      this.#toCoordinator({ kind: 'result', key: parseExecutionId(execution), outcome, nowMs: this.nowMs })
      worker.disk.results.delete(execution)
    })
  }

  #tickSlot (id: string): void {
    if (this.workers.get(id)!.up) {
      this.#toSlot(id, { kind: 'tick', nowMs: this.nowMs })
    }

    this.after(500, () => { this.#tickSlot(id) })
  }

  #reportForEver (id: string, connection: number): void {
    const worker = this.workers.get(id)!

    if (worker.connected && worker.connection === connection) {
      this.#report(id)
      this.after(10_000, () => { this.#reportForEver(id, connection) })
    }
  }

  #report (id: string): void {
    const worker = this.workers.get(id)!
    const { phase } = worker.slot
    const state = phase.kind === 'free' ? 'waiting' : phase.kind

    this.#later(() => {
      if (worker.connected) {
        this.#toCoordinator({ kind: 'worker-state', worker: id, state, sinceMs: 0, nowMs: this.nowMs })
      }
    })
  }

  #closeStreams (id: string): void {
    const worker = this.workers.get(id)!

    for (const { execution } of worker.streams.values()) {
      if (execution != null && execution !== '') {
        this.#toSlot(id, { kind: 'stream-closed', execution, from: 'master' })
      }
    }

    worker.streams.clear()
  }
}

const SHARED: SandboxFacts = {
  builder: 'bubblewrap',
  builderVersion: '0.8.0',
  namespaces: [],
  filterHash: '',
  uidMode: 'shared',
  cgroup: 'none',
  methods: { cpu: 'rusage', memory: 'adopted-maxrss', processes: 'rlimit' },
  proc: true,
  kernel: '6',
  canaries: {},
  caveats: []
}

/** Some workers offer more protection, some allow less. */
function info (peerId: string, index: number): WorkerInfo {
  return {
    peerId,
    name: `w-${index}`,
    labels: {},
    sandbox: index % 2 === 0 ? SHARED : { ...SHARED, uidMode: 'two-uids' },
    ...(index % 3 === 2 ? { ceilings: { memoryBytes: 2 ** 30 } } : {}),
    resources: { machineId: `m${index}`, platform: 'linux', arch: 'x64', cpuModel: 'cpu', cores: 2, memoryBytes: 2 ** 30, kernel: '6', os: 'os', nodeVersion: '20' }
  }
}

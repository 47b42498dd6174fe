import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExecutionId } from '../../../src/model/ids.ts'
import { COMMANDS, emptyCoordinator } from '../../../src/roles/master/coordinator/state.ts'
import { stepCoordinator } from '../../../src/roles/master/coordinator/step.ts'
import { freezeTargets } from '../../../src/roles/master/coordinator/targets.ts'
import { heldBy, initialSlot } from '../../../src/roles/worker/slot-state.ts'
import { stepSlot } from '../../../src/roles/worker/slot-step.ts'
import { exampleJob, workerInfo } from './fixtures.ts'
import type { Job } from '../../../src/model/job.ts'
import type { SlotAnswer, SlotCommand } from '../../../src/node/protocol/slot/messages.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState } from '../../../src/roles/master/coordinator/state.ts'
import type { SlotEffect, SlotEvent, SlotState } from '../../../src/roles/worker/slot-state.ts'

type Stepper = typeof stepCoordinator

interface Master {
  state: CoordinatorState
  term: number
  up: boolean
}

interface Worker {
  id: string
  slot: SlotState
  running?: string
}

type Happening =
  | { kind: 'submit', job: 'all' | 'any' | 'files' | 'items' }
  | { kind: 'reign', master: number }
  | { kind: 'crash', master: number }
  | { kind: 'deliver', which: number, lost: boolean }
  | { kind: 'finish', worker: number }
  | { kind: 'cancel', job: number }
  | { kind: 'pass', ms: number }

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('submit' as const), job: fc.constantFrom('all' as const, 'any' as const, 'files' as const, 'items' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reign' as const), master: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), master: fc.nat(2) }) },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('deliver' as const), which: fc.nat(100), lost: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('finish' as const), worker: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), job: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(2_000) }) }
)

interface Letter {
  run: () => void
  /** Requests of one master to one worker: on a stream, most of them come in order. */
  stream?: string
}

/**
 * Three masters that hear every fact of each other, and workers with real
 * slots; messages between masters and workers wait until they are delivered, or
 * are lost: answers in any order, requests in theirs as a rule.
 */
class Mesh {
  readonly faults: string[] = []
  readonly starts = new Map<string, string[]>()
  readonly masters: Master[]
  readonly workers: Worker[]
  readonly #jobs: Job[] = []
  readonly #assigned = new Set<string>()
  /** Given out while two masters reigned: on both sides of a partition the same may be done once. */
  readonly #contested = new Set<string>()
  readonly #results = new Set<string>()
  readonly #cancelled = new Set<string>()
  readonly #questions = new Map<number, { master: Master, term: number, to: string, message: SlotCommand, recalls: boolean }>()
  #mail: Letter[] = []
  #ids = 0
  #term = 0
  #nowMs = 100_000
  #request = 0

  constructor (private readonly step: Stepper) {
    this.masters = [0, 1, 2].map(() => ({ state: emptyCoordinator(), term: 0, up: true }))
    this.workers = ['a', 'b', 'c'].map(name => ({ id: `12D3${name}`, slot: initialSlot() }))
    this.masters.forEach(master => { this.#registerAll(master) })
    this.#reign(0)
  }

  happen (event: Happening): void {
    switch (event.kind) {
      case 'submit':
        return this.#submit(event.job)
      case 'reign':
        return this.#reign(event.master)
      case 'crash':
        return this.#crash(event.master)
      case 'deliver': {
        const at = event.which % Math.max(1, this.#mail.length)
        const stream = event.which % 7 === 0 ? undefined : this.#mail[at]?.stream
        const [letter] = this.#mail.splice(stream == null ? at : this.#mail.findIndex(other => other.stream === stream), 1)
        // most arrive
        return event.lost && event.which % 5 === 0 ? undefined : letter?.run()
      }
      case 'finish':
        return this.#finish(this.workers[event.worker]!)
      case 'cancel': {
        const job = this.#jobs[event.job]

        if (job != null) {
          this.#cancelled.add(job.id)
          this.#tellAll(() => ({ kind: 'cancel', job: job.id, nowMs: this.#nowMs }))
        }
        return
      }
      case 'pass':
        this.#nowMs += event.ms
        this.workers.forEach(worker => { this.#speak(worker) })
        this.#tellAll(() => ({ kind: 'tick', nowMs: this.#nowMs }))
    }
  }

  #submit (kind: 'all' | 'any' | 'files' | 'items'): void {
    const job = exampleJob(10 + this.#jobs.length, {
      placement: kind === 'all' ? { on: 'all', where: [] } : { on: 'any', where: [] },
      kind: kind === 'all' ? 'run' : 'exec',
      ...(kind === 'any' || kind === 'items' ? { payload: undefined } : {}),
      ...(kind === 'items' ? { each: { items: Array.from({ length: 12 }, (_, i) => `${i}`) } } : {})
    })

    if (this.#jobs.length < 8) {
      const targets = freezeTargets(this.masters[0]!.state.workers.size > 0 ? this.masters[0]!.state : this.masters[1]!.state, job)

      this.#jobs.push(job)
      // what two that both reign start of a job that is new is told apart elsewhere: one per side of a partition
      this.masters.forEach(master => { this.#standDown(master) })

      // facts come in the order in which they were written: nobody hears of an assignment before the job
      const inOrder = [...this.masters].sort((a, b) => Number(a.state.mode === 'reign') - Number(b.state.mode === 'reign'))

      inOrder.forEach(master => { this.#tell(master, { kind: 'accept', job, acceptedAtMs: this.#nowMs, targets, nowMs: this.#nowMs }) })
    }
  }

  /** The one before has been partitioned from the others, perhaps, and goes on believing that it reigns until it hears. */
  #reign (index: number): void {
    const master = this.masters[index]!

    if (master.state.mode === 'reign') {
      return
    }

    master.term = ++this.#term
    this.#tell(master, { kind: 'reign', nowMs: this.#nowMs })
    this.masters.filter(other => other !== master && other.state.mode === 'reign')
      .forEach(other => { this.#mail.push({ run: () => { this.#standDown(other) } }) })
  }

  /** Others reign under a higher term. */
  #standDown (master: Master): void {
    if (master.term < this.#term) {
      this.#tell(master, { kind: 'stand-down', nowMs: this.#nowMs })
    }
  }

  /** It comes back with what is on its disk. */
  #crash (index: number): void {
    const master = this.masters[index]!
    const { mode } = master.state

    master.state = emptyCoordinator()
    master.term = 0

    for (const job of this.#jobs) {
      const of = (executions: Set<string>) => [...executions].map(parseExecutionId).filter(key => key.job === job.id)
      const entry = this.masters.find(other => other !== master)!.state.jobs.get(job.id)!

      this.#tell(master, {
        kind: 'restore',
        job,
        acceptedAtMs: entry.acceptedAtMs,
        targets: [...entry.tasks.values()].map(({ name, target, info }) => ({ task: name, worker: target, info: target == null ? undefined : info })),
        ended: of(this.#results).map(key => ({ key, outcome: 'done' })),
        assigned: of(this.#assigned),
        cancelled: this.#cancelled.has(job.id),
        nowMs: this.#nowMs
      })
    }

    this.#registerAll(master)

    if (mode === 'reign') {
      this.#reign((index + 1) % 3)
    }
  }

  #registerAll (master: Master): void {
    for (const { id, slot } of this.workers) {
      const holds = heldBy(slot).filter(({ execution }) => !this.#results.has(execution))

      this.#tell(master, { kind: 'worker-registered', info: workerInfo(id.slice(4)), holds, draining: false, nowMs: this.#nowMs })
    }
  }

  #speak (worker: Worker): void {
    const { slot: { places: [place] }, running } = worker

    this.#tellAll(() => ({ kind: 'worker-state', worker: worker.id, state: place!.kind === 'free' ? 'waiting' : place!.kind, executions: running == null ? [] : [running], sinceMs: 0, nowMs: this.#nowMs }))
  }

  #finish (worker: Worker): void {
    const { running } = worker

    if (running != null) {
      worker.running = undefined
      this.#record(worker, running)
      this.#speak(worker)
    }
  }

  #record (worker: Worker, execution: string): void {
    this.#results.add(execution)
    this.#stepSlot(worker, { kind: 'ended', execution })
    this.#tellAll(() => ({ kind: 'result', key: parseExecutionId(execution), outcome: 'done', nowMs: this.#nowMs }))
  }

  #tellAll (event: () => CoordinatorEvent): void {
    this.masters.forEach(master => { this.#tell(master, event()) })
  }

  #tell (master: Master, event: CoordinatorEvent): void {
    const wasReigning = master.state.mode === 'reign'
    const effects = this.step(master.state, event)

    if (master.state.mode === 'standby' && effects.some(effect => COMMANDS.has(effect.kind))) {
      this.faults.push(`a standby says ${effects.map(effect => effect.kind).join(', ')}`)
    }

    if (wasReigning || master.state.mode === 'reign') {
      effects.forEach(effect => { this.#carryOut(master, effect) })
    }
  }

  #carryOut (master: Master, effect: CoordinatorEffect): void {
    const claim = { term: master.term, master: `m${this.masters.indexOf(master)}` }

    switch (effect.kind) {
      case 'persist-assign':
        this.#assigned.add(effect.execution)

        if (this.masters.some(other => other !== master && other.state.mode === 'reign')) {
          this.#contested.add(effect.execution)
        }

        this.masters.filter(other => other !== master).forEach(other => { this.#tell(other, { kind: 'assigned', key: parseExecutionId(effect.execution), nowMs: this.#nowMs }) })
        return
      case 'ask':
        return this.#send(master, effect.worker, { kind: 'available', claim, execution: effect.execution, measured: false })
      case 'rollback':
        return this.#send(master, effect.worker, { kind: 'rollback', claim, execution: effect.execution })
      case 'start':
        effect.starts.forEach(({ worker, executions }) => {
          this.#send(master, worker, { kind: 'start', claim, jobId: parseExecutionId(executions[0]!).job, executions, reserved: effect.reserved })
        })
        return
      case 'recall':
        return this.#send(master, effect.worker, { kind: 'rollback', claim, execution: effect.execution }, true)
      case 'cancel-on':
        return this.#send(master, effect.worker, { kind: 'cancel', claim, job: effect.job })
    }
  }

  #send (master: Master, to: string, message: SlotCommand, recalls = false): void {
    const worker = this.workers.find(({ id }) => id === to)!
    const { term } = master
    const id = ++this.#ids

    this.#mail.push({
      stream: `${this.masters.indexOf(master)} ${to}`,
      run: () => {
        const request = this.#request++
        const start = message.kind === 'start' ? { job: new Uint8Array(0), measured: this.#jobs.find(job => job.id === message.jobId)?.kind === 'run' } : undefined

        this.#questions.set(request, { master, term, to, message, recalls })
        this.#stepSlot(worker, { kind: 'request', request, from: message.claim.master, message: { id, ...message }, nowMs: this.#nowMs, hasPayload: true, start })
      }
    })
  }

  #stepSlot (worker: Worker, event: SlotEvent): void {
    const step = stepSlot(worker.slot, event)

    worker.slot = step.state
    step.effects.forEach(effect => { this.#obey(worker, effect) })
  }

  #obey (worker: Worker, effect: SlotEffect): void {
    switch (effect.kind) {
      case 'start':
        return this.#started(worker, effect.execution)
      case 'stop':
        return this.#finish(worker)
      case 'abandon':
        return this.#record(worker, effect.execution)
      case 'reply':
        return this.#reply(effect.request, effect.reply)
    }
  }

  #reply (request: number, reply: SlotAnswer): void {
    const { master, term, to, message, recalls } = this.#questions.get(request)!

    this.#mail.push({
      run: () => {
        if (master.term === term) {
          this.#eventsOf(message, to, reply, recalls).forEach(event => { this.#tell(master, { ...event, nowMs: this.#nowMs } as CoordinatorEvent) })
        }
      }
    })
  }

  #eventsOf (message: SlotCommand, worker: string, reply: SlotAnswer, recalls: boolean): Array<Omit<CoordinatorEvent, 'nowMs'>> {
    const events = (executions: readonly string[]): Array<Omit<CoordinatorEvent, 'nowMs'>> => executions.map(execution => ({ kind: 'answer', worker, execution, reply }))

    switch (message.kind) {
      case 'cancel':
        return reply.kind === 'cancelled' ? [{ kind: 'cancel-answered', job: message.job, worker } as any] : []
      case 'start':
        return reply.kind === 'started'
          ? [{ kind: 'outcomes', worker, outcomes: message.executions.map((execution, at) => ({ execution, outcome: reply.outcomes[at]! })) } as any]
          : reply.kind === 'returned' ? [{ ...reply, worker } as any] : events(message.executions)
      case 'rollback':
        return recalls ? [{ kind: 'recall-answered', worker, execution: message.execution, reply } as any] : []
      default:
        return events([message.execution])
    }
  }

  #started (worker: Worker, execution: string): void {
    const { job, task } = parseExecutionId(execution)
    const name = `${job}/${task}`

    if (worker.running != null) {
      this.faults.push(`${worker.id} runs ${worker.running} and ${execution}`)
    }

    if (!this.#assigned.has(execution)) {
      this.faults.push(`${execution} is started before it is assigned`)
    }

    worker.running = execution
    this.starts.set(name, [...this.starts.get(name) ?? [], execution])

    if (this.starts.get(name)!.filter(started => !this.#contested.has(started)).length > 1 || new Set(this.starts.get(name)).size < this.starts.get(name)!.length) {
      this.faults.push(`${name} is started again: ${this.starts.get(name)!.join(', ')}`)
    }
  }
}

function faultsOf (step: Stepper, happenings: Happening[]): string[] {
  const mesh = new Mesh(step)

  happenings.forEach(event => { mesh.happen(event) })

  return mesh.faults
}

const lives = fc.array(happening, { minLength: 60, maxLength: 300 })

describe('masters that take over from each other', () => {
  it('start nothing twice, and say nothing to workers while they stand by', () => {
    fc.assert(fc.property(lives, happenings => { expect(faultsOf(stepCoordinator, happenings)).toEqual([]) }), { numRuns: 200 })
  })

  it.each<[string, Stepper, RegExp]>([
    ['speaks while it stands by', (state, event) => {
      const { mode } = state
      const effects = stepCoordinator(state, event)
      return mode === 'standby' && state.mode === 'standby' && event.kind === 'cancel' ? [...effects, { kind: 'cancel-on', worker: '12D3a', job: event.job }] : effects
    }, /a standby says/],
    ['forgets at its take-over what was assigned', (state, event) => {
      if (event.kind === 'reign') {
        state.jobs.forEach(entry => { entry.tasks.forEach(task => { task.assigned.clear() }) })
      }
      return stepCoordinator(state, event)
    }, /is started again/]
  ])('would be found out if one %s', (_title, step, pattern) => {
    const found = fc.sample(lives, { numRuns: 1_500, seed: 7 }).flatMap(happenings => faultsOf(step, happenings))

    expect(found.some(fault => pattern.test(fault)), found.slice(0, 5).join('\n') || 'nothing was found').toBe(true)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExecutionId } from '../../src/model/ids.ts'
import { stepCoordinator } from '../../src/roles/master/coordinator/step.ts'
import { stepSlot } from '../../src/roles/worker/slot-state.ts'
import { happenings } from '../roles/worker/happenings.ts'
import { faultsOfSlot } from '../roles/worker/slot-checker.ts'
import { faultsOf, live } from './live.ts'
import type { CoordinatorEvent, CoordinatorState } from '../../src/roles/master/coordinator/state.ts'
import type { SlotEffect, SlotState } from '../../src/roles/worker/slot-state.ts'

/** A checker that finds nothing may be blind: each of these faults, put in on purpose, must be found. */
const SEEDS = 400

type Slot = typeof stepSlot
type Coordinator = typeof stepCoordinator

const NOWHERE: ReadonlySet<string> = new Set()

function effectsOf (change: (effects: SlotEffect[]) => SlotEffect[]): Slot {
  return (state, event) => {
    const step = stepSlot(state, event)
    return { state: step.state, effects: change(step.effects) }
  }
}

function stateOf (change: (state: SlotState) => SlotState): Slot {
  return (state, event) => stepSlot(change(state), event)
}

const SLOTS: Array<[string, Slot, RegExp]> = [
  ['forgets what it has run', stateOf(state => ({ ...state, known: new Map() })), /starts again/],
  ['listens to a stale claim', (state, event) => stepSlot(event.kind === 'request' && event.message.claim.master === event.from ? { ...state, highest: undefined } : state, event), /is answered (?!stale)/],
  ['calls everybody stale', (state, event) => stepSlot({ ...state, highest: { term: 99, master: 'x' } }, event), /is answered stale|not on disk/],
  ['believes a claim of somebody else', (state, event) => stepSlot(state, event.kind === 'request' ? { ...event, from: event.message.claim.master } : event), /is answered/],
  ['does not write down the claim', effectsOf(effects => effects.filter(effect => effect.kind !== 'persist-claim')), /claim is not on disk/],
  ['does not write down the start', effectsOf(effects => effects.filter(effect => effect.kind !== 'persist-start')), /before the journal says so/],
  ['writes down the start afterwards', effectsOf(effects => [...effects.filter(effect => effect.kind !== 'persist-start'), ...effects.filter(effect => effect.kind === 'persist-start')]), /before the journal says so/],
  ['takes a task while one is running', (state, event) => stepSlot(event.kind === 'request' && event.message.kind === 'available' ? { ...state, phase: { kind: 'free' } } : state, event), /runs beside|the slot says/],
  ['starts what is not reserved', (state, event) => stepSlot(event.kind === 'request' && event.message.kind === 'start' && state.phase.kind === 'free' ? { ...state, phase: { kind: 'reserved', execution: event.message.execution, claim: event.message.claim, leaseEndsMs: Infinity } } : state, event), /without a reservation/],
  ['forgets a cancel', stateOf(state => ({ ...state, cancelled: NOWHERE })), /although its job is cancelled/],
  ['answers a cancel at once', (state, event) => {
    const step = stepSlot(state, event)
    return event.kind === 'request' && step.effects.some(effect => effect.kind === 'stop')
      ? { state: { ...step.state, waiting: [] }, effects: [...step.effects, { kind: 'reply', request: event.request, reply: { kind: 'cancelled', stopped: [] } }] }
      : step
  }, /is answered while/],
  ['never answers a cancel', stateOf(state => ({ ...state, waiting: [] })), /never answered/],
  ['starts while draining', stateOf(state => ({ ...state, draining: false })), /draining|the slot says/],
  ['keeps a lease for ever', (state, event) => event.kind === 'tick' ? { state, effects: [] } : stepSlot(state, event), /lease that has ended/],
  ['ends what runs when a lease would', (state, event) => event.kind === 'tick' ? { state: { ...state, phase: { kind: 'free' } }, effects: [] } : stepSlot(state, event), /the slot says free/]
]

describe('the slot\'s checker finds a slot that', () => {
  it.each(SLOTS)('%s', (_title, slot, pattern) => {
    // what the masters and the world do is the same for every fault
    const found = fc.sample(happenings, { numRuns: 3_000, seed: 1 }).flatMap(sequence => faultsOfSlot(slot, sequence))

    expect(found.some(fault => pattern.test(fault)), found.slice(0, 5).join('\n') || 'nothing was found').toBe(true)
  })
})

/** The task that the event is about, as it is before the step. */
function taskOf (state: CoordinatorState, execution: string) {
  const { job, task } = parseExecutionId(execution)
  return state.jobs.get(job)?.tasks.get(task)
}

function before (change: (state: CoordinatorState, event: CoordinatorEvent) => CoordinatorEvent | undefined): Coordinator {
  return (state, event) => {
    const changed = change(state, event)
    return changed == null ? [] : stepCoordinator(state, changed)
  }
}

const COORDINATORS: Array<[string, Coordinator, RegExp]> = [
  ['starts without journaling the assignment', (state, event) => stepCoordinator(state, event).filter(effect => effect.kind !== 'persist-assign'), /started before it was journaled/],
  ['journals the assignment afterwards', (state, event) => {
    const effects = stepCoordinator(state, event)
    return [...effects.filter(effect => effect.kind !== 'persist-assign'), ...effects.filter(effect => effect.kind === 'persist-assign')]
  }, /started before it was journaled/],
  ['gives a START whose answer was lost to somebody else', before((state, event) => {
    if (event.kind === 'ask-failed') {
      const task = taskOf(state, event.execution)

      if (task?.state === 'starting' && !task.prepared) {
        task.state = 'queued'
        task.worker = undefined
        task.doubted.clear()
        task.assigned.clear()
      }
    }

    return event
  }), /ran on .* and on/],
  ['forgets at a restart what it had assigned', before((_state, event) => event.kind === 'restore' ? { ...event, assigned: [] } : event), /ran on .* and on/],
  ['forgets at a restart what has ended', before((_state, event) => event.kind === 'restore' ? { ...event, ended: [], assigned: [] } : event), /ran on .* and on|never ends|without a record/],
  ['calls done what its worker has only started', (state, event) => {
    const effects = stepCoordinator(state, event)
    const task = event.kind === 'answer' && event.reply.kind === 'started' ? taskOf(state, event.execution) : undefined
    if (task?.state === 'running') { task.state = 'done' }
    return effects
  }, /without a record|never ends/],
  ['does not hear that a result came', before((_state, event) => event.kind === 'result' ? undefined : event), /never ends|without a record/],
  ['does not ask again after a lost answer', before((state, event) => {
    if (event.kind === 'ask-failed') {
      const task = taskOf(state, event.execution)
      if (task?.state === 'starting' && !task.prepared) { return undefined }
    }
    return event
  }), /never ends/],
  ['does not hear that a cancel was carried out, nor says it again', (state, event) => event.kind === 'cancel-answered'
    ? []
    : stepCoordinator(state, event).filter(effect => effect.kind !== 'cancel-on' || event.kind === 'cancel'), /never ends/],
  ['does not read what a job requires and asks for', before((_state, event) => event.kind === 'accept' || event.kind === 'restore' ? { ...event, job: { ...event.job, require: undefined, limits: {} } } : event), /runs where it must not: its sandbox lacks two-uids/],
  ['forgets at a restart whom a job must not run on', before((_state, event) => event.kind === 'restore' ? { ...event, targets: event.targets.map(({ task, worker }) => ({ task, worker })) } : event), /runs where it must not/]
]

describe('the simulation finds a coordinator that', () => {
  it.each(COORDINATORS)('%s', (_title, coordinator, pattern) => {
    const found: string[] = []

    for (let seed = 1; seed <= SEEDS && !found.some(fault => pattern.test(fault)); seed++) {
      found.push(...faultsOf(live(seed, { slot: stepSlot, coordinator })))
    }

    expect(found.some(fault => pattern.test(fault)), found.slice(0, 5).join('\n') || 'nothing was found').toBe(true)
  })

  it('meets a worker that forgets what it has run', () => {
    const slot: Slot = (state, event) => stepSlot({ ...state, known: new Map() }, event)
    const found: string[] = []

    for (let seed = 1; seed <= SEEDS && found.length === 0; seed++) {
      found.push(...live(seed, { slot, coordinator: stepCoordinator }).violations)
    }

    expect(found.join('\n')).toMatch(/started twice|ran on .* and on/)
  })
})

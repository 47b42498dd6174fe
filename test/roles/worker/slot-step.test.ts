import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { heldBy, isFree, LEASE_MS, initialSlot, MARKED_AHEAD } from '../../../src/roles/worker/slot-state.ts'
import { stepSlot } from '../../../src/roles/worker/slot-step.ts'
import { happenings } from './happenings.ts'
import { MASTERS, executionOf, faultsOfSlot } from './slot-checker.ts'
import type { SlotAnswer, SlotCommand, SlotRequest } from '../../../src/node/protocol/slot/messages.ts'
import type { SlotEffect, SlotEvent, SlotState } from '../../../src/roles/worker/slot-state.ts'

const claim = { term: 2, master: MASTERS[0]! }
const JOB = executionOf(0).split('/')[0]!

let ids = 0

function ask (state: SlotState, command: SlotCommand, nowMs = 0, measured = true): { state: SlotState, reply?: SlotAnswer, effects: SlotEffect[] } {
  const message = { id: ++ids, ...command } as SlotRequest
  const start = command.kind === 'start' ? { job: new Uint8Array(0), measured } : undefined
  const step = stepSlot(state, { kind: 'request', request: 1, from: message.claim.master, message, nowMs, hasPayload: true, start })
  const effect = step.effects.find(effect => effect.kind === 'reply')

  return { state: step.state, reply: effect?.kind === 'reply' ? effect.reply : undefined, effects: step.effects }
}

function play (state: SlotState, ...events: SlotEvent[]): SlotState {
  return events.reduce((slot, event) => stepSlot(slot, event).state, state)
}

function startOf (number: number): SlotCommand {
  return { kind: 'start', claim, jobId: executionOf(number).split('/')[0]!, executions: [executionOf(number)], job: new Uint8Array(0), reserved: true }
}

/** Items of the second job, without a reservation. */
function batchOf (...numbers: number[]): Extract<SlotCommand, { kind: 'start' }> {
  const executions = numbers.map(number => executionOf(1 + 3 * number))

  return { kind: 'start', claim, jobId: executionOf(1).split('/')[0]!, executions, reserved: false }
}

const item = (number: number): string => executionOf(1 + 3 * number)

describe('the slot, whatever three masters, the clock and the program do', () => {
  it('runs one thing in a place and nothing beside what is measured, nothing twice, follows the highest claim, and says nothing that is not on disk', () => {
    fc.assert(fc.property(happenings, fc.integer({ min: 1, max: 3 }), (sequence, places) => {
      expect(faultsOfSlot(stepSlot, sequence, places)).toEqual([])
    }), { numRuns: 4_000 })
  })

  it('does not change the state that it was given', () => {
    fc.assert(fc.property(happenings, sequence => {
      faultsOfSlot((state, event) => {
        const before = structuredClone(state)
        const step = stepSlot(state, event)
        expect(state).toEqual(before)
        return step
      }, sequence)
    }), { numRuns: 200 })
  })
})

describe('a reservation', () => {
  const reserved = ask(initialSlot(), { kind: 'available', claim, execution: executionOf(0), measured: true }).state

  it('ends with its lease, and a renewal prolongs it', () => {
    expect(play(reserved, { kind: 'tick', nowMs: LEASE_MS - 1 }).places[0]?.kind).toBe('reserved')
    expect(play(reserved, { kind: 'tick', nowMs: LEASE_MS }).places[0]?.kind).toBe('free')

    const { state, reply } = ask(reserved, { kind: 'renew', claim, execution: executionOf(0) }, 3_000)
    expect(reply).toEqual({ kind: 'renewed', leaseMs: LEASE_MS })
    expect(play(state, { kind: 'tick', nowMs: LEASE_MS + 2_999 }).places[0]?.kind).toBe('reserved')
    expect(play(state, { kind: 'tick', nowMs: LEASE_MS + 3_000 }).places[0]?.kind).toBe('free')
  })

  describe('that waits for a quiet machine', () => {
    const message = { id: 1_000_000, kind: 'renew' as const, claim, execution: executionOf(0), quietMs: 2_000 }
    const asked = stepSlot(reserved, { kind: 'request', request: 7, from: claim.master, message, nowMs: 3_000, hasPayload: true })
    const settled: SlotEvent = { kind: 'settled', request: 7, message, quietWaitMs: 400, nowMs: 3_400 }

    it('is answered when the machine is quiet, and START knows how long that took', () => {
      expect(asked.effects).toEqual([{ kind: 'settle', request: 7, message, quietMs: 2_000 }])

      const { state, effects } = stepSlot(asked.state, settled)
      expect(effects).toEqual([{ kind: 'reply', request: 7, reply: { kind: 'renewed', leaseMs: LEASE_MS } }])

      const again = play(state, { ...settled, quietWaitMs: 100 })
      const start: SlotRequest = { ...startOf(0), id: 1_000_001, startAtMs: 5, startErrorMs: 0.1 } as SlotRequest
      const started = stepSlot(again, { kind: 'request', request: 8, from: claim.master, message: start, nowMs: 3_600, hasPayload: true, start: { job: new Uint8Array(), measured: true } })
      expect(started.effects).toContainEqual({ kind: 'start', execution: executionOf(0), place: 0, job: new Uint8Array(), more: false, measured: true, startAtMs: 5, startErrorMs: 0.1, quietWaitMs: 500 })
    })

    it('holds its lease meanwhile, and a new one from then on', () => {
      expect(play(asked.state, { kind: 'tick', nowMs: 5_000 + LEASE_MS - 1 }).places[0]?.kind).toBe('reserved')
      expect(play(asked.state, { kind: 'tick', nowMs: 5_000 + LEASE_MS }).places[0]?.kind).toBe('free')
      expect(play(asked.state, settled, { kind: 'tick', nowMs: 3_400 + LEASE_MS - 1 }).places[0]?.kind).toBe('reserved')
      expect(play(asked.state, settled, { kind: 'tick', nowMs: 3_400 + LEASE_MS }).places[0]?.kind).toBe('free')
    })

    it('can be cancelled, lost or taken over: then it is refused in the end', () => {
      const reply = { kind: 'refused', reason: expect.stringContaining('reservation has ended') }
      const other = { term: 3, master: MASTERS[1]! }

      for (const event of [
        { kind: 'request', request: 9, from: claim.master, message: { id: 1_000_002, kind: 'cancel', claim, job: JOB }, nowMs: 3_100, hasPayload: false },
        { kind: 'stream-closed', execution: executionOf(0), from: claim.master },
        { kind: 'request', request: 9, from: other.master, message: { id: 1, kind: 'available', claim: other, execution: executionOf(0), measured: true }, nowMs: 3_100, hasPayload: true }
      ] satisfies SlotEvent[]) {
        expect(stepSlot(play(asked.state, event), settled).effects).toEqual([{ kind: 'reply', request: 7, reply }])
      }
    })

    it('does not wait where nobody asks for it', () => {
      expect(ask(reserved, { ...message, quietMs: 0 }).reply).toEqual({ kind: 'renewed', leaseMs: LEASE_MS })
    })
  })

  it('ends with the stream of its master only', () => {
    expect(play(reserved, { kind: 'stream-closed', execution: executionOf(0), from: MASTERS[1]! }).places[0]?.kind).toBe('reserved')
    expect(play(reserved, { kind: 'stream-closed', execution: executionOf(1), from: MASTERS[0]! }).places[0]?.kind).toBe('reserved')
    expect(play(reserved, { kind: 'stream-closed', execution: executionOf(0), from: MASTERS[0]! }).places[0]?.kind).toBe('free')
  })

  it('keeps another execution out, and gives way to a higher claim', () => {
    expect(ask(reserved, { kind: 'available', claim, execution: executionOf(1), measured: true }).reply).toEqual({ kind: 'busy', reason: 'reserved for job 69g5fa1'.replace('69g5fa1', executionOf(0).slice(18, 26).toLowerCase()) })
    expect(ask(reserved, { kind: 'available', claim: { term: 3, master: MASTERS[1]! }, execution: executionOf(1), measured: true }).reply?.kind).toBe('ready')
    expect(ask(reserved, { kind: 'available', claim: { term: 1, master: MASTERS[2]! }, execution: executionOf(1), measured: true }).reply).toEqual({ kind: 'stale', highest: claim })
  })

  it('is not started by somebody else, nor after it has ended', () => {
    const later = { term: 3, master: MASTERS[1]! }
    expect(ask(reserved, { ...startOf(0), claim: later } as SlotCommand).reply).toMatchObject({ kind: 'started', outcomes: [{ kind: 'refused', reason: /not reserved/ }] })
    const over = play(reserved, { kind: 'tick', nowMs: LEASE_MS })
    expect(ask(over, startOf(0)).reply).toMatchObject({ kind: 'started', outcomes: [{ kind: 'refused' }] })
  })
})

describe('a running execution', () => {
  const reserved = ask(initialSlot(), { kind: 'available', claim, execution: executionOf(0), measured: true }).state
  const running = ask(reserved, startOf(0)).state

  it('is ended by no lease, no stream, no rollback and no higher claim', () => {
    const later = { term: 9, master: MASTERS[1]! }
    const after = [
      play(running, { kind: 'tick', nowMs: 10 * LEASE_MS }),
      play(running, { kind: 'stream-closed', execution: executionOf(0), from: MASTERS[0]! }),
      ask(running, { kind: 'rollback', claim, execution: executionOf(0) }).state,
      ask(running, { kind: 'available', claim: later, execution: executionOf(1), measured: true }).state,
      play(running, { kind: 'drain', drain: true }),
      play(running, { kind: 'ended', execution: executionOf(3) })
    ]

    for (const slot of after) {
      expect(heldBy(slot)).toEqual([{ execution: executionOf(0), state: 'running' }])
    }
  })

  it('answers every cancel of its job when it has ended, and each once', () => {
    const cancel = { kind: 'cancel' as const, claim, job: JOB }
    const first = stepSlot(running, { kind: 'request', request: 7, from: MASTERS[0]!, message: { id: 2_000_000, ...cancel }, nowMs: 0, hasPayload: false })
    const second = stepSlot(first.state, { kind: 'request', request: 8, from: MASTERS[0]!, message: { id: 2_000_001, ...cancel }, nowMs: 0, hasPayload: false })
    expect([...first.effects, ...second.effects].filter(effect => effect.kind === 'reply')).toEqual([])

    const ended = stepSlot(second.state, { kind: 'ended', execution: executionOf(0) })
    expect(ended.effects).toEqual([
      { kind: 'reply', request: 7, reply: { kind: 'cancelled', stopped: [executionOf(0)] } },
      { kind: 'reply', request: 8, reply: { kind: 'cancelled', stopped: [executionOf(0)] } },
      { kind: 'changed' }
    ])
    expect(ended.state.waiting).toEqual([])
  })

  it('is told of as known, running or finished', () => {
    const outcome = (state: SlotState) => ask(state, startOf(0)).reply

    expect(outcome(running)).toEqual({ kind: 'started', outcomes: [{ kind: 'known', state: 'running' }] })
    expect(outcome(play(running, { kind: 'ended', execution: executionOf(0) }))).toEqual({ kind: 'started', outcomes: [{ kind: 'known', state: 'finished' }] })
  })
})

describe('several executions of one START', () => {
  const batch = ask(initialSlot(), batchOf(0, 1, 2, 3, 4, 5, 6), 0, false)

  it('run one after the other, each in the journal before it begins', () => {
    expect(batch.effects).toMatchObject([
      { kind: 'persist-claim' },
      { kind: 'persist-start', executions: [item(0)] },
      { kind: 'reply', reply: { kind: 'started', outcomes: [{ kind: 'started' }, ...Array.from({ length: 6 }, () => ({ kind: 'queued' }))] } },
      { kind: 'start', execution: item(0), more: true },
      { kind: 'changed' }
    ])
    expect(stepSlot(batch.state, { kind: 'ended', execution: item(0) }).effects).toMatchObject([{ kind: 'persist-start', executions: [item(1)] }, { kind: 'start', execution: item(1) }, { kind: 'changed' }])
  })

  it('are written down some ahead, with one fsync, while one is under way', () => {
    const ahead = stepSlot(batch.state, { kind: 'under-way', execution: item(0) })

    expect(ahead.effects).toEqual([{ kind: 'persist-start', executions: Array.from({ length: MARKED_AHEAD }, (_, at) => item(1 + at)) }])
    expect(stepSlot(ahead.state, { kind: 'ended', execution: item(0) }).effects).toMatchObject([{ kind: 'start', execution: item(1) }, { kind: 'changed' }])
  })

  it('go back when the worker drains or its journal fails, but for those that the journal knows', () => {
    const ahead = play(batch.state, { kind: 'under-way', execution: item(0) })
    const drained = stepSlot(ahead, { kind: 'drain', drain: true })

    expect(drained.effects).toContainEqual({ kind: 'reply', request: 1, reply: { kind: 'returned', executions: [item(5), item(6)], reason: 'draining' } })
    expect(heldBy(drained.state)).toHaveLength(5)

    const failed = stepSlot(batch.state, { kind: 'ended', execution: item(0), giveBack: 'no room' })

    expect(failed.effects).toContainEqual({ kind: 'reply', request: 1, reply: { kind: 'returned', executions: [1, 2, 3, 4, 5, 6].map(item), reason: 'no room' } })
    expect(isFree(failed.state)).toBe(true)
    expect(ask(failed.state, batchOf(1), 0, false).reply).toMatchObject({ outcomes: [{ kind: 'started' }] })
  })

  it('can be taken back one by one as long as they only wait', () => {
    const ahead = play(batch.state, { kind: 'under-way', execution: item(0) })

    expect(ask(ahead, { kind: 'rollback', claim, execution: item(1) }).reply).toEqual({ kind: 'known', state: 'running' })

    const { state, reply } = ask(ahead, { kind: 'rollback', claim, execution: item(6) })

    expect(reply).toEqual({ kind: 'rolled-back' })
    expect(heldBy(state).map(({ execution }) => execution)).toEqual([0, 1, 2, 3, 4, 5].map(item))
  })

  it('end with a cancel, which is answered when those that count as begun have their records', () => {
    const ahead = play(batch.state, { kind: 'under-way', execution: item(0) })
    const cancel = stepSlot(ahead, { kind: 'request', request: 9, from: MASTERS[0]!, message: { id: 3_000_000, kind: 'cancel', claim, job: item(0).split('/')[0]! }, nowMs: 0, hasPayload: false })
    const told: SlotEffect[] = [...cancel.effects]
    let state = cancel.state

    for (let number = 0; number <= MARKED_AHEAD; number++) {
      const step = stepSlot(state, { kind: 'ended', execution: item(number) })

      state = step.state
      told.push(...step.effects)
    }

    expect(told.filter(({ kind }) => kind === 'start')).toEqual([])
    expect(told.flatMap(effect => effect.kind === 'abandon' ? [effect.execution] : [])).toEqual([1, 2, 3, 4].map(item))
    expect(told.at(-2)).toEqual({ kind: 'reply', request: 9, reply: { kind: 'cancelled', stopped: [item(0)] } })
    expect(isFree(state)).toBe(true)
  })

  it('wait for files that are not there', () => {
    const message = { id: 1, ...batchOf(0, 1) } as SlotRequest
    const step = stepSlot(initialSlot(), { kind: 'request', request: 1, from: MASTERS[0]!, message, nowMs: 0, hasPayload: false, start: { job: new Uint8Array(0), measured: false } })

    expect(step.effects.at(-1)).toMatchObject({ reply: { kind: 'started', outcomes: [{ kind: 'no-payload' }, { kind: 'no-payload' }] } })
    expect(isFree(step.state)).toBe(true)
  })
})

describe('several places', () => {
  it('run several things that are not measured, and one that is by itself', () => {
    const one = ask(initialSlot({ places: 2 }), batchOf(0, 1), 0, false).state
    const two = ask(one, batchOf(2), 0, false)

    expect(heldBy(two.state)).toEqual([{ execution: item(0), state: 'running' }, { execution: item(1), state: 'queued' }, { execution: item(2), state: 'running' }])
    expect(ask(two.state, batchOf(3), 0, false).reply).toMatchObject({ outcomes: [{ kind: 'busy' }] })
    expect(ask(one, { kind: 'available', claim, execution: executionOf(0), measured: true }).reply).toMatchObject({ kind: 'busy' })

    const alone = ask(initialSlot({ places: 2 }), { kind: 'available', claim, execution: executionOf(0), measured: true }).state

    expect(ask(alone, batchOf(0), 0, false).reply).toMatchObject({ outcomes: [{ kind: 'busy', reason: expect.stringContaining('reserved') }] })
    expect(ask(ask(alone, startOf(0)).state, batchOf(0), 0, false).reply).toMatchObject({ outcomes: [{ kind: 'busy', reason: expect.stringContaining('running') }] })
  })

  it('run no two tasks of a job that is for different workers, whichever coordinators gave them', () => {
    const start = (state: SlotState, number: number, master: string) => stepSlot(state, {
      kind: 'request',
      request: number,
      from: master,
      message: { id: ++ids, ...batchOf(number), claim: { term: 2 + number, master } },
      nowMs: 0,
      hasPayload: true,
      start: { job: new Uint8Array(0), measured: false, distinct: true }
    })
    const one = start(initialSlot({ places: 2 }), 0, MASTERS[0]!)
    const two = start(one.state, 1, MASTERS[1]!)

    expect(two.effects).toContainEqual({ kind: 'reply', request: 1, reply: { kind: 'started', outcomes: [{ kind: 'busy', reason: expect.stringContaining('different workers') }] } })
    expect(heldBy(two.state)).toEqual([{ execution: item(0), state: 'running' }])

    const after = start(play(two.state, { kind: 'ended', execution: item(0) }), 2, MASTERS[1]!)

    expect(heldBy(after.state)).toEqual([{ execution: item(2), state: 'running' }])
  })

  it('never measure without a reservation', () => {
    expect(ask(initialSlot({ places: 2 }), { ...startOf(0), reserved: false } as SlotCommand).reply).toMatchObject({ kind: 'refused', reason: /reservation/ })
  })
})

describe('a request that was overtaken', () => {
  it('is refused: what it asks for may have been given elsewhere since', () => {
    const { state } = ask(initialSlot(), { kind: 'available', claim, execution: executionOf(0), measured: true })
    const step = stepSlot(state, { kind: 'request', request: 2, from: MASTERS[0]!, message: { id: 0, ...batchOf(0) } as SlotRequest, nowMs: 0, hasPayload: true, start: { job: new Uint8Array(0), measured: false } })

    expect(step.effects).toMatchObject([{ reply: { kind: 'refused', reason: /overtaken/ } }])
  })
})

describe('a slot that takes nothing', () => {
  it('says why', () => {
    const available = { kind: 'available' as const, claim, execution: executionOf(0), measured: true }
    expect(ask(initialSlot({ refusal: 'no box can be built' }), available).reply).toEqual({ kind: 'refused', reason: 'no box can be built' })
    expect(ask(play(initialSlot(), { kind: 'drain', drain: true }), available).reply).toEqual({ kind: 'busy', reason: 'draining' })
    expect(ask(initialSlot({ cancelled: [[JOB, {}]] }), available).reply).toEqual({ kind: 'refused', reason: 'the job is cancelled', cancel: {} })
  })

  it('of a cancelled job proves who has cancelled it, as soon as it can', () => {
    const proof = new Uint8Array([1])
    const refusal = (state: SlotState) => ask(state, { kind: 'available', claim, execution: executionOf(0), measured: true }).reply
    const cancelled = (state: SlotState, proof?: Uint8Array) => ask(state, { kind: 'cancel', claim, job: JOB, ...(proof == null ? {} : { proof }) })

    // of a master of an earlier version
    const unproven = cancelled(initialSlot())

    expect(unproven.effects).toContainEqual({ kind: 'persist-cancel', job: JOB, word: { master: claim.master } })
    expect(refusal(unproven.state)).toMatchObject({ kind: 'refused', cancel: { master: claim.master } })

    const proven = cancelled(unproven.state, proof)

    expect(proven.effects).toContainEqual({ kind: 'persist-cancel', job: JOB, word: { master: claim.master, proof } })
    expect(refusal(proven.state)).toMatchObject({ kind: 'refused', cancel: { master: claim.master, proof } })

    // one proof is enough
    expect(cancelled(proven.state, new Uint8Array([2])).effects).toEqual([{ kind: 'reply', request: 1, reply: { kind: 'cancelled', stopped: [] } }])
    expect(ask(proven.state, { ...startOf(0), reserved: false } as SlotCommand, 0, false).reply).toMatchObject({ outcomes: [{ kind: 'refused', cancel: { proof } }] })
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LEASE_MS, initialSlot, stepSlot } from '../../../src/roles/worker/slot-state.ts'
import { happenings } from './happenings.ts'
import { MASTERS, executionOf, faultsOfSlot } from './slot-checker.ts'
import type { SlotReply, SlotRequest } from '../../../src/node/protocol/slot/messages.ts'
import type { SlotEvent, SlotState } from '../../../src/roles/worker/slot-state.ts'

const claim = { term: 2, master: MASTERS[0]! }

function ask (state: SlotState, message: SlotRequest, nowMs = 0): { state: SlotState, reply?: SlotReply } {
  const step = stepSlot(state, { kind: 'request', request: 1, from: message.claim.master, message, nowMs, hasPayload: true })
  const effect = step.effects.find(effect => effect.kind === 'reply')

  return { state: step.state, reply: effect?.kind === 'reply' ? effect.reply : undefined }
}

function play (state: SlotState, ...events: SlotEvent[]): SlotState {
  return events.reduce((slot, event) => stepSlot(slot, event).state, state)
}

describe('the slot, whatever three masters, the clock and the program do', () => {
  it('runs one thing at a time, nothing twice, follows the highest claim, and says nothing that is not on disk', () => {
    fc.assert(fc.property(happenings, sequence => {
      expect(faultsOfSlot(stepSlot, sequence)).toEqual([])
    }), { numRuns: 3_000 })
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
    expect(play(reserved, { kind: 'tick', nowMs: LEASE_MS - 1 }).phase.kind).toBe('reserved')
    expect(play(reserved, { kind: 'tick', nowMs: LEASE_MS }).phase.kind).toBe('free')

    const { state, reply } = ask(reserved, { kind: 'renew', claim, execution: executionOf(0) }, 3_000)
    expect(reply).toEqual({ kind: 'renewed', leaseMs: LEASE_MS })
    expect(play(state, { kind: 'tick', nowMs: LEASE_MS + 2_999 }).phase.kind).toBe('reserved')
    expect(play(state, { kind: 'tick', nowMs: LEASE_MS + 3_000 }).phase.kind).toBe('free')
  })

  describe('that waits for a quiet machine', () => {
    const message = { kind: 'renew' as const, claim, execution: executionOf(0), quietMs: 2_000 }
    const asked = stepSlot(reserved, { kind: 'request', request: 7, from: claim.master, message, nowMs: 3_000, hasPayload: true })
    const settled: SlotEvent = { kind: 'settled', request: 7, message, quietWaitMs: 400, nowMs: 3_400 }

    it('is answered when the machine is quiet, and START knows how long that took', () => {
      expect(asked.effects).toEqual([{ kind: 'settle', request: 7, message, quietMs: 2_000 }])

      const { state, effects } = stepSlot(asked.state, settled)
      expect(effects).toEqual([{ kind: 'reply', request: 7, reply: { kind: 'renewed', leaseMs: LEASE_MS } }])

      const again = play(state, { ...settled, quietWaitMs: 100 })
      const start: SlotRequest = { kind: 'start', claim, execution: executionOf(0), job: new Uint8Array(), startAtMs: 5, startErrorMs: 0.1 }
      const started = stepSlot(again, { kind: 'request', request: 8, from: claim.master, message: start, nowMs: 3_600, hasPayload: true })
      expect(started.effects).toContainEqual({ kind: 'start', execution: executionOf(0), job: new Uint8Array(), startAtMs: 5, startErrorMs: 0.1, quietWaitMs: 500 })
    })

    it('holds its lease meanwhile, and a new one from then on', () => {
      expect(play(asked.state, { kind: 'tick', nowMs: 5_000 + LEASE_MS - 1 }).phase.kind).toBe('reserved')
      expect(play(asked.state, { kind: 'tick', nowMs: 5_000 + LEASE_MS }).phase.kind).toBe('free')
      expect(play(asked.state, settled, { kind: 'tick', nowMs: 3_400 + LEASE_MS - 1 }).phase.kind).toBe('reserved')
      expect(play(asked.state, settled, { kind: 'tick', nowMs: 3_400 + LEASE_MS }).phase.kind).toBe('free')
    })

    it('can be cancelled, lost or taken over: then it is refused in the end', () => {
      const reply = { kind: 'refused', reason: expect.stringContaining('reservation has ended') }
      const other = { term: 3, master: MASTERS[1]! }

      for (const event of [
        { kind: 'request', request: 9, from: claim.master, message: { kind: 'cancel', claim, job: executionOf(0).split('/')[0]! }, nowMs: 3_100, hasPayload: false },
        { kind: 'stream-closed', execution: executionOf(0), from: claim.master },
        { kind: 'request', request: 9, from: other.master, message: { kind: 'available', claim: other, execution: executionOf(0), measured: true }, nowMs: 3_100, hasPayload: true }
      ] satisfies SlotEvent[]) {
        expect(stepSlot(play(asked.state, event), settled).effects).toEqual([{ kind: 'reply', request: 7, reply }])
      }
    })

    it('does not wait where nobody asks for it', () => {
      expect(ask(reserved, { ...message, quietMs: 0 }).reply).toEqual({ kind: 'renewed', leaseMs: LEASE_MS })
    })
  })

  it('ends with the stream of its master only', () => {
    expect(play(reserved, { kind: 'stream-closed', execution: executionOf(0), from: MASTERS[1]! }).phase.kind).toBe('reserved')
    expect(play(reserved, { kind: 'stream-closed', execution: executionOf(1), from: MASTERS[0]! }).phase.kind).toBe('reserved')
    expect(play(reserved, { kind: 'stream-closed', execution: executionOf(0), from: MASTERS[0]! }).phase.kind).toBe('free')
  })

  it('keeps another execution out, and gives way to a higher claim', () => {
    expect(ask(reserved, { kind: 'available', claim, execution: executionOf(1), measured: true }).reply).toEqual({ kind: 'busy', reason: 'reserved for job 69g5fa1'.replace('69g5fa1', executionOf(0).slice(18, 26).toLowerCase()) })
    expect(ask(reserved, { kind: 'available', claim: { term: 3, master: MASTERS[1]! }, execution: executionOf(1), measured: true }).reply?.kind).toBe('ready')
    expect(ask(reserved, { kind: 'available', claim: { term: 1, master: MASTERS[2]! }, execution: executionOf(1), measured: true }).reply).toEqual({ kind: 'stale', highest: claim })
  })

  it('is not started by somebody else, nor after it has ended', () => {
    const later = { term: 3, master: MASTERS[1]! }
    expect(ask(reserved, { kind: 'start', claim: later, execution: executionOf(0), job: new Uint8Array(0) }).reply).toMatchObject({ kind: 'refused', reason: /not reserved/ })
    const over = play(reserved, { kind: 'tick', nowMs: LEASE_MS })
    expect(ask(over, { kind: 'start', claim, execution: executionOf(0), job: new Uint8Array(0) }).reply).toMatchObject({ kind: 'refused' })
  })
})

describe('a running execution', () => {
  const reserved = ask(initialSlot(), { kind: 'available', claim, execution: executionOf(0), measured: true }).state
  const running = ask(reserved, { kind: 'start', claim, execution: executionOf(0), job: new Uint8Array(0) }).state

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

    for (const { phase } of after) {
      expect(phase).toEqual({ kind: 'running', execution: executionOf(0) })
    }
  })

  it('answers every cancel of its job when it has ended, and each once', () => {
    const cancel = { kind: 'cancel' as const, claim, job: executionOf(0).split('/')[0]! }
    const first = stepSlot(running, { kind: 'request', request: 7, from: MASTERS[0]!, message: cancel, nowMs: 0, hasPayload: false })
    const second = stepSlot(first.state, { kind: 'request', request: 8, from: MASTERS[0]!, message: cancel, nowMs: 0, hasPayload: false })
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
    const start = { kind: 'start' as const, claim, execution: executionOf(0), job: new Uint8Array(0) }
    expect(ask(running, start).reply).toEqual({ kind: 'known', state: 'running' })
    expect(ask(play(running, { kind: 'ended', execution: executionOf(0) }), start).reply).toEqual({ kind: 'known', state: 'finished' })
  })
})

describe('a slot that takes nothing', () => {
  it('says why', () => {
    const available = { kind: 'available' as const, claim, execution: executionOf(0), measured: true }
    expect(ask(initialSlot({ refusal: 'no box can be built' }), available).reply).toEqual({ kind: 'refused', reason: 'no box can be built' })
    expect(ask(play(initialSlot(), { kind: 'drain', drain: true }), available).reply).toEqual({ kind: 'busy', reason: 'draining' })
    expect(ask(initialSlot({ cancelled: [executionOf(0).split('/')[0]!] }), available).reply).toEqual({ kind: 'refused', reason: 'the job is cancelled' })
  })
})

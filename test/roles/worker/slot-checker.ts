import { parseExecutionId } from '../../../src/model/ids.ts'
import { compareClaims } from '../../../src/roles/claim.ts'
import { initialSlot } from '../../../src/roles/worker/slot-state.ts'
import type { Claim } from '../../../src/node/protocol/register/messages.ts'
import type { SlotRequest } from '../../../src/node/protocol/slot/messages.ts'
import type { SlotEvent, stepSlot } from '../../../src/roles/worker/slot-state.ts'

/** What happens to a slot, in words that a generator can choose from; times and request numbers are given by the checker. */
export type Happening =
  | { kind: 'request', master: number, term: number, what: SlotRequest['kind'], execution: number, liar?: boolean }
  | { kind: 'stream-closed', master: number, execution: number }
  | { kind: 'wait', ms: number }
  | { kind: 'end' }
  | { kind: 'drain', drain: boolean }
  | { kind: 'restart' }

export const MASTERS = ['12D3KooWAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '12D3KooWBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '12D3KooWCccccccccccccccccccccccccccccccccccccccccccc']
const WORKER = '12D3KooWDdddddddddddddddddddddddddddddddddddddddddddd'
const JOBS = ['01ARZ3NDEKTSV4RRFFQ69G5FA1', '01ARZ3NDEKTSV4RRFFQ69G5FA2', '01ARZ3NDEKTSV4RRFFQ69G5FA3']

/** Two executions for each job. */
export function executionOf (number: number): string {
  return `${JOBS[number % JOBS.length]}/task${Math.floor(number / JOBS.length)}/${WORKER}/0`
}

/** Plays the happenings to a slot whose journal is kept apart, and returns what it did wrong. */
export function faultsOfSlot (step: typeof stepSlot, happenings: Happening[]): string[] {
  const faults: string[] = []
  const disk = { known: new Map<string, 'running' | 'finished'>(), cancelled: new Set<string>(), highest: undefined as Claim | undefined }
  const started = new Set<string>()
  /** Cancels sent and not answered. */
  const owed = new Map<number, string>()
  let slot = initialSlot()
  let running: string | undefined
  let draining = false
  let nowMs = 0
  let requests = 0

  const play = (event: SlotEvent): void => {
    const before = slot
    const { state, effects } = step(slot, event)
    let answered = false
    slot = state

    for (const effect of effects) {
      switch (effect.kind) {
        case 'persist-claim':
          disk.highest = effect.claim
          break
        case 'persist-start':
          disk.known.set(effect.execution, 'running')
          break
        case 'persist-cancel':
          disk.cancelled.add(effect.job)
          break
        case 'start':
          if (running != null) { faults.push(`${effect.execution} runs beside ${running}`) }
          if (started.has(effect.execution)) { faults.push(`${effect.execution} starts again`) }
          if (disk.known.get(effect.execution) !== 'running') { faults.push(`${effect.execution} starts before the journal says so`) }
          if (disk.cancelled.has(parseExecutionId(effect.execution).job)) { faults.push(`${effect.execution} starts although its job is cancelled`) }
          if (draining) { faults.push(`${effect.execution} starts while draining`) }
          if (before.phase.kind !== 'reserved' || before.phase.execution !== effect.execution) { faults.push(`${effect.execution} starts without a reservation`) }
          running = effect.execution
          started.add(effect.execution)
          break
        case 'stop':
          if (effect.execution !== running) { faults.push(`${effect.execution} is stopped and ${running} runs`) }
          break
        case 'reply': {
          const { reply, request } = effect
          answered ||= event.kind === 'request' && request === event.request

          if (reply.kind === 'started' && disk.known.get(executionIn(event)) !== 'running') {
            faults.push('STARTED is said before the journal says so')
          }

          if (reply.kind === 'cancelled') {
            const job = owed.get(request) ?? (event.kind === 'request' && event.message.kind === 'cancel' ? event.message.job : '')
            owed.delete(request)

            if (running != null && parseExecutionId(running).job === job) { faults.push(`the cancel of ${job} is answered while ${running} runs`) }
            if (!disk.cancelled.has(job)) { faults.push(`the cancel of ${job} is answered before it is on disk`) }
          }

          if (event.kind === 'request' && request === event.request) {
            const { message, from } = event
            const lower = before.highest != null && compareClaims(message.claim, before.highest) < 0

            if (message.claim.master !== from ? reply.kind !== 'refused' : lower !== (reply.kind === 'stale')) {
              faults.push(`${message.kind} of term ${message.claim.term} is answered ${reply.kind} after term ${before.highest?.term}`)
            }
          }
        }
      }
    }

    if (event.kind === 'request' && !answered) {
      if (event.message.kind === 'cancel') {
        owed.set(event.request, event.message.job)
      } else {
        faults.push(`${event.message.kind} is not answered`)
      }
    }

    if (slot.highest != null && (disk.highest == null || compareClaims(slot.highest, disk.highest) !== 0)) { faults.push('the highest claim is not on disk') }
    if ((slot.phase.kind === 'running' ? slot.phase.execution : undefined) !== running) { faults.push(`the slot says ${slot.phase.kind}, and ${running} runs`) }
    if (slot.phase.kind === 'reserved' && slot.phase.leaseEndsMs <= nowMs && event.kind === 'tick') { faults.push('a lease that has ended is kept') }
  }

  const end = (): void => {
    if (running != null) {
      const execution = running
      running = undefined
      disk.known.set(execution, 'finished')
      play({ kind: 'ended', execution })
    }
  }

  for (const happening of happenings) {
    switch (happening.kind) {
      case 'request': {
        const claim = { term: happening.term, master: MASTERS[happening.master]! }
        const execution = executionOf(happening.execution)
        const from = MASTERS[happening.liar === true ? (happening.master + 1) % MASTERS.length : happening.master]!
        play({ kind: 'request', request: ++requests, from, message: messageOf(happening.what, claim, execution), nowMs, hasPayload: true })
        break
      }
      case 'stream-closed':
        play({ kind: 'stream-closed', execution: executionOf(happening.execution), from: MASTERS[happening.master]! })
        break
      case 'wait':
        nowMs += happening.ms
        play({ kind: 'tick', nowMs })
        break
      case 'end':
        end()
        break
      case 'drain':
        draining = happening.drain
        play({ kind: 'drain', drain: draining })
        break
      case 'restart':
        // the process dies: what ran is killed with it, streams are gone, the journal stays
        if (running != null) {
          disk.known.set(running, 'finished')
          running = undefined
        }
        owed.clear()
        draining = false
        slot = initialSlot({ highest: disk.highest, known: disk.known, cancelled: disk.cancelled })
    }
  }

  end()

  if (owed.size > 0) {
    faults.push(`${owed.size} cancels are never answered`)
  }

  return faults
}

function messageOf (kind: SlotRequest['kind'], claim: Claim, execution: string): SlotRequest {
  switch (kind) {
    case 'available': return { kind, claim, execution, measured: true }
    case 'start': return { kind, claim, execution, job: new Uint8Array(0) }
    case 'cancel': return { kind, claim, job: parseExecutionId(execution).job }
    case 'renew':
    case 'rollback': return { kind, claim, execution }
  }
}

function executionIn (event: SlotEvent): string {
  return event.kind === 'request' && 'execution' in event.message ? event.message.execution : ''
}

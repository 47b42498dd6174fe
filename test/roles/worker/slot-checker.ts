import { parseExecutionId } from '../../../src/model/ids.ts'
import { compareClaims } from '../../../src/roles/claim.ts'
import { heldBy, initialSlot } from '../../../src/roles/worker/slot-state.ts'
import type { Claim } from '../../../src/node/protocol/register/messages.ts'
import type { SlotRequest } from '../../../src/node/protocol/slot/messages.ts'
import type { SlotEvent } from '../../../src/roles/worker/slot-state.ts'
import type { stepSlot } from '../../../src/roles/worker/slot-step.ts'

/** What happens to a slot, in words that a generator can choose from; times and request numbers are given by the checker. */
export type Happening =
  /** `batch`: a START without a reservation, of so many executions of the job. `late`: it was overtaken on another stream. */
  | { kind: 'request', master: number, term: number, what: SlotRequest['kind'], execution: number, batch?: number, liar?: boolean, late?: boolean, hasPayload?: boolean }
  | { kind: 'stream-closed', master: number, execution: number }
  | { kind: 'wait', ms: number }
  /** Of what runs, one is under way, or ends. */
  | { kind: 'under-way', which: number }
  | { kind: 'end', which: number }
  | { kind: 'drain', drain: boolean }
  | { kind: 'restart' }

export const MASTERS = ['12D3KooWAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '12D3KooWBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '12D3KooWCccccccccccccccccccccccccccccccccccccccccccc']
const WORKER = '12D3KooWDdddddddddddddddddddddddddddddddddddddddddddd'
const JOBS = ['01ARZ3NDEKTSV4RRFFQ69G5FA1', '01ARZ3NDEKTSV4RRFFQ69G5FA2', '01ARZ3NDEKTSV4RRFFQ69G5FA3']

/** Of the first job, which is measured; the others are not. The last one is for different workers. */
const MEASURED = JOBS[0]
const DISTINCT = JOBS[2]

/** Any number for each job. */
export function executionOf (number: number): string {
  return `${JOBS[number % JOBS.length]}/task${Math.floor(number / JOBS.length)}/${WORKER}/0`
}

/** Plays the happenings to a slot whose journal is kept apart, and returns what it did wrong. */
export function faultsOfSlot (step: typeof stepSlot, happenings: Happening[], places = 2): string[] {
  const faults: string[] = []
  const disk = { known: new Map<string, 'running' | 'finished'>(), cancelled: new Set<string>(), highest: undefined as Claim | undefined }
  const started = new Set<string>()
  const running = new Map<string, number>()
  /** Accepted by a START, and neither begun nor given back. */
  const promised = new Set<string>()
  /** In the journal when the drain began. */
  let markedBefore = new Set<string>()
  /** Cancels sent and not answered. */
  const owed = new Map<number, string>()
  const abandoned: string[] = []
  let slot = initialSlot({ places })
  let draining = false
  let nowMs = 0
  let requests = 0

  const jobOf = (execution: string): string => parseExecutionId(execution).job
  const isMeasured = (execution: string): boolean => jobOf(execution) === MEASURED

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
          effect.executions.forEach(execution => { disk.known.set(execution, 'running') })
          break
        case 'persist-cancel':
          disk.cancelled.add(effect.job)
          break
        case 'start': {
          const { execution, place } = effect
          const reserved = before.places.some(place => place.kind === 'reserved' && place.execution === execution)

          for (const [other, at] of running) {
            if (at === place || isMeasured(execution) || isMeasured(other)) { faults.push(`${execution} runs beside ${other}`) }
            if (jobOf(execution) === DISTINCT && jobOf(other) === DISTINCT) { faults.push(`${execution} starts beside ${other}, and they are for different workers`) }
          }
          if (started.has(execution)) { faults.push(`${execution} starts again`) }
          if (disk.known.get(execution) !== 'running') { faults.push(`${execution} starts before the journal says so`) }
          if (disk.cancelled.has(jobOf(execution))) { faults.push(`${execution} starts although its job is cancelled`) }
          if (draining && !markedBefore.has(execution)) { faults.push(`${execution} starts while draining`) }
          if (isMeasured(execution) && !reserved) { faults.push(`${execution} starts without a reservation`) }
          if (event.kind === 'request' && event.message.kind === 'start' && event.message.reserved && !reserved) { faults.push(`${execution} starts without a reservation`) }
          if (event.kind !== 'request' && !promised.has(execution)) { faults.push(`${execution} starts, and nobody waits for it`) }
          running.set(execution, place)
          started.add(execution)
          promised.delete(execution)
          break
        }
        case 'abandon':
          if (disk.known.get(effect.execution) !== 'running' || started.has(effect.execution)) { faults.push(`${effect.execution} is abandoned, and had not waited`) }
          promised.delete(effect.execution)
          abandoned.push(effect.execution)
          break
        case 'stop':
          if (!running.has(effect.execution) && !abandoned.includes(effect.execution)) { faults.push(`${effect.execution} is stopped and does not run`) }
          break
        case 'reply': {
          const { reply, request } = effect
          answered ||= event.kind === 'request' && request === event.request

          if (reply.kind === 'started' && event.kind === 'request' && event.message.kind === 'start') {
            const { executions } = event.message
            const accepted = executions.filter((_, at) => ['started', 'queued'].includes(reply.outcomes[at]?.kind ?? ''))

            if (reply.outcomes.length !== executions.length) { faults.push('not every execution of a START is answered') }

            for (const [at, outcome] of reply.outcomes.entries()) {
              const execution = executions[at] ?? ''

              if (outcome.kind === 'started' && disk.known.get(execution) !== 'running') { faults.push('STARTED is said before the journal says so') }
              if ((outcome.kind === 'started') !== (execution === accepted[0])) { faults.push(`${execution} is ${outcome.kind} as number ${at}`) }
              if (outcome.kind === 'known' && !disk.known.has(execution) && !promised.has(execution) && !accepted.includes(execution)) { faults.push(`${execution} is known, and nobody has given it`) }
            }

            accepted.forEach(execution => { promised.add(execution) })
          }

          if (reply.kind === 'returned') {
            for (const execution of reply.executions) {
              if (!promised.delete(execution)) { faults.push(`${execution} is returned, and does not wait`) }
              if (disk.known.has(execution)) { faults.push(`${execution} is returned although the journal says that it has begun`) }
            }
          }

          if (reply.kind === 'rolled-back' && event.kind === 'request' && event.message.kind === 'rollback') {
            promised.delete(event.message.execution)
            if (disk.known.get(event.message.execution) === 'running') { faults.push(`${event.message.execution} is rolled back although the journal says that it has begun`) }
          }

          if (reply.kind === 'cancelled') {
            const job = owed.get(request) ?? (event.kind === 'request' && event.message.kind === 'cancel' ? event.message.job : '')
            owed.delete(request)

            for (const execution of running.keys()) {
              if (jobOf(execution) === job) { faults.push(`the cancel of ${job} is answered while ${execution} runs`) }
            }
            if (!disk.cancelled.has(job)) { faults.push(`the cancel of ${job} is answered before it is on disk`) }
          }

          if (event.kind === 'request' && request === event.request) {
            const { message, from } = event
            const order = before.highest == null ? 1 : compareClaims(message.claim, before.highest)
            const overtaken = order === 0 && message.id <= before.lastId

            if (message.claim.master !== from || overtaken ? !['refused', 'stale'].includes(reply.kind) : (order < 0) !== (reply.kind === 'stale')) {
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

    for (const execution of promised) {
      // dropped with its job; what is in the journal already gets a record
      if (disk.cancelled.has(jobOf(execution)) && !disk.known.has(execution)) {
        promised.delete(execution)
      }
    }

    const says = heldBy(slot).filter(({ state, execution }) => state === 'running' && !abandoned.includes(execution)).map(({ execution }) => execution).sort()
    const does = [...running.keys()].sort()

    if (slot.highest != null && (disk.highest == null || compareClaims(slot.highest, disk.highest) !== 0)) { faults.push('the highest claim is not on disk') }
    if (says.join() !== does.join()) { faults.push(`the slot says ${says.join(', ') || 'free'}, and ${does.join(', ') || 'nothing'} runs`) }
    if (slot.places.length !== places) { faults.push(`the slot has ${slot.places.length} places`) }

    for (const place of slot.places) {
      if (place.kind === 'reserved' && place.leaseEndsMs <= nowMs && event.kind === 'tick') { faults.push('a lease that has ended is kept') }
      if (place.kind === 'reserved' && place.measured && slot.places.some(other => other !== place && other.kind !== 'free')) { faults.push('something else has a place beside what will be measured') }
    }

    // their records are written at once
    for (const execution of abandoned.splice(0)) {
      disk.known.set(execution, 'finished')
      play({ kind: 'ended', execution })
    }
  }

  const end = (which: number): void => {
    const execution = [...running.keys()][which % Math.max(1, running.size)]

    if (execution != null) {
      running.delete(execution)
      disk.known.set(execution, 'finished')
      play({ kind: 'ended', execution })
    }
  }

  for (const happening of happenings) {
    switch (happening.kind) {
      case 'request': {
        const claim = { term: happening.term, master: MASTERS[happening.master]! }
        const from = MASTERS[happening.liar === true ? (happening.master + 1) % MASTERS.length : happening.master]!
        const message = messageOf(happening, happening.late === true ? requests : requests + 1, claim)
        const start = message.kind === 'start' ? { job: new Uint8Array(0), measured: isMeasured(message.executions[0] ?? ''), distinct: jobOf(message.executions[0] ?? '') === DISTINCT } : undefined
        play({ kind: 'request', request: ++requests, from, message, nowMs, hasPayload: happening.hasPayload !== false, start })
        break
      }
      case 'stream-closed':
        play({ kind: 'stream-closed', execution: executionOf(happening.execution), from: MASTERS[happening.master]! })
        break
      case 'wait':
        nowMs += happening.ms
        play({ kind: 'tick', nowMs })
        break
      case 'under-way': {
        const execution = [...running.keys()][happening.which % Math.max(1, running.size)]

        if (execution != null) {
          play({ kind: 'under-way', execution })
        }
        break
      }
      case 'end':
        end(happening.which)
        break
      case 'drain':
        if (happening.drain && !draining) {
          markedBefore = new Set(disk.known.keys())
        }
        draining = happening.drain
        play({ kind: 'drain', drain: draining })
        break
      case 'restart':
        // the process dies: what ran is killed with it, streams are gone, the journal stays
        for (const [execution, state] of disk.known) {
          if (state === 'running') {
            disk.known.set(execution, 'finished')
          }
        }
        running.clear()
        promised.clear()
        owed.clear()
        draining = false
        slot = initialSlot({ highest: disk.highest, known: disk.known, cancelled: [...disk.cancelled].map(job => [job, {}]), places })
    }
  }

  for (let left = 100; running.size > 0 && left > 0; left--) {
    end(0)
  }

  if (owed.size > 0) {
    faults.push(`${owed.size} cancels are never answered`)
  }

  if (promised.size > 0) {
    faults.push(`${promised.size} executions were accepted and never run`)
  }

  return faults
}

function messageOf ({ what: kind, execution: number, batch }: Extract<Happening, { kind: 'request' }>, id: number, claim: Claim): SlotRequest {
  const execution = executionOf(number)
  const jobId = parseExecutionId(execution).job

  switch (kind) {
    case 'available': return { id, kind, claim, execution, measured: jobId === MEASURED }
    case 'start': return { id, kind, claim, jobId, executions: Array.from({ length: batch ?? 1 }, (_, at) => executionOf(number + at * JOBS.length)), job: new Uint8Array(0), reserved: batch == null }
    case 'cancel': return { id, kind, claim, job: jobId }
    case 'renew':
    case 'rollback': return { id, kind, claim, execution }
  }
}

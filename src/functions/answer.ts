import { toError } from '../model/errors.ts'
import { printable } from '../model/text.ts'
import { decode } from './encoding.ts'
import { CallError } from './errors.ts'
import { ANSWER } from './layout.ts'
import type { ItemEnd } from '../node/protocol/submit/messages.ts'

const MAX_REASON = 500

export type Answer = { ok: true, value: unknown } | { ok: false, reason: unknown }

/** How the call of a function ended, whole. */
export interface EndedCall {
  /** The function's. */
  name: string
  end: Pick<ItemEnd, 'state' | 'reason' | 'exit' | 'limit' | 'workerName'>
  /** What came of stdout; undefined when it was longer than any answer. */
  answer: Buffer | undefined
  /** The end of what the function printed. */
  printed: string
  /** Frames of whoever called. */
  calledFrom: string
}

/** What the host in the box said, or why it said nothing. Nothing that it said is believed to be well-formed. */
export function readAnswer (call: EndedCall): Answer {
  const { name, end, answer } = call
  const where = end.workerName === '' ? '' : ` on ${printable(end.workerName, MAX_REASON)}`
  const failed = (message: string): Answer => {
    const error = new CallError(message, { state: end.state, limit: end.limit, worker: end.workerName })

    // where it was called, instead of where its end was read
    error.stack = `${error.name}: ${message}${call.calledFrom}`

    return { ok: false, reason: error }
  }

  if (answer == null) {
    return failed(`what ${name} answered${where} is longer than its result may be`)
  }

  const kind = String.fromCharCode(answer[0] ?? 0)
  const text = answer.toString('utf8', 1)

  try {
    if (end.state === 'done' && kind === ANSWER.returned) {
      return { ok: true, value: decode(text) }
    }

    if (end.state === 'failed' && kind === ANSWER.thrown) {
      return { ok: false, reason: rethrown(decode(text), call) }
    }
  } catch (err) {
    return failed(`what ${name} answered${where} cannot be read: ${toError(err).message}`)
  }

  if (end.state === 'failed' && kind === ANSWER.refused) {
    return failed(`${printable(text, MAX_REASON)} (${name}${where})`)
  }

  return failed(`${name}${where} ${howItEnded(call)}`)
}

/** What was thrown, with where. Only errors can say it. */
function rethrown (thrown: unknown, { end, calledFrom }: EndedCall): unknown {
  if (thrown instanceof Error) {
    const stack = `${thrown.stack ?? String(thrown)}\n    at ${printable(end.workerName, MAX_REASON)} (worker)${calledFrom}`

    Object.defineProperty(thrown, 'stack', { value: stack, writable: true, configurable: true })
    Object.defineProperty(thrown, 'remote', { value: { worker: end.workerName }, enumerable: true, writable: true, configurable: true })
  }

  return thrown
}

function howItEnded ({ end: { state, reason, exit, limit }, printed }: EndedCall): string {
  const because = reason == null ? '' : `: ${printable(reason, MAX_REASON)}`
  const last = printed.trim() === '' ? '' : `; it printed last: ${printable(printed.trim().slice(-MAX_REASON), MAX_REASON)}`

  switch (state) {
    case 'limit': return `was stopped at a limit${limit == null ? '' : ` (${limit})`}${because}`
    case 'interrupted': return `was interrupted${because}: its worker or its sandbox died, and it may have run in part`
    case 'lost': return `was lost with its worker${because}`
    case 'cancelled': return `was cancelled${because}`
    case 'not-run': return `could not be started${because}`
    case 'failed': return exit?.kind === 'code' && exit.code === 127 && last.includes('node')
      ? `could not be started: there is no Node in its sandbox${last}`
      : `ended its process${exit == null ? because : exit.kind === 'code' ? ` with exit code ${exit.code}` : ` by ${exit.signal}`} before it returned${last}`
    case 'done': return `ended its process before it returned${last}`
    default: return `has no end${because}`
  }
}

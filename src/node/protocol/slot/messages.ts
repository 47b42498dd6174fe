import type { Claim, Held } from '../register/messages.ts'

/** Executions that one START hands to one place of a worker; it runs them one after the other. */
export const MAX_BATCH = 64

/**
 * What a coordinator says, on one long-lived stream per worker. Requests are
 * taken in the order in which they come; each answer bears the `id` of its
 * request, and answers come in any order. A reservation ends with its lease or
 * with the stream; what was started does not.
 *
 * Ids of one claim only grow, also from one stream to the next. A worker
 * refuses a request whose id is not above all that it has taken under that
 * claim: a START that was delayed on a stream that its coordinator has given up
 * must not begin what has been asked about, and given elsewhere, since.
 */
export type SlotRequest = { id: number } & SlotCommand

export type SlotCommand =
  /** Is there a place for this execution, and are these payloads here? Opens a lease of five seconds. One that is measured needs all places of the worker. */
  | { kind: 'available', claim: Claim, execution: string, measured: boolean, payloads?: string[] }
  /** Renews the lease. With `quietMs`, answered when the worker's machine is quiet, or after that time at the latest; the lease holds until then. */
  | { kind: 'renew', claim: Claim, execution: string, quietMs?: number }
  | StartCommand
  /** Not you, after all: ends a reservation, and takes back what waits behind another execution of its START and has not begun. */
  | { kind: 'rollback', claim: Claim, execution: string }
  /** Every execution of the job on this worker; later STARTs of it are refused. `proof` is the signature of the claim's master (see roles/master/proven-cancels.ts). Absent from earlier versions. */
  | { kind: 'cancel', claim: Claim, job: string, proof?: Uint8Array }

/** What a worker was told with a cancel, and says to whoever offers it more of that job: all who knew of it may be gone. */
export interface CancelWord {
  /** Peer id. Both are absent where an earlier version was told. */
  master?: string
  proof?: Uint8Array
}

/**
 * Go. All executions are of one job and go to one place, which runs them one
 * after the other in this order. `job` is the job as its client sealed it; it
 * is left out when it was said on this stream before, and wanted again when the
 * worker answers `unknown-job`.
 *
 * `reserved`: a single execution, only by virtue of the reservation that READY
 * gave. Without it any free place will do (never for what is measured or has a
 * common instant): the worker starts it or answers `busy`, and then it has not
 * begun.
 */
export interface StartCommand {
  kind: 'start'
  claim: Claim
  jobId: string
  job?: Uint8Array
  /** 1 to MAX_BATCH, none of them twice. */
  executions: string[]
  reserved: boolean
  /** The common instant on the worker's own clock (see clock), absent = at once. */
  startAtMs?: number
  /** How far that may be from the same instant elsewhere. */
  startErrorMs?: number
}

/**
 * `queued`: accepted behind another execution of the same START, and not begun.
 * `delivered`: every master that the worker knew has confirmed its record, and
 * the worker has it no more.
 */
export type KnownState = Held['state'] | 'delivered'

/** What becomes of one execution of a START. Whatever is not `started`, `queued` or `known` has not begun and will not. */
export type StartOutcome =
  /** In the worker's journal: it begins at once. */
  | { kind: 'started' }
  /** Begins when those before it in the same START have ended. */
  | { kind: 'queued' }
  /** No place is free, or the worker drains; others may have it. */
  | { kind: 'busy', reason: string }
  /** The worker lacks its files: AVAILABLE first. */
  | { kind: 'no-payload' }
  /** It is in the worker's journal: it will not run again by this START; its result comes by the task protocol. */
  | { kind: 'known', state: KnownState }
  /** `cancel`: a master has cancelled the job. */
  | { kind: 'refused', reason: string, cancel?: CancelWord }

/** Each request has one answer; a START that was `started` may be followed by `returned`. */
export type SlotReply = { id: number } & SlotAnswer

export type SlotAnswer =
  /** READY: reserved for you until the lease ends. `hasPayload` = nothing needs to be sent. */
  | { kind: 'ready', leaseMs: number, hasPayload: boolean }
  /** BUSY: no place is free, or draining; the worker's state message says when one is. */
  | { kind: 'busy', reason: string }
  /** A higher claim has been seen. */
  | { kind: 'stale', highest: Claim }
  /** This execution is in the worker's journal: it will not run again; its result comes by the task protocol. */
  | { kind: 'known', state: KnownState }
  | { kind: 'renewed', leaseMs: number }
  /** To START: one outcome for each of its executions, in the same order. */
  | { kind: 'started', outcomes: StartOutcome[] }
  /** To START: the job is not, or no longer, remembered on this stream; nothing has begun. Say it again with `job`. */
  | { kind: 'unknown-job' }
  /** After `started`, with the id of that START: these were `queued` and will not begin (draining, stopping, or what ran before them broke their box). */
  | { kind: 'returned', executions: string[], reason: string }
  /** Neither reserved nor queued here any more. What has begun is answered `known`. */
  | { kind: 'rolled-back' }
  /** Everything of the job is stopped and reaped; these were running. */
  | { kind: 'cancelled', stopped: string[] }
  /** `cancel`: a master has cancelled the job. */
  | { kind: 'refused', reason: string, cancel?: CancelWord }

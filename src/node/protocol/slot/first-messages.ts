/** The first form of the protocol: goes when coordinator and worker both speak the second. */
import type { Claim } from '../register/messages.ts'

/** What a coordinator says; one stream per reservation, or per cancel. */
export type SlotRequest =
  /** Is the slot free for this execution? Opens a lease of five seconds. */
  | { kind: 'available', claim: Claim, execution: string, measured: boolean, payload?: string }
  /** Renews the lease. With `quietMs`, answered when the worker's machine is quiet, or after that time at the latest; the lease holds until then. */
  | { kind: 'renew', claim: Claim, execution: string, quietMs?: number }
  /**
   * Go. `job` is the job as its client sealed it. `startAtMs` is the common
   * instant on the worker's own clock (see clock), absent = at once;
   * `startErrorMs`: how far that may be from the same instant elsewhere.
   */
  | { kind: 'start', claim: Claim, execution: string, job: Uint8Array, startAtMs?: number, startErrorMs?: number }
  /** Not you, after all. */
  | { kind: 'rollback', claim: Claim, execution: string }
  /** Every execution of the job on this worker; later STARTs of it are refused. */
  | { kind: 'cancel', claim: Claim, job: string }

/** `delivered`: every master that the worker knew has confirmed its record, and the worker has it no more. */
export type KnownState = 'running' | 'finished' | 'delivered' | 'queued'

/** What the worker answers, one reply for each request. */
export type SlotReply =
  /** READY: reserved for you until the lease ends. `hasPayload` = nothing needs to be sent. */
  | { kind: 'ready', leaseMs: number, hasPayload: boolean }
  /** BUSY: held by another reservation or task, or draining; the worker's state message says when it is free. */
  | { kind: 'busy', reason: string }
  /** A higher claim has been seen. */
  | { kind: 'stale', highest: Claim }
  /** This execution is in the worker's journal: it will not run again; its result comes by the task protocol. */
  | { kind: 'known', state: KnownState }
  | { kind: 'renewed', leaseMs: number }
  | { kind: 'started' }
  | { kind: 'rolled-back' }
  /** Everything of the job is stopped and reaped; these were running. */
  | { kind: 'cancelled', stopped: string[] }
  | { kind: 'refused', reason: string }

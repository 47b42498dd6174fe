import type { WorkerInfo } from '../../../model/machine.ts'
import type { WorkerState } from '../../../model/states.ts'

/** A coordinator's reign. Compared by term, then by master. */
export interface Claim {
  term: number
  /** Peer id. */
  master: string
  /** The master's signature (see roles/master/proven-claims.ts): whoever passes the claim on passes it on as well. */
  proof?: Uint8Array
}

/** What a worker says on its control stream. */
export type WorkerMessage =
  | { kind: 'register', info: WorkerInfo, highest?: Claim, holds: Held[] }
  /** On each change and at least every ten seconds. The floor is measured, and the tools are looked at, after the registration as a rule; these are said until a registration says them. */
  | { kind: 'state', state: WorkerState, execution?: string, /** All that have begun and run now. Absent from earlier versions. */ executions?: string[], detail?: string, sinceMs: number, highest?: Claim, floor?: WorkerInfo['floor'], tools?: WorkerInfo['tools'], noise?: WorkerInfo['noise'] }

/** An execution that the worker has on disk: accepted behind another one of its START, running, or finished and not yet confirmed. */
export interface Held {
  execution: string
  state: 'queued' | 'running' | 'finished'
}

/** A master of the mesh, as the others know it. */
export interface ListedMaster {
  peerId: string
  name: string
  /** Multiaddrs. */
  addresses: string[]
  /** When that was said; the latest word about a master counts. */
  atMs: number
  /** It is none any more. */
  removed?: boolean
}

/** What a master says on it. */
export type MasterMessage =
  /** `name` is the name the worker goes by in the mesh; `masters` are all that this one knows, itself among them. */
  | { kind: 'registered', name: string, claim?: Claim, meshTimeMs: number, masters?: ListedMaster[] }
  | { kind: 'refused', reason: string }
  /** Whoever said it last counts: by `atMs`, then by `by`, the peer id of the master that was told. Absent from earlier versions. */
  | { kind: 'drain', drain: boolean, atMs?: number, by?: string }
  /** All that this one knows now. */
  | { kind: 'masters', masters: ListedMaster[] }

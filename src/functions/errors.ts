import { MeshmarkError } from '../model/errors.ts'
import type { LimitName } from '../model/limits.ts'
import type { TaskState } from '../model/states.ts'

/** A call ended, and the function has neither returned nor thrown; or its result cannot be sent. */
export class CallError extends MeshmarkError {
  /** How the call ended: `limit`, `interrupted` (its worker died), `cancelled`, … */
  readonly state: TaskState
  /** The limit that it met. */
  readonly limit?: LimitName
  /** Empty when it had none. */
  readonly worker: string

  constructor (message: string, facts: { state: TaskState, limit?: LimitName, worker: string }) {
    super('failed', message)
    this.state = facts.state
    this.limit = facts.limit
    this.worker = facts.worker
  }
}

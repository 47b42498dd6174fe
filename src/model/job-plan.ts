import type { Limits } from './limits.ts'

/**
 * What a worker would have of a job: something `at-once` (of a task that any of
 * several may do, whoever answers first has it), `later`, a task that it has to
 * refuse, or nothing.
 */
export const PLAN_PARTS = ['at-once', 'later', 'refused', 'none'] as const

export type PlanPart = typeof PLAN_PARTS[number]

export interface PlannedWorker {
  /** Peer id. */
  worker: string
  name: string
  part: PlanPart
  /** Why not at once, or not at all; for people. */
  reason?: string
  /** So many tasks are for it and nobody else; absent where they are for whoever is free. */
  tasks?: number
  /** What holds there for one run; absent where it must not run, and for a map, where each command may have its own. */
  limits?: Limits
}

export interface PlannedPayload {
  /** As of its manifest. */
  id: string
  /** Of a data set. */
  name?: string
  files: number
  bytes: number
  /** The master that was asked has it: nothing of it would be sent there. */
  isThere: boolean
}

/** What would become of a job if it were submitted now. */
export interface JobPlan {
  tasks: number
  workers: PlannedWorker[]
  payloads: PlannedPayload[]
  /** Queued tasks of the same client that go first. */
  ahead: number
  /** This very job was accepted before: nothing would be started anew. */
  existing: boolean
}

import { PLAN_PARTS } from '../../../model/job-plan.ts'
import { limits } from '../model/limits.ts'
import { count, name, payloadId, peerId, sentence, size } from '../model/words.ts'
import { field, list, message, optional } from '../schema/message.ts'
import { bool, oneOf } from '../schema/scalars.ts'
import { MAX_TASKS } from './views.ts'
import type { JobPlan, PlannedPayload, PlannedWorker } from '../../../model/job-plan.ts'

/** A job's own files and its data sets. */
const MAX_PAYLOADS = 1_024

export const jobPlan = message<JobPlan>('JobPlan', {
  tasks: field(1, count),
  workers: list(2, message<PlannedWorker>('PlannedWorker', {
    worker: field(1, peerId),
    name: field(2, name),
    part: field(3, oneOf('PlanPart', PLAN_PARTS)),
    reason: optional(4, sentence),
    tasks: optional(5, count),
    limits: optional(6, limits)
  }), MAX_TASKS),
  payloads: list(3, message<PlannedPayload>('PlannedPayload', {
    id: field(1, payloadId),
    name: optional(2, name),
    files: field(3, count),
    bytes: field(4, size),
    isThere: field(5, bool)
  }), MAX_PAYLOADS),
  ahead: field(4, count),
  existing: field(5, bool)
})

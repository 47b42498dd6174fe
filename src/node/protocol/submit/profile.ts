import { outcome } from '../model/result.ts'
import { count, jobId, millis, name, peerId, taskName } from '../model/words.ts'
import { field, optional } from '../schema/message.ts'
import { oneOf } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import type { ProfileChange } from '../../../model/profile.ts'
import type { WorkerState } from '../../../model/states.ts'

/** Changes of one message. */
export const MAX_PROFILE_CHANGES = 1_024

const WORKER_STATES: readonly WorkerState[] = ['waiting', 'running', 'failed, restarting', 'finished, delivering', 'reserved', 'draining', 'lost']

export const profileChange = union<ProfileChange, 'kind'>('ProfileChange', 'kind', {
  state: variant(1, {
    atMs: field(1, millis),
    worker: field(2, peerId),
    workerName: field(3, name),
    state: field(4, oneOf('ProfileState', WORKER_STATES)),
    slots: field(5, count)
  }),
  task: variant(2, {
    atMs: field(1, millis),
    worker: field(2, peerId),
    workerName: field(3, name),
    outcome: field(4, outcome),
    startedAtMs: field(5, millis),
    endedAtMs: field(6, millis),
    job: optional(7, jobId),
    task: optional(8, taskName)
  })
})

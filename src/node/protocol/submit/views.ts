import { job } from '../model/job.ts'
import { workerInfo } from '../model/machine.ts'
import { exit, limitName, outcome } from '../model/result.ts'
import { address, count, execution, jobId, millis, name, nanos, peerId, sentence, size, taskName, version } from '../model/words.ts'
import { field, list, message, optional, optionalList } from '../schema/message.ts'
import { bool, bytes, oneOf, text, uint } from '../schema/scalars.ts'
import type { Duplicate, Hindrance, ItemEnd, JobRow, JobView, NodeRow, StateCount, TaskView } from './messages.ts'
import type { JobState, TaskState } from '../../../model/states.ts'

/** Tasks of one job. */
export const MAX_TASKS = 100_000

const JOB_STATES: readonly JobState[] = ['queued', 'running', 'finished', 'cancelled']
const TASK_STATES: readonly TaskState[] = ['queued', 'reserving', 'sending', 'starting', 'running', 'cancelling', 'done', 'failed', 'limit', 'not-run', 'cancelled', 'interrupted', 'lost']
const NODE_STATES: ReadonlyArray<NodeRow['state']> = ['waiting', 'running', 'failed, restarting', 'finished, delivering', 'reserved', 'draining', 'lost', 'coordinator', 'standby']

export const jobState = oneOf('JobState', JOB_STATES)
const taskState = oneOf('TaskState', TASK_STATES)

/** An attempt more each time, on as many sides as there are masters. */
const MAX_DUPLICATES = 100

const duplicate = message<Duplicate>('Duplicate', {
  execution: field(1, execution),
  workerName: field(2, name),
  outcome: field(3, outcome),
  reason: optional(4, sentence),
  conflict: optional(5, bool)
})

export const taskView = message<TaskView>('TaskView', {
  task: field(1, taskName),
  worker: optional(2, peerId),
  workerName: field(3, name),
  state: field(4, taskState),
  reason: optional(5, sentence),
  attempt: field(6, uint()),
  simultaneous: optional(7, bool),
  info: optional(8, workerInfo),
  duplicates: optionalList(9, duplicate, MAX_DUPLICATES)
})

const stateCount = message<StateCount>('StateCount', { state: field(1, taskState), count: field(2, count) })

export const stateCounts = list(1, stateCount, TASK_STATES.length)

/** Items of one message. */
export const MAX_ITEM_ENDS = 1_024
/** Of an item's output inside its end; what is longer follows in pieces. */
export const MAX_INLINE_BYTES = 64 * 1024

const inline = bytes({ max: MAX_INLINE_BYTES })

export const itemEnd = message<ItemEnd>('ItemEnd', {
  task: field(1, taskName),
  execution: optional(2, execution),
  workerName: field(3, name),
  state: field(4, taskState),
  reason: optional(5, sentence),
  exit: optional(6, exit),
  limit: optional(7, limitName),
  wallNs: optional(8, nanos),
  stdoutBytes: field(9, size),
  stderrBytes: field(10, size),
  stdout: optional(11, inline),
  stderr: optional(12, inline),
  startedAt: optional(13, millis)
})

export const jobView = message<JobView>('JobView', {
  job: field(1, job),
  state: field(2, jobState),
  tasks: list(3, taskView, MAX_TASKS),
  acceptedAt: field(4, millis),
  finishedAt: optional(5, millis),
  startSkewNs: optional(6, nanos),
  counts: optionalList(7, stateCount, TASK_STATES.length),
  hindrances: optionalList(8, message<Hindrance>('Hindrance', { reason: field(1, sentence), workers: list(2, name, 64), count: field(3, count) }), 64)
})

export const rowKind = oneOf('RowKind', ['run', 'exec'] as const)

export const jobRow = message<JobRow>('JobRow', {
  id: field(1, jobId),
  name: optional(2, name),
  title: field(3, text({ max: 512 * 1024 })),
  kind: field(4, rowKind),
  state: field(5, jobState),
  acceptedAt: field(6, millis),
  finishedAt: optional(7, millis),
  tasks: field(8, count),
  ended: field(9, count),
  failed: field(10, count),
  mine: field(11, bool)
})

export const nodeRow = message<NodeRow>('NodeRow', {
  role: field(1, oneOf('NodeRole', ['master', 'worker'] as const)),
  peerId: field(2, peerId),
  name: field(3, name),
  state: field(4, oneOf('NodeState', NODE_STATES)),
  detail: optional(5, sentence),
  draining: field(6, bool),
  sinceMs: field(7, millis),
  lastHeardMs: field(8, millis),
  info: optional(9, workerInfo),
  term: optional(10, count),
  version: field(11, version),
  addresses: list(12, address, 64)
})

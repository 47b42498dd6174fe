import { CHUNK_SIZE, MAX_CHUNKS } from '../../../model/payload.ts'
import { collected, executionResult } from '../model/result.ts'
import { address, count, execution, jobId, millis, name, payloadId, peerId, selector, sentence, size, taskName } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, list, message, optional, optionalList } from '../schema/message.ts'
import { HTTP_ACCESS } from '../admin/messages.ts'
import { bool, bytes, oneOf, text, uint } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import { MAX_RESULT_BYTES, phaseFields, piece, progressFields, stream } from '../task/fields.ts'
import { jobPlan } from './plan.ts'
import { MAX_PROFILE_CHANGES, profileChange } from './profile.ts'
import { itemEnd, jobRow, jobState, jobView, MAX_ITEM_ENDS, MAX_TASKS, nodeRow, rowKind, stateCounts, taskView } from './views.ts'
import type { HttpMaster, OutputOffset, PageToken, SubmitReply, SubmitRequest } from './messages.ts'
import type { Protocol } from '../protocol.ts'

/** A sealed job: its manifest is most of it. */
export const MAX_JOB_BYTES = 12 * 1024 * 1024

const chunk = uint({ max: MAX_CHUNKS - 1 })
const offset = message<OutputOffset>('OutputOffset', { execution: field(1, execution), stream: field(2, stream), offset: field(3, size) })

/** A page is opened by somebody who has just asked for it: whoever wants more makes a token. */
export const MAX_PAGE_TTL_MS = 24 * 3_600_000

const access = oneOf('HttpAccess', HTTP_ACCESS)
const httpMaster = message<HttpMaster>('HttpMaster', { peerId: field(1, peerId), name: field(2, name), urls: list(3, address, 16), place: optional(4, text({ max: 64 })) })
const pageToken = message<PageToken>('PageToken', { text: field(1, text({ max: 512 })), id: field(2, text({ max: 64 })), role: field(3, oneOf('PageRole', ['client', 'admin'] as const)), access: field(4, access), expiresAt: field(5, millis) })

/** What clients ask of a master, one request a stream. */
export const submit: Protocol<SubmitRequest, SubmitReply> = {
  id: '/meshmark/submit/1.0.0',
  openers: ['client', 'admin'],
  listeners: ['master'],
  // a view of a job with its thousands of workers, or a result with all its samples
  maxMessage: 2 * MAX_RESULT_BYTES,
  firstMessageMs: 10_000,
  rate: { perSecond: 200, burst: 400 },
  maxStreams: 16,
  request: codec('submit', union<SubmitRequest, 'kind'>('SubmitRequest', 'kind', {
    submit: variant(1, { job: field(1, bytes({ max: MAX_JOB_BYTES })) }),
    attach: variant(2, { selector: field(1, selector), output: field(2, bool), offsets: list(3, offset, MAX_TASKS), follow: field(4, bool), tail: optional(5, size) }),
    cancel: variant(3, { selector: field(1, selector) }),
    nodes: variant(4, {}),
    jobs: variant(5, {
      limit: field(1, uint({ min: 1, max: 1_000_000 })),
      state: optional(2, jobState),
      withinMs: optional(3, millis),
      name: optional(4, name),
      jobKind: optional(5, rowKind),
      failed: optional(6, bool)
    }),
    show: variant(6, { selector: field(1, selector), items: optional(2, oneOf('ShownItems', ['failed', 'all', 'none'] as const)) }),
    'attach-items': variant(7, {
      selector: field(1, selector),
      follow: field(2, bool),
      ordered: field(3, bool),
      texts: field(4, bool),
      told: field(5, bytes({ max: Math.ceil(MAX_TASKS / 8) })),
      offsets: list(6, offset, 2)
    }),
    profile: variant(20, { withinMs: optional(1, millis), selector: optional(2, selector), follow: field(3, bool) }),
    files: variant(21, { selector: field(1, selector) }),
    chunks: variant(22, { execution: field(1, execution), from: field(2, chunk) }),
    plan: variant(23, { job: field(1, bytes({ max: MAX_JOB_BYTES })) }),
    page: variant(30, { ttlMs: optional(1, uint({ min: 1, max: MAX_PAGE_TTL_MS })), access: field(2, access), owner: optional(3, peerId) })
  })),
  reply: codec('submit answer', union<SubmitReply, 'kind'>('SubmitReply', 'kind', {
    accepted: variant(1, { id: field(1, jobId), masters: list(2, name, 64), existing: field(3, bool), leftOut: optionalList(4, name, 64) }),
    'need-payload': variant(2, { payload: field(1, payloadId) }),
    refused: variant(3, { code: field(1, oneOf('RefusalCode', ['refused', 'conflict', 'quota', 'no-worker', 'usage', 'failed'] as const)), reason: field(2, sentence) }),
    job: variant(4, { view: field(1, jobView) }),
    task: variant(5, { view: field(1, taskView) }),
    phase: variant(6, { ...phaseFields, task: field(3, taskName) }),
    transfer: variant(7, { task: field(1, taskName), chunks: field(2, count), of: field(3, count), note: optional(4, sentence) }),
    progress: variant(8, { ...progressFields, task: field(5, taskName) }),
    output: variant(9, { execution: field(1, execution), task: field(2, taskName), stream: field(3, stream), offset: field(4, size), data: field(5, piece) }),
    result: variant(10, { task: field(1, taskName), result: field(2, executionResult) }),
    end: variant(11, { view: field(1, jobView) }),
    cancelled: variant(12, { id: field(1, jobId), pending: list(2, name, MAX_TASKS) }),
    node: variant(13, { row: field(1, nodeRow) }),
    row: variant(14, { row: field(1, jobRow) }),
    counts: variant(15, { counts: stateCounts }),
    items: variant(16, { items: list(1, itemEnd, MAX_ITEM_ENDS) }),
    profile: variant(20, { nowMs: field(1, millis), changes: list(2, profileChange, MAX_PROFILE_CHANGES) }),
    files: variant(21, { execution: field(1, execution), workerName: field(2, name), collected: field(3, collected) }),
    chunk: variant(22, { index: field(1, chunk), data: field(2, bytes({ max: CHUNK_SIZE })) }),
    plan: variant(23, { plan: field(1, jobPlan) }),
    page: variant(30, { masters: list(1, httpMaster, 64), token: optional(2, pageToken) })
  }))
}

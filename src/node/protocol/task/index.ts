import { executionResult } from '../model/result.ts'
import { execution, sentence, size } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field } from '../schema/message.ts'
import { union, variant } from '../schema/union.ts'
import { MAX_RESULT_BYTES, phaseFields, piece, progressFields, stream } from './fields.ts'
import type { TaskConfirm, TaskReport } from './messages.ts'
import type { Protocol } from '../protocol.ts'

const offsets = { stdout: field(1, size), stderr: field(2, size) }

/** What a worker delivers of one execution, and what a master confirms. */
export const task: Protocol<TaskReport, TaskConfirm> = {
  id: '/meshmark/task/1.0.0',
  openers: ['worker'],
  listeners: ['master'],
  maxMessage: MAX_RESULT_BYTES,
  firstMessageMs: 10_000,
  rate: { perSecond: 500, burst: 1_000 },
  // what a worker has kept while it was cut off comes in turns; each stream may hold one large message
  maxStreams: 16,
  request: codec('task', union<TaskReport, 'kind'>('TaskReport', 'kind', {
    begin: variant(1, { execution: field(1, execution) }),
    phase: variant(2, phaseFields),
    output: variant(3, { stream: field(1, stream), offset: field(2, size), data: field(3, piece) }),
    progress: variant(4, progressFields),
    result: variant(5, { result: field(1, executionResult), stdoutBytes: field(2, size), stderrBytes: field(3, size) })
  })),
  reply: codec('task answer', union<TaskConfirm, 'kind'>('TaskConfirm', 'kind', {
    resume: variant(1, offsets),
    taken: variant(2, offsets),
    stored: variant(3, {}),
    refused: variant(4, { reason: field(1, sentence) }),
    unwanted: variant(5, {}),
    'want-files': variant(6, {})
  }))
}

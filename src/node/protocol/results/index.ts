import { executionResult } from '../model/result.ts'
import { execution, sentence } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, list, message } from '../schema/message.ts'
import { bytes } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import type { Finished, Receipt, Receipts, Results } from './messages.ts'
import type { Protocol } from '../protocol.ts'

/** Executions of one message. */
export const MAX_FINISHED = 64

/** Of one execution, record and output together: what is more goes by `task`. */
export const MAX_FINISHED_BYTES = 32 * 1024

const MAX_MESSAGE = MAX_FINISHED * MAX_FINISHED_BYTES + 64 * 1024
const output = bytes({ max: MAX_FINISHED_BYTES })

const finished = message<Finished>('Finished', {
  result: field(1, executionResult),
  stdout: field(2, output),
  stderr: field(3, output)
})

const receipt = union<Receipt, 'kind'>('Receipt', 'kind', {
  stored: variant(1, { execution: field(1, execution) }),
  unwanted: variant(2, { execution: field(1, execution) }),
  refused: variant(3, { execution: field(1, execution), reason: field(2, sentence) })
})

/** Short executions, many on one stream: what a worker delivers of them, and what a master confirms. */
export const results: Protocol<Results, Receipts> = {
  id: '/meshmark/results/1.0.0',
  openers: ['worker'],
  listeners: ['master'],
  maxMessage: MAX_MESSAGE,
  firstMessageMs: 10_000,
  rate: { perSecond: 5, burst: 20 },
  // a new one replaces the old one, which may take a moment to end
  maxStreams: 2,
  request: codec('results', union<Results, 'kind'>('Results', 'kind', { results: variant(1, { finished: list(1, finished, MAX_FINISHED) }) })),
  reply: codec('results answer', union<Receipts, 'kind'>('Receipts', 'kind', { receipts: variant(1, { receipts: list(1, receipt, MAX_FINISHED) }) }))
}

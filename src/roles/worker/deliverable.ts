import { MeshmarkError, toError } from '../../model/errors.ts'
import { printable } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { decodeResult } from '../../node/protocol/model/index.ts'
import { encodedResult } from './encoded.ts'
import type { ExecutionResult } from '../../model/result.ts'

/** A record travels in one message, with some room for what is said around it. */
const MAX_RECORD_BYTES = 15 * 1024 * 1024

/**
 * The record, which changes no more, if a master can take it; otherwise one that says why not. A
 * record that no master accepts would be delivered for ever, and the task
 * would never end.
 */
export function deliverable (record: ExecutionResult, maxBytes = MAX_RECORD_BYTES): ExecutionResult {
  try {
    const bytes = encodedResult(record)

    if (bytes.byteLength > maxBytes) {
      throw new MeshmarkError('failed', `it has ${formatBytes(bytes.byteLength)}, and ${formatBytes(maxBytes)} are the most: ask for fewer runs or commands`)
    }

    // the reader has bounds that the writer does not know
    decodeResult(bytes)

    return record
  } catch (err) {
    const { key, outcome, startedAt, finishedAt, waitedMs } = record

    return {
      key,
      outcome: outcome === 'done' ? 'failed' : outcome,
      reason: printable(`what was recorded of it cannot be delivered: ${toError(err).message}`, 1_000),
      commands: [],
      startedAt,
      finishedAt,
      waitedMs
    }
  }
}

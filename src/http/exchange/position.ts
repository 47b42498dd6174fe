import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { parseExecutionId } from '../../model/ids.ts'
import { OUTPUT_STREAMS } from '../../roles/output.ts'
import { usage } from './problem.ts'
import type { OutputOffset } from '../../node/protocol/submit/messages.ts'
import type { ItemPosition } from '../../roles/client/types.ts'

/** What a follower has had: how far of each stream, and of a job with items which ones. */
export type Position = { offsets: OutputOffset[] } | ItemPosition

const MAX_BYTES = 4 * 1024 * 1024
const MAX_STREAMS = 100_000

/** One word for `Last-Event-ID`. */
export function encodePosition (position: Position): string {
  const { offsets } = position
  const told = 'told' in position ? Buffer.from(position.told).toString('base64') : undefined

  return deflateRawSync(JSON.stringify({ o: offsets.map(({ execution, stream, offset }) => [execution, stream, offset]), ...(told == null ? {} : { t: told }) })).toString('base64url')
}

/** Throws `usage` for what was not made here, or for another job. */
export function decodePosition (text: string, job: string): Position {
  try {
    const { o, t } = JSON.parse(inflateRawSync(Buffer.from(text, 'base64url'), { maxOutputLength: MAX_BYTES }).toString()) as { o: unknown, t?: unknown }

    if (!Array.isArray(o) || o.length > MAX_STREAMS) {
      throw new Error('no streams')
    }

    const offsets = o.map(entry => offsetOf(entry, job))

    return typeof t === 'string' ? { offsets, told: new Uint8Array(Buffer.from(t, 'base64')) } : { offsets }
  } catch (err) {
    throw usage(`Last-Event-ID '${text.slice(0, 40)}' is not one of an event of this job`)
  }
}

function offsetOf (entry: unknown, job: string): OutputOffset {
  const [execution, stream, offset] = entry as [string, string, number]
  const known = OUTPUT_STREAMS.find(name => name === stream)

  if (typeof execution !== 'string' || parseExecutionId(execution).job !== job || known == null || !Number.isSafeInteger(offset) || offset < 0) {
    throw new Error('not an offset')
  }

  return { execution, stream: known, offset }
}

import { encodeResult } from '../../node/protocol/model/index.ts'
import type { ExecutionResult } from '../../model/result.ts'

/** What is longer is seldom, and is not kept twice. */
const KEPT_BYTES = 64 * 1024

const known = new WeakMap<ExecutionResult, Uint8Array>()

/** A record that changes no more, as it is stored and travels: made once, however many ask for it. */
export function encodedResult (result: ExecutionResult): Uint8Array {
  const bytes = known.get(result) ?? encodeResult(result)

  if (bytes.byteLength <= KEPT_BYTES) {
    known.set(result, bytes)
  }

  return bytes
}

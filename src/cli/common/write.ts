import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Writes bytes as they are, and waits when the reader is slower than we are. */
export async function writeAll (stream: Writable, data: Uint8Array | string): Promise<void> {
  if (!stream.write(data)) {
    await once(stream, 'drain')
  }
}

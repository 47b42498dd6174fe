/**
 * The two threads of the runner. This comes before everything else that is
 * imported: starting a thread takes longer than all that the first one has to
 * do, and they do it side by side.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads'

/** Room for stagehand.ts. */
const SHARED_BYTES = 64

/** Memory of both threads. */
export const shared: SharedArrayBuffer = isMainThread ? new SharedArrayBuffer(SHARED_BYTES) : workerData as SharedArrayBuffer

if (isMainThread) {
  // by default Node.js warns of each descriptor that it closes and has not opened, in an error for an event loop that never turns here
  // eslint-disable-next-line no-new -- it lives until the process ends
  new Worker(__filename, { workerData: shared, trackUnmanagedFds: false })
}

export { isMainThread }

export const SSE = 'text/event-stream'
export const NDJSON = 'application/x-ndjson'

/** What some proxies and clients need to see now and then. */
export const BEAT = { everyMs: 15_000, text: ': still there\n\n' }

export const EVENT_HEADERS = { 'cache-control': 'no-store', 'x-accel-buffering': 'no' }

import { setMaxListeners } from 'node:events'

/** Calls once when the signal fires, at once if it has; returns how to stop listening. One signal may have any number of listeners: a process has one for its end. */
export function onAbort (signal: AbortSignal | undefined, listener: (reason: unknown) => void): () => void {
  if (signal == null) {
    return () => {}
  }

  const call = (): void => { listener(signal.reason) }

  if (signal.aborted) {
    call()
  }

  setMaxListeners(Infinity, signal)
  signal.addEventListener('abort', call)

  return () => { signal.removeEventListener('abort', call) }
}

/** A promise, or the abortion of the waiting for it, whichever comes first. The promise itself goes on. */
export async function waitFor<T> (promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const forget = onAbort(signal, reject)

  try {
    return await Promise.race([promise, aborted])
  } finally {
    forget()
  }
}

/**
 * Runs work with a signal that fires at the deadline, or with the first of the
 * given signals. `AbortSignal.any` would do the same, but on Node.js 20 a signal
 * that lives as long as the process keeps something of every use.
 */
export async function withDeadline<T> (timeoutMs: number, signals: Array<AbortSignal | undefined>, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => { controller.abort(new DOMException(`Timed out after ${timeoutMs} ms`, 'TimeoutError')) }, timeoutMs)
  const forget = signals.map(signal => onAbort(signal, reason => { controller.abort(reason) }))

  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
    forget.forEach(stop => { stop() })
  }
}

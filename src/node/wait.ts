/** A promise, or the abortion of the waiting for it, whichever comes first. The promise itself goes on. */
export async function waitFor<T> (promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()

  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => { reject(signal.reason) }

  signal.addEventListener('abort', onAbort)

  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

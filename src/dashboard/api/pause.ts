/** Resolves after this time, or at once when the signal says so. */
export async function pause (ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0 && !signal.aborted) {
    await new Promise<void>(resolve => {
      const timer = setTimeout(done, ms)

      function done (): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }

      signal.addEventListener('abort', done)
    })
  }
}

/**
 * Tries candidates one after the other without waiting long for any: the next
 * one starts after `staggerMs`, or at once when all before it have failed. The
 * first success wins and the rest are aborted (RFC 8305 calls it happy
 * eyeballs). When all fail it rejects with an AggregateError, in order.
 */
export async function raceStaggered<C, R> (candidates: readonly C[], attempt: (candidate: C, signal: AbortSignal) => Promise<R>, staggerMs: number): Promise<R> {
  const controller = new AbortController()
  const errors: unknown[] = []
  const running = new Set<Promise<unknown>>()
  const { promise, resolve, reject } = Promise.withResolvers<R>()
  let next = 0
  let failed = 0
  let timer: NodeJS.Timeout | undefined

  const start = (): void => {
    clearTimeout(timer)

    const index = next++
    const candidate = candidates[index]

    if (candidate == null || controller.signal.aborted) {
      return
    }

    const run = attempt(candidate, controller.signal).then(resolve, err => {
      errors[index] = err
      failed++

      if (failed === candidates.length) {
        reject(new AggregateError(errors, 'No candidate succeeded'))
      } else if (failed === next) {
        start()
      }
    }).finally(() => running.delete(run))

    running.add(run)

    if (next < candidates.length) {
      timer = setTimeout(start, staggerMs)
    }
  }

  start()

  try {
    return await promise
  } finally {
    clearTimeout(timer)
    controller.abort()
    await Promise.allSettled(running)
  }
}

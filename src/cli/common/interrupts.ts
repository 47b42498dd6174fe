/**
 * Ctrl-C while a job runs: the first detaches, the second cancels. A polite
 * end from outside (SIGTERM, a closed terminal) detaches at once.
 */
export interface Interrupts {
  /** Aborted by the first signal. */
  readonly detached: AbortSignal
  /** What the process should exit with once detached: 128 + the signal's number. */
  exitCode: () => number
  /** Resolves with true on a second Ctrl-C, with false when none comes in time. */
  again: (timeoutMs: number) => Promise<boolean>
  /** Gives Ctrl-C its usual meaning back. */
  stop: () => void
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

export function catchInterrupts (emitter: NodeJS.EventEmitter): Interrupts {
  const controller = new AbortController()
  const waiting = new Set<() => void>()
  let exitCode = 0
  let interrupts = 0

  const handlers = Object.entries(SIGNALS).map(([signal, code]) => {
    const handler = (): void => {
      exitCode ||= code

      if (signal === 'SIGINT') {
        interrupts++
      }

      controller.abort(new Error(signal))

      if (interrupts > 1) {
        waiting.forEach(wake => { wake() })
      }
    }

    emitter.on(signal, handler)

    return { signal, handler }
  })

  return {
    detached: controller.signal,
    exitCode: () => exitCode,
    again: async timeoutMs => {
      if (interrupts === 1) {
        await new Promise<void>(resolve => {
          const timer = setTimeout(resolve, timeoutMs)

          waiting.add(() => {
            clearTimeout(timer)
            resolve()
          })
        })
      }

      return interrupts > 1
    },
    stop: () => {
      for (const { signal, handler } of handlers) {
        emitter.off(signal, handler)
      }
    }
  }
}

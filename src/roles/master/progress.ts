import { onAbort } from '../../node/wait.ts'

export interface Awaited {
  condition: () => boolean
  /** Calls whenever something has moved; returns how to stop that. */
  watch: (listener: () => void) => () => void
  /** Milliseconds without any movement after which it is given up. */
  patienceMs: number
  signals: Array<AbortSignal | undefined>
}

/** True as soon as the condition holds; false when nothing moves any more, or a signal fires. */
export async function reached ({ condition, watch, patienceMs, signals }: Awaited): Promise<boolean> {
  if (condition()) {
    return true
  }

  const { promise, resolve } = Promise.withResolvers<boolean>()
  const giveUp = setTimeout(() => { resolve(false) }, patienceMs)
  const undo = [
    watch(() => {
      if (condition()) {
        resolve(true)
      } else {
        giveUp.refresh()
      }
    }),
    ...signals.map(signal => onAbort(signal, () => { resolve(false) }))
  ]

  try {
    return await promise
  } finally {
    clearTimeout(giveUp)
    undo.forEach(stop => { stop() })
  }
}

import { note, type Context } from './context.ts'

/** What a node's process is told by signals. */
export interface Stoppable {
  /** Stops in order; `hard` = at once. */
  stop: (hard: boolean) => Promise<void>
  /** Resolves with the reason when it has to end without having been told to. */
  failed?: Promise<Error>
}

/**
 * Stays until SIGINT or SIGTERM, then stops in order; a second signal stops
 * hard. A process that started us and is gone without a word counts as a
 * signal, so that no node is left behind. Rejects with the reason of a node that failed, once it has stopped.
 */
export async function untilStopped (node: Stoppable, context: Context, words: { stopping: string }): Promise<void> {
  let signals = 0
  let over = false
  let stopping: Promise<void> = Promise.resolve()

  await new Promise<void>((resolve, reject) => {
    const onSignal = (): void => {
      if (over) {
        return
      }

      signals++

      if (signals === 1) {
        note(context, words.stopping)
        stopping = node.stop(false)
      } else if (signals === 2) {
        stopping = node.stop(true)
      }

      stopping.then(resolve, reject)
    }

    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
    process.on('SIGHUP', onSignal)
    process.once('disconnect', onSignal)

    node.failed?.then(async reason => {
      over = true
      await node.stop(false)
      reject(reason)
    }).catch(reject)
  }).finally(() => {
    over = true

    // Handlers stay: a late signal must not tear down what is being written.
    if (process.connected) {
      process.disconnect()
    }
  })
}

/** Tells the process that started this one, if it asked for it, that the node is ready. */
export function announceReady (message: ReadyMessage): void {
  process.send?.(message)
}

export interface ReadyMessage {
  kind: 'ready'
  name: string
  /** Only a master says these. */
  meshId?: string
  addresses: string[]
  /** Where it answers over HTTP, when it does. */
  http?: string
}

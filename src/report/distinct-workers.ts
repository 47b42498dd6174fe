import type { FinishedWorker } from '../model/finished.ts'

/** A worker with several tasks is one worker. */
export function distinctWorkers (workers: readonly FinishedWorker[]): FinishedWorker[] {
  const known = new Map<string, FinishedWorker>()

  for (const worker of workers) {
    const key = worker.info.peerId === '' ? worker.task : worker.info.peerId
    const before = known.get(key)

    if (before == null || (before.result == null && worker.result != null)) {
      known.set(key, worker)
    }
  }

  return [...known.values()]
}

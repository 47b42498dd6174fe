import { isCancelPending } from './coordinator/tasks.ts'
import type { Coordinator } from './coordinator.ts'
import type { JobEntry, TaskEntry } from './coordinator/state.ts'
import type { Watchers } from './watchers.ts'

/** A cancel is answered after this at the latest, with the names of the workers that have not confirmed. */
const CANCEL_PATIENCE_MS = 20_000

export interface CancelComponents {
  coordinator: Pick<Coordinator, 'cancel' | 'state'>
  watchers: Watchers
}

/** For the coordinator. Resolves when every task has ended or its worker cannot be reached, with the names of workers that have not confirmed. */
export async function cancelJob ({ coordinator, watchers }: CancelComponents, entry: JobEntry): Promise<string[]> {
  // what has ended was not cancelled
  if (entry.finishedAtMs == null) {
    await coordinator.cancel(entry.job.id)
  }

  const watch = watchers.watch(entry.job.id)
  const patience = AbortSignal.timeout(CANCEL_PATIENCE_MS)
  const cancelling = (): TaskEntry[] => [...entry.tasks.values()].filter(task => task.state === 'cancelling')
  const isAwaited = (task: TaskEntry): boolean => coordinator.state.workers.get(task.worker ?? '')?.connected === true

  try {
    while (cancelling().some(isAwaited)) {
      await watch.next(patience)
    }
  } catch {
    // who has not answered is named below
  } finally {
    watch.close()
  }

  return [...entry.tasks.values()].filter(isCancelPending).map(task => task.info?.name ?? task.name)
}

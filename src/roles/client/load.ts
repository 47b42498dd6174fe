import { setTimeout as delay } from 'node:timers/promises'
import { MeshmarkError } from '../../model/errors.ts'
import type { ExecutionResult, Outcome } from '../../model/result.ts'
import type { LoadTask } from '../../measure/steady-rate.ts'
import type { Client, JobDraft } from './types.ts'

/** What became of one task of a load. Times as in `LoadTask`. */
export interface LoadedTask extends LoadTask {
  job: string
  workerName: string
  submittedAtMs: number
  outcome: Outcome
  /** Of the program alone; absent when it did not run. */
  wallNs?: number
}

export interface LoadOptions {
  /** Of each client, one after the other. */
  tasks: number
  /** Between the end of one and the next, milliseconds. */
  pauseMs: number
  signal?: AbortSignal
  onTask?: (task: LoadedTask) => void
}

/**
 * Every client hands out the same task so many times, all clients at once.
 * When it is aborted, or one of them fails, what is on its way is cancelled.
 * Rejects with the first error, or the signal's reason.
 */
export async function runLoad (clients: readonly Client[], draft: JobDraft, options: LoadOptions): Promise<LoadedTask[]> {
  const failure = new AbortController()
  const signal = options.signal == null ? failure.signal : AbortSignal.any([failure.signal, options.signal])
  const done: LoadedTask[] = []

  const settled = await Promise.allSettled(clients.map(async (client, index) => {
    for (let count = 0; count < options.tasks; count++) {
      if (count > 0) {
        await delay(options.pauseMs, undefined, { signal }).catch(() => {})
      }

      signal.throwIfAborted()

      try {
        const task = await runTask(client, index, draft, signal)

        done.push(task)
        options.onTask?.(task)
      } catch (err) {
        failure.abort(err)
        throw err
      }
    }
  }))

  options.signal?.throwIfAborted()

  const failed = settled.find(({ status }) => status === 'rejected')

  if (failed != null) {
    throw failure.signal.reason
  }

  return done
}

async function runTask (client: Client, index: number, draft: JobDraft, signal: AbortSignal): Promise<LoadedTask> {
  const submittedAtMs = nowMs()
  // it is cancelled by its id, so that has to be known
  const { id } = await client.submit(draft)
  let result: ExecutionResult | undefined
  let workerName = ''

  try {
    for await (const event of client.attach(id, { signal })) {
      if (event.kind === 'result') {
        result = event.result
      } else if (event.kind === 'end') {
        const [task] = event.view.tasks

        workerName = task?.workerName ?? ''

        if (result == null) {
          throw new MeshmarkError('failed', `job ${id} ended without a result: ${task?.reason ?? task?.state ?? 'it has no task'}`)
        }
      }
    }
  } catch (err) {
    if (signal.aborted) {
      await client.cancel(id)
    }

    throw err
  }

  if (result == null) {
    throw new MeshmarkError('failed', `job ${id} ended without a result`)
  }

  const wallNs = result.commands[0]?.samples.at(-1)?.wallNs

  return {
    client: index,
    job: id,
    worker: result.key.worker,
    workerName,
    submittedAtMs,
    startedAtMs: result.startedAt,
    endedAtMs: nowMs(),
    outcome: result.outcome,
    ...(wallNs == null ? {} : { wallNs })
  }
}

/** Since 1970, finer than a millisecond. */
function nowMs (): number {
  return performance.timeOrigin + performance.now()
}

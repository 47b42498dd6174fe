import { exitStatus } from '../roles/client/exec-status.ts'
import type { LimitName } from '../model/limits.ts'
import type { TaskState } from '../model/states.ts'
import type { ItemEnd, SubmitReply } from '../node/protocol/submit/messages.ts'

/** How one item of a job ended. */
export interface ItemResult {
  /** Its place among the items, from 0. */
  index: number
  item: string
  /** `done` = its program exited with 0. */
  state: TaskState
  /** As a shell says it; absent when the program did not come to its end. */
  code?: number
  /** Why, in one line, where the state is not `done`. */
  reason?: string
  limit?: LimitName
  /** Name of the worker; empty when none had it. */
  worker: string
  wallNs?: number
  stdout: Buffer
  stderr: Buffer
}

/** Puts the pieces of each item's output together. Memory holds the output of one item. */
export async function * itemResults (replies: AsyncIterable<SubmitReply>): AsyncGenerator<ItemResult, void, undefined> {
  let texts: readonly string[] = []
  let open: { end: ItemEnd, stdout: Uint8Array[], stderr: Uint8Array[], missing: number } | undefined

  for await (const reply of replies) {
    if (reply.kind === 'job') {
      texts = reply.view.job.each?.items ?? texts
    } else if (reply.kind === 'output' && open != null && reply.execution === open.end.execution) {
      open[reply.stream].push(reply.data)
      open.missing -= reply.data.byteLength

      if (open.missing <= 0) {
        yield resultOf(open, texts)
        open = undefined
      }
    } else if (reply.kind === 'items') {
      for (const end of reply.items) {
        const stdout = end.stdout == null ? [] : [end.stdout]
        const stderr = end.stderr == null ? [] : [end.stderr]
        const missing = end.stdoutBytes + end.stderrBytes - (end.stdout?.byteLength ?? 0) - (end.stderr?.byteLength ?? 0)

        if (missing > 0) {
          open = { end, stdout, stderr, missing }
        } else {
          yield resultOf({ end, stdout, stderr }, texts)
        }
      }
    }
  }
}

function resultOf ({ end, stdout, stderr }: { end: ItemEnd, stdout: Uint8Array[], stderr: Uint8Array[] }, texts: readonly string[]): ItemResult {
  const { task, state, exit, reason, limit, workerName, wallNs } = end

  return {
    index: Number(task) - 1,
    item: texts[Number(task) - 1] ?? '',
    state,
    ...(exit == null ? {} : { code: exitStatus(exit) }),
    ...(reason == null || state === 'done' ? {} : { reason }),
    ...(limit == null ? {} : { limit }),
    worker: workerName,
    ...(wallNs == null ? {} : { wallNs }),
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr)
  }
}

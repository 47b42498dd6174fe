import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { Failures, PATIENCE_MS } from './mesh-link.ts'
import type { MeshLink } from './mesh-link.ts'
import type { Questions } from './questions.ts'
import type { SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'

/** A master that has heard of the end of a job from another one gets the rest of the output within this time, or it is lost. */
const OUTPUT_PATIENCE_MS = 10_000

export interface Follower {
  link: MeshLink
  questions: Questions
  /** Jobs that a master has: one that does not know them has not heard of them yet. Grows. */
  accepted: Set<string>
}

/** What is asked of each master, and what of its answers is new. */
export interface Following {
  request: (selector: string) => SubmitRequest
  take: (reply: SubmitReply) => SubmitReply | undefined
  /** More output must still come than the master has that calls the job ended. */
  lacksOutput: () => boolean
}

/** Asks one master after the other until one has told the end of the job; what comes twice passes once. */
export async function * follow ({ link, questions, accepted }: Follower, selector: string, { request, take, lacksOutput }: Following, signal: AbortSignal | undefined): AsyncGenerator<SubmitReply> {
  const patience = link.patience()
  let failures = new Failures()
  let endedAtMs: number | undefined

  try {
    for (;;) {
      const master = link.master
      const watch = link.watch(master, signal)

      try {
        for await (const reply of questions.stream(master, request(selector), watch?.signal ?? signal)) {
          watch?.heard()
          patience.restore()

          if (reply.kind === 'end' && link.masters > 1 && lacksOutput()) {
            endedAtMs ??= performance.now()

            if (performance.now() - endedAtMs < OUTPUT_PATIENCE_MS) {
              throw new MeshmarkError('unreachable', `${master.name} does not have all of the output yet`)
            }
          }

          if (reply.kind === 'job') {
            // from here on the very same job, whatever @last means by then
            selector = reply.view.job.id
            accepted.add(selector)
          }

          const fresh = take(reply)

          if (fresh != null) {
            // every stream begins with the job
            failures = reply.kind === 'job' ? failures : new Failures()
            yield fresh
          }

          if (reply.kind === 'end') {
            return
          }
        }

        throw new MeshmarkError('unreachable', 'the master has gone away')
      } catch (err) {
        signal?.throwIfAborted()

        if (!isUnheardOf(selector, err, accepted)) {
          failures.judge(link.isGone(master, err), err, link.masters)
        }

        if (!patience.wears()) {
          throw new MeshmarkError('unreachable', `no master has answered for ${PATIENCE_MS / 1_000} s; the job goes on without this client: meshmark attach ${selector.slice(-8).toLowerCase()} shows it later`, { cause: err })
        }
      } finally {
        watch?.end()
      }

      await link.replace(master, patience, signal)
    }
  } finally {
    patience.restore()
  }
}

/** A master that was away, or left out, when a job was accepted hears of it later. */
function isUnheardOf (selector: string, err: unknown, accepted: ReadonlySet<string>): boolean {
  return isMeshmarkError(err) && err.code === 'usage' && accepted.has(selector)
}

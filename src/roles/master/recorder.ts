import { executionId } from '../../model/ids.ts'
import { onAbort } from '../../node/wait.ts'
import { MAX_PROFILE_CHANGES } from '../../node/protocol/submit/profile.ts'
import { shownState } from './coordinator/shown.ts'
import { Recording } from './recording.ts'
import type { Coordinator } from './coordinator.ts'
import type { Cursor, RecordingQuery } from './recording.ts'
import type { ProfileChange } from '../../model/profile.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'

/** Records what this master hears of its workers, and tells it to clients. */
export class Recorder {
  readonly #recording = new Recording()
  readonly #watchers = new Set<() => void>()

  /** Hears of everything from here on. Returns how to stop that. */
  listen (coordinator: Pick<Coordinator, 'state' | 'listen'>): () => void {
    return coordinator.listen({
      onWorker: id => {
        const worker = coordinator.state.workers.get(id)

        if (worker != null && this.#recording.state(worker.info, shownState(coordinator.state, worker).state, Date.now())) {
          this.#tell()
        }
      },
      onEnded: (ended, { client }) => {
        this.#recording.ended(ended, executionId(ended.key), client, Date.now())
        this.#tell()
      }
    })
  }

  /** Until all is told, or with `follow` until the signal aborts. A reader that is slow costs nothing but its place. */
  async answer (channel: Channel<SubmitRequest, SubmitReply>, query: Omit<RecordingQuery, 'sinceMs'> & { withinMs?: number }, follow: AbortSignal | undefined): Promise<void> {
    const { withinMs, ...rest } = query
    const end = this.#recording.end

    await send(channel, this.#recording.from({ ...rest, ...(withinMs == null ? {} : { sinceMs: Date.now() - withinMs }) }, end), true)

    if (follow != null) {
      await this.#follow(channel, end, rest, follow)
    }
  }

  async #follow (channel: Channel<SubmitRequest, SubmitReply>, from: Cursor, query: Omit<RecordingQuery, 'sinceMs'>, gone: AbortSignal): Promise<void> {
    let cursor = from

    while (!gone.aborted) {
      await this.#grown(cursor, gone)

      const { end } = this.#recording

      await send(channel, this.#recording.after(cursor, query, end), false)
      cursor = end
    }
  }

  async #grown (cursor: number, signal: AbortSignal): Promise<void> {
    if (this.#recording.end > cursor || signal.aborted) {
      return
    }

    const { promise, resolve } = Promise.withResolvers<void>()
    const forget = onAbort(signal, () => { resolve() })

    this.#watchers.add(resolve)
    await promise
    this.#watchers.delete(resolve)
    forget()
  }

  #tell (): void {
    this.#watchers.forEach(wake => { wake() })
  }
}

/** @param always - say something also when there is nothing */
async function send (channel: Channel<SubmitRequest, SubmitReply>, changes: Iterable<ProfileChange>, always: boolean): Promise<void> {
  let page: ProfileChange[] = []
  let isDue = always

  for (const change of changes) {
    page.push(change)

    if (page.length === MAX_PROFILE_CHANGES) {
      await channel.send({ kind: 'profile', nowMs: Date.now(), changes: page })
      page = []
      isDue = false
    }
  }

  if (isDue || page.length > 0) {
    await channel.send({ kind: 'profile', nowMs: Date.now(), changes: page })
  }
}

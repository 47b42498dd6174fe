import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { parseExecutionId } from '../../model/ids.ts'
import type { CoordinatorEvent } from './coordinator/state.ts'
import type { Payloads } from './payloads.ts'
import type { PayloadManifest } from '../../model/payload.ts'

export interface TransfersComponents {
  payloads: Payloads
  dispatch: (event: CoordinatorEvent) => void
  onProgress: (job: string, task: string, chunks: number, of: number, note?: string) => void
  log: (line: string) => void
}

/** The files of executions, on their way to the workers that are reserved for them. */
export class Transfers {
  readonly #components: TransfersComponents
  readonly #underWay = new Map<string, AbortController>()

  constructor (components: TransfersComponents) {
    this.#components = components
  }

  async send (worker: string, execution: string, manifests: readonly PayloadManifest[]): Promise<void> {
    const { payloads, dispatch, onProgress, log } = this.#components
    const { job, task } = parseExecutionId(execution)
    const stop = new AbortController()

    this.#underWay.set(execution, stop)

    let isGone = false

    try {
      const total = manifests.reduce((sum, { chunks }) => sum + chunks.length, 0)
      let before = 0

      for (const { id, chunks } of manifests) {
        const found = await payloads.find(id)

        if (found !== 'here') {
          isGone = found === 'nowhere'
          throw new MeshmarkError('failed', isGone ? 'no master has the files of this job any more' : 'no live master has the files of this job; waiting for the others')
        }

        const had = before

        await payloads.send(worker, id, { onProgress: (sent, _, note) => { onProgress(job, task, had + sent, total, note) }, signal: stop.signal })
        before += chunks.length
      }

      if (!stop.signal.aborted) {
        dispatch({ kind: 'payload-sent', execution, nowMs: Date.now() })
      }
    } catch (err) {
      if (!stop.signal.aborted) {
        log(`payload for ${worker.slice(-8)}: ${toError(err).message}`)
        dispatch({ kind: 'payload-failed', execution, reason: toError(err).message, refused: isMeshmarkError(err) && err.code === 'refused', isGone, nowMs: Date.now() })
      }
    } finally {
      // it may have been rolled back, and have another transfer since
      if (this.#underWay.get(execution) === stop) {
        this.#underWay.delete(execution)
      }
    }
  }

  stop (execution: string, reason: string): void {
    this.#underWay.get(execution)?.abort(new Error(reason))
  }

  drop (reason: string): void {
    for (const transfer of this.#underWay.values()) {
      transfer.abort(new Error(reason))
    }
  }
}

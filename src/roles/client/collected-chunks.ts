import { MeshmarkError } from '../../model/errors.ts'
import { matches } from '../../store/digest.ts'
import { Failures, PATIENCE_MS } from './mesh-link.ts'
import { expectReply } from './questions.ts'
import type { MeshLink } from './mesh-link.ts'
import type { Questions } from './questions.ts'
import type { CollectedRecord } from './types.ts'

/** The contents of what was collected, from this chunk on, each verified; with another master when one is lost. */
export async function * collectedChunks (link: MeshLink, questions: Questions, { execution, payload }: CollectedRecord, from: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const digests = payload?.chunks ?? []
  const patience = link.patience()
  const failures = new Failures()

  try {
    for (let next = from; next < digests.length;) {
      const master = link.master
      const watch = link.watch(master, signal)

      try {
        for await (const reply of questions.stream(master, { kind: 'chunks', execution, from: next }, watch?.signal ?? signal)) {
          const { index, data } = expectReply(reply, 'chunk')

          watch?.heard()
          patience.restore()

          if (index !== next || !matches(data, digests[index])) {
            throw new MeshmarkError('failed', `${master.name} sent what is not the file`)
          }

          next++
          yield data
        }

        if (next < digests.length) {
          throw new MeshmarkError('unreachable', 'the master has gone away')
        }
      } catch (err) {
        signal?.throwIfAborted()
        failures.judge(link.isGone(master, err), err, link.masters)

        if (!patience.wears()) {
          throw new MeshmarkError('unreachable', `no master has answered for ${PATIENCE_MS / 1_000} s: meshmark collect ${execution.slice(18, 26).toLowerCase()} fetches the files later`, { cause: err })
        }
      } finally {
        watch?.end()
      }

      if (next < digests.length) {
        await link.replace(master, patience, signal)
      }
    }
  } finally {
    patience.restore()
  }
}

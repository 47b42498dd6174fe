import { MeshmarkError } from '../../model/errors.ts'
import { Failures } from './mesh-link.ts'
import { expectReply } from './questions.ts'
import type { MeshLink } from './mesh-link.ts'
import type { Questions } from './questions.ts'
import type { ProfileOptions, ProfilePage } from './types.ts'

/** What the workers did, as one master after the other tells it. */
export async function * profile (link: MeshLink, questions: Questions, { withinMs, job, follow = false, signal }: ProfileOptions): AsyncGenerator<ProfilePage> {
  const patience = link.patience()
  const failures = new Failures()
  let heardMs: number | undefined

  try {
    for (;;) {
      const master = link.master
      const watch = link.watch(master, signal)
      // what was missed between two masters is asked of the second one
      const sinceMs = heardMs == null ? withinMs : Math.round(performance.now() - heardMs)

      try {
        for await (const reply of questions.stream(master, { kind: 'profile', withinMs: sinceMs, selector: job, follow }, watch?.signal ?? signal)) {
          const { nowMs, changes } = expectReply(reply, 'profile')

          watch?.heard()
          patience.restore()
          heardMs = performance.now()
          yield { nowMs, changes }
        }

        if (!follow && heardMs != null) {
          return
        }

        throw new MeshmarkError('unreachable', 'the master has gone away')
      } catch (err) {
        signal?.throwIfAborted()
        failures.judge(link.isGone(master, err), err, link.masters)

        // half of an answer cannot be taken back
        if ((!follow && heardMs != null) || !patience.wears()) {
          throw err
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

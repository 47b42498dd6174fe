import { setTimeout as delay } from 'node:timers/promises'
import { isMeshmarkError, toError } from '../../model/errors.ts'
import { waitFor, withDeadline } from '../../node/wait.ts'
import type { MeshNode } from '../../node/mesh-node.ts'

const DIAL_MS = 5_000
const RETRY_MS = 1_000

export interface MeetOptions {
  node: MeshNode
  /** As typed; where nobody knows yet who is there. */
  addresses: readonly string[]
  /** How long everything else waits for the first attempts. */
  firstMs: number
  /** When each was dialled once, or that time has passed. */
  onceDialled: () => void
  log: (line: string) => void
  signal: AbortSignal
}

/** Connects to masters of this mesh by their addresses, each until it has answered once. */
export async function meetTyped ({ node, addresses, firstMs, onceDialled, log, signal }: MeetOptions): Promise<void> {
  const firsts: Array<Promise<void>> = []
  const meetings = addresses.map(async address => {
    const { promise: dialled, resolve } = Promise.withResolvers<void>()

    firsts.push(dialled)

    for (let failures = 0; !signal.aborted;) {
      try {
        await withDeadline(DIAL_MS, [signal], async limit => node.connect(address, { signal: limit, expectMesh: node.meshId }))
        return
      } catch (err) {
        if (signal.aborted || (isMeshmarkError(err) && err.code === 'refused')) {
          if (!signal.aborted) {
            log(`no master to follow: ${toError(err).message}`)
          }

          return
        }

        // the first may have met its own twin: who is known from joining is dialled as such at the same moment
        if (++failures === 2) {
          log(`${toError(err).message}; trying again`)
        }
      } finally {
        resolve()
      }

      await delay(RETRY_MS, undefined, { signal }).catch(() => {})
    }
  })

  // whoever answered is a peer by then, and the election waits for its heartbeats
  await withDeadline(firstMs, [signal], async limit => waitFor(Promise.all(firsts), limit)).catch(() => {})
  onceDialled()
  await Promise.all(meetings)
}

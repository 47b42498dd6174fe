import { MeshmarkError } from '../model/errors.ts'
import { clock } from './protocol/clock/index.ts'
import type { MeshNode } from './mesh-node.ts'
import type { AbortOptions } from '@libp2p/interface'

export interface Offset {
  /** The other clock minus ours, milliseconds. */
  offsetMs: number
  /** Of the exchange it was taken from; the error of the offset is at most half of it. */
  delayMs: number
}

const DEFAULT_ROUNDS = 8

/** Milliseconds since 1970 with fractions; never steps back, whatever happens to the wall clock. */
export function monotonicNow (): number {
  return performance.timeOrigin + performance.now()
}

/** Four stamps of one exchange (RFC 5905, section 8): sent, received, replied, come back. */
export function offsetOf (sent: number, received: number, replied: number, back: number): Offset {
  return {
    offsetMs: ((received - sent) + (replied - back)) / 2,
    delayMs: (back - sent) - (replied - received)
  }
}

/** The offset of a peer's clock from ours, from the quickest of several exchanges: what delays a message spoils its stamps. */
export async function measureOffset (node: MeshNode, peerId: string, { rounds = DEFAULT_ROUNDS, signal }: AbortOptions & { rounds?: number } = {}): Promise<Offset> {
  const channel = await node.openChannel(peerId, clock, { signal })
  let best: Offset = { offsetMs: 0, delayMs: Infinity }

  try {
    for (let round = 0; round < rounds; round++) {
      const sentMs = monotonicNow()

      await channel.send({ sentMs }, { signal })

      const reply = await channel.receive({ signal })
      const back = monotonicNow()

      if (reply == null || reply.sentMs !== sentMs) {
        throw new MeshmarkError('failed', `the clock of ${node.peer(peerId)?.name ?? peerId} could not be read: it did not answer in order`)
      }

      const offset = offsetOf(sentMs, reply.receivedMs, reply.repliedMs, back)

      best = offset.delayMs < best.delayMs ? offset : best
    }

    await channel.close()
  } catch (err: any) {
    channel.abort(err)

    throw err
  }

  return best
}

/** Lets others measure our clock. */
export function handleClock (node: MeshNode): void {
  node.handle(clock, async channel => {
    for (let request = await channel.receive(); request != null; request = await channel.receive()) {
      const receivedMs = monotonicNow()

      await channel.send({ sentMs: request.sentMs, receivedMs, repliedMs: monotonicNow() })
    }
  })
}

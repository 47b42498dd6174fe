import '../../src/node/polyfill.ts'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { AT_ONCE } from '../../src/node/doorway.ts'
import { Gate } from '../../src/node/gate.ts'
import { createTransport } from '../../src/node/libp2p.ts'
import { LOOPBACK } from './mesh.ts'
import type { MultiaddrConnection } from '@libp2p/interface'

/** As much of a connection as the gate looks at. */
class Newcomer extends EventTarget {
  readonly remoteAddr
  status = 'open'
  isRead = true

  constructor (port: number) {
    super()
    this.remoteAddr = multiaddr(`/ip4/127.0.0.1/tcp/${port}`)
  }

  pause (): void {
    this.isRead = false
  }

  resume (): void {
    this.isRead = true
  }

  close (): void {
    this.status = 'closed'
    this.dispatchEvent(new Event('close'))
  }
}

async function turn (): Promise<void> {
  return new Promise(resolve => { setImmediate(resolve) })
}

describe('a gate', () => {
  it('reads of a newcomer when one before it has become a member, or has gone', async () => {
    const gate = new Gate()
    const newcomers = Array.from({ length: AT_ONCE + 3 }, (_, at) => new Newcomer(10_000 + at))
    const denials = newcomers.map(async newcomer => gate.gater.denyInboundConnection?.(newcomer as unknown as MultiaddrConnection))
    const read = (): number[] => newcomers.flatMap(({ isRead }, at) => isRead && at >= AT_ONCE ? [at - AT_ONCE] : [])

    await turn()
    expect(newcomers.filter(({ isRead }) => isRead)).toHaveLength(AT_ONCE)

    gate.passed({ remoteAddr: newcomers[0]!.remoteAddr.encapsulate('/p2p/12D3KooWJwn2ZgcNwNvZDvnmyfTDbyy5h79UZHdhx2fsi9ywLTk3') })
    await turn()
    expect(read()).toEqual([0])

    // its turn is over already
    newcomers[0]!.close()
    gate.passed(newcomers[0]!)
    await turn()
    expect(read()).toEqual([0])

    newcomers[1]!.close()
    await turn()
    expect(read()).toEqual([0, 1])

    // one that is gone when its turn comes takes none
    newcomers[AT_ONCE + 2]!.close()
    gate.passed(newcomers[2]!)
    expect(await Promise.all(denials)).toEqual(newcomers.map(() => false))
    newcomers.forEach(newcomer => { newcomer.close() })
  })

  it('knows a newcomer again by the connection that it has in the end', async () => {
    const gate = new Gate()
    const init = { askAfterMs: 2_000, giveUpAfterMs: 5_000 }
    const [host, guest] = await Promise.all([[LOOPBACK], []].map(async listen => createTransport({ ...init, listen, identity: await generateKeyPair('Ed25519'), gate: listen.length > 0 ? gate : undefined })))

    try {
      await Promise.all([host!.start(), guest!.start()])

      const opened = Promise.withResolvers<Parameters<Gate['passed']>[0]>()

      host!.addEventListener('connection:open', ({ detail }) => { opened.resolve(detail) })
      await guest!.dial(host!.getMultiaddrs())

      const connection = await opened.promise

      expect(gate.inside).toBe(1)
      gate.passed(connection)
      expect(gate.inside).toBe(0)
    } finally {
      await Promise.all([host!.stop(), guest!.stop()])
    }
  })
})

import './fail-on-rejection.ts'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toString } from 'uint8arrays/to-string'
import { createMeshKey } from '../../src/node/membership.ts'
import { Children } from './child.ts'
import type { Child } from './child.ts'
import type { Role } from '../../src/model/roles.ts'

function ip (...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}

/** Two namespaces with one cable between them: multicast never leaves the machine. */
function createNamespaces (): { names: [string, string], remove: () => void } | undefined {
  const id = randomBytes(3).toString('hex')
  const names: [string, string] = [`mm-a-${id}`, `mm-b-${id}`]
  const remove = (): void => {
    for (const name of names) {
      try {
        ip('netns', 'del', name)
      } catch {
        // it was never made
      }
    }
  }

  try {
    names.forEach(name => { ip('netns', 'add', name) })
    ip('-n', names[0], 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', names[1])

    for (const [i, name] of names.entries()) {
      ip('-n', name, 'addr', 'add', `10.77.0.${i + 1}/24`, 'dev', 'eth0')
      ip('-n', name, 'link', 'set', 'lo', 'up')
      ip('-n', name, 'link', 'set', 'eth0', 'up')
      ip('-n', name, 'route', 'add', 'default', 'dev', 'eth0')
    }

    return { names, remove }
  } catch (err: any) {
    remove()
    console.warn(`discovery is not tested: network namespaces cannot be made here (${String(err.stderr ?? err.message).trim()})`)
  }
}

const namespaces = createNamespaces()

namespaces?.remove()

// Datagrams may be lost, and on a busy machine all of one attempt's have been.
describe.skipIf(namespaces == null)('discovery on a network', { retry: 3 }, () => {
  let net: NonNullable<typeof namespaces>
  let children: Children
  let meshKey: string

  beforeEach(async () => {
    net = createNamespaces() ?? expect.unreachable()
    children = await Children.create()
    meshKey = toString(privateKeyToProtobuf(await createMeshKey()), 'hex')
  })

  afterEach(async () => {
    await children.stop()
    net.remove()
  })

  async function member (namespace: string, role: Role, mdns: boolean): Promise<Child> {
    const identity = toString(privateKeyToProtobuf(await generateKeyPair('Ed25519')), 'hex')
    const listen = ['/ip4/0.0.0.0/tcp/0']

    return children.start('member', [JSON.stringify({ meshKey, identity, role, listen, mdns })], ['ip', 'netns', 'exec', namespace])
  }

  it('finds masters, and nobody else, at addresses that work from there', async () => {
    const master = await member(net.names[0], 'master', true)
    const bystander = await member(net.names[0], 'worker', true)
    const worker = await member(net.names[1], 'worker', true)

    await bystander.ask('id')

    const id = await master.ask('id')
    // twice, so that a later answer of somebody else would be among them
    const found: string[][] = await worker.ask('discovered', 2)

    for (const addresses of found) {
      expect(addresses).toEqual([expect.stringMatching(new RegExp(`^/ip4/10\\.77\\.0\\.1/tcp/\\d+/p2p/${id}$`))])
    }

    expect(await worker.ask('connect', found[0])).toBe(id)
  }, 30_000)

  it('opens no socket for it when it is switched off', async () => {
    const udp = (child: Child): string[] => readFileSync(`/proc/${child.process.pid}/net/udp`, 'utf8').trim().split('\n').slice(1)
    const silent = await member(net.names[0], 'master', false)

    await silent.ask('id')
    expect(udp(silent)).toEqual([])

    const talking = await member(net.names[1], 'master', true)

    await talking.ask('id')
    expect(udp(talking)).not.toEqual([])
  }, 30_000)
})

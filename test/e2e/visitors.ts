import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { sealMembership } from '../../src/node/membership.ts'
import { MeshNode } from '../../src/node/mesh-node.ts'
import { parseToken } from '../../src/node/token.ts'
import { LOOPBACK, comeIn, elsewhere, idOf, readMeshFiles } from './insider.ts'
import { TestMesh } from './mesh.ts'
import { eventually } from './processes.ts'
import type { Insider, MeshFiles } from './insider.ts'
import type { CommandResult, NodeProcess } from './mesh.ts'
import type { Role } from '../../src/model/roles.ts'
import type { PrivateKey } from '@libp2p/interface'

export const HOUR = 3_600_000
/** What a worker says of its machine. */
export const INFO = { resources: { machineId: 'm', platform: 'linux', arch: 'x64', cpuModel: 'cpu', cores: 1, memoryBytes: 1, kernel: '6', os: 'os', nodeVersion: '20' }, labels: {} }

/** A mesh of a master and the worker lab-1, and whoever comes to it from this process or another machine, in order or not. */
export class Visitors {
  readonly #undo: Array<() => Promise<unknown> | unknown> = []
  #count = 0

  private constructor (readonly mesh: TestMesh, readonly files: MeshFiles, readonly boss: NodeProcess, readonly worker: NodeProcess) {}

  static async create (): Promise<Visitors> {
    const mesh = await TestMesh.create()

    try {
      const boss = await mesh.master()
      const worker = await mesh.worker('lab-1')

      return new Visitors(mesh, await readMeshFiles(mesh), boss, worker)
    } catch (err) {
      await mesh.close()
      throw err
    }
  }

  /** For all tests of a file: `told` when they are there, once; after each test whoever came leaves, and `then` is done. */
  static forFile (told: (visitors: Visitors) => Promise<void> | void, then: (visitors: Visitors) => Promise<void> = async () => {}): void {
    let visitors: Visitors

    beforeAll(async () => {
      visitors = await Visitors.create()
      await told(visitors)
    })

    afterEach(async () => {
      await visitors.leave()
      await then(visitors)
    })

    afterAll(async () => { await visitors?.mesh.close() })
  }

  /** What is to be done when they leave, the last first. */
  onLeave (step: () => Promise<unknown> | unknown): void {
    this.#undo.push(step)
  }

  async leave (): Promise<void> {
    for (const step of this.#undo.splice(0).reverse()) {
      await step()
    }
  }

  /** Joined in order, in this process. */
  async insider (role: 'worker' | 'client' | 'admin'): Promise<Insider> {
    const found = await comeIn(this.mesh, this.files, role, `${role}-${this.#count++}`)

    this.onLeave(async () => found.node.stop())

    return found
  }

  /** A node of this process with any membership, or none. */
  async node (init: { key?: PrivateKey, roles?: Role[], name?: string, sealedBy?: PrivateKey, expiresAt?: number, listen?: boolean } = {}): Promise<MeshNode> {
    const { roles = [], name = 'villain', sealedBy = this.files.meshKey, expiresAt = Date.now() + HOUR } = init
    const identity = init.key ?? await generateKeyPair('Ed25519')
    const membership = roles.length === 0 ? undefined : await sealMembership(sealedBy, { peerId: idOf(identity), roles, name, issuedAt: 0, expiresAt })
    const node = await MeshNode.create({
      identity,
      membership,
      ...(membership == null ? { meshId: this.files.meshId } : {}),
      listen: init.listen === true ? [LOOPBACK] : [],
      ...(roles.includes('master') ? { meshTime: () => Date.now() } : {})
    })

    this.onLeave(async () => node.stop())
    await node.start()

    return node
  }

  async createToken (...args: string[]): Promise<{ line: string, token: string, id: string }> {
    const { stdout, code, stderr } = await this.mesh.run(['token', 'create', ...args])

    expect(code, stderr).toBe(0)

    const line = stdout.trim().replace(/^meshmark join /, '')
    const token = line.split('@')[0]!

    return { line, token, id: parseToken(token).id }
  }

  /** A client on another machine, joined by hand. */
  async clientElsewhere (name: string): Promise<{ env: Record<string, string>, dir: string }> {
    const env = await elsewhere(this.mesh, name)
    const { line } = await this.createToken('client')
    const joined = await this.mesh.run(['join', '--no-mdns', line], { env })

    expect(joined.code, joined.stderr).toBe(0)

    return { env, dir: join(env.MESHMARK_DATA, this.files.meshId, 'client', '0') }
  }

  /** Whatever was done to them, they serve an honest client. */
  async expectService (): Promise<void> {
    const { code, stderr } = await this.mesh.run(['run', '--runs', '1', '--on', 'lab-1', 'true'])

    expect(code, stderr).toBe(0)
    process.kill(this.boss.pid, 0)
  }

  /** At last: master and worker are what they were, and end in order. */
  async expectOrderlyEnd (): Promise<void> {
    await eventually('lab-1 is waiting', async () => /lab-1.*waiting/.test((await this.mesh.run(['nodes'])).stdout))
    expect((await this.mesh.run(['run', '--runs', '2', '--on', 'lab-1', 'true'])).code).toBe(0)
    expect((await this.worker.stop()).code).toBe(0)
    expect((await this.boss.stop()).code).toBe(0)
  }
}

/** Errors are one line, and nothing else is called one. */
export function errorOf ({ stderr }: CommandResult): string {
  const lines = stderr.split('\n').filter(line => line.startsWith('meshmark: '))

  expect(lines, stderr).toHaveLength(1)
  expect(stderr).not.toMatch(/^\s+at /m)

  return lines[0]!
}

export function endpoint (node: MeshNode): string {
  return `127.0.0.1:${/\/tcp\/(\d+)/.exec(node.addresses()[0]!)![1]}`
}

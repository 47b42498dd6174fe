import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadOrCreateIdentity } from '../../src/node/identity.ts'
import { meshIdOf, seal } from '../../src/node/membership.ts'
import { MeshNode } from '../../src/node/mesh-node.ts'
import { encodeJob } from '../../src/node/protocol/model/index.ts'
import { parseToken } from '../../src/node/token.ts'
import { DEFAULT_LIMITS } from '../../src/model/limits.ts'
import { JOB_DOMAIN } from '../../src/roles/job-seal.ts'
import { linkToMaster } from '../../src/roles/link.ts'
import { loadMember } from '../../src/roles/member.ts'
import type { TestMesh } from './mesh.ts'
import type { Job } from '../../src/model/job.ts'
import type { Peer } from '../../src/node/mesh-node.ts'
import type { Protocol } from '../../src/node/protocol/protocol.ts'
import type { PrivateKey } from '@libp2p/interface'

export const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

export interface MeshFiles {
  meshId: string
  meshKey: PrivateKey
  masterIdentity: PrivateKey
  /** Join tokens that the master has left for local processes. */
  tokens: { worker: string, client: string, admin: string }
}

/** What only the master's own user can read. */
export async function readMeshFiles (mesh: TestMesh): Promise<MeshFiles> {
  const run = join(mesh.dir, 'run', 'meshmark')
  const file = (await readdir(run)).find(name => name.startsWith('master-'))
  const { meshId, tokens } = JSON.parse(await readFile(join(run, file!), 'utf8'))
  const dir = join(mesh.dir, 'data', meshId, 'master', '0')

  return {
    meshId,
    tokens,
    meshKey: await loadOrCreateIdentity(join(dir, 'mesh.key')),
    masterIdentity: await loadOrCreateIdentity(join(dir, 'identity.key'))
  }
}

/** Another machine, or another user: nothing of this mesh is known there. */
export async function elsewhere (mesh: TestMesh, name: string): Promise<{ MESHMARK_DATA: string, XDG_RUNTIME_DIR: string, HOME: string }> {
  const env = {
    MESHMARK_DATA: join(mesh.dir, name, 'data'),
    XDG_RUNTIME_DIR: join(mesh.dir, name, 'run'),
    HOME: join(mesh.dir, name, 'home')
  }

  await mkdir(join(mesh.dir, name), { mode: 0o711 })

  for (const dir of Object.values(env)) {
    await mkdir(dir, { mode: 0o700 })
  }

  return env
}

/** A member with a node in this process, which says whatever the test wants. */
export interface Insider {
  node: MeshNode
  identity: PrivateKey
  membership: Uint8Array
  master: Peer
}

/** Joins in order, with a token; what it does then is for the test. */
export async function comeIn (mesh: TestMesh, files: MeshFiles, role: 'worker' | 'client' | 'admin', name: string): Promise<Insider> {
  const dir = join(mesh.dir, `insider-${name}`)
  const identity = await loadOrCreateIdentity(join(dir, 'identity.key'))
  const node = await MeshNode.create({ identity, meshId: files.meshId })

  try {
    await node.start()
    const master = await linkToMaster(node, { meshId: files.meshId, addresses: [mesh.address], token: parseToken(files.tokens[role]) }, { dir, name })
    const member = await loadMember(dir, node.peerId)

    return { node, identity, membership: member!.membership, master }
  } catch (err) {
    await node.stop()
    throw err
  }
}

/** The words in which a message is refused, by an answer or with the stream; `answered …` when it is not. */
export async function refusalOf<Q, R extends { kind: string }> (node: MeshNode, peer: string, protocol: Protocol<Q, R>, message: Q): Promise<string> {
  try {
    // opened as a node would that does not care who answers what
    const channel = await node.openChannel(peer, { ...protocol, listeners: ['master', 'worker', 'client', 'admin'] }, { signal: AbortSignal.timeout(10_000) })

    try {
      await channel.send(message)
      const reply = await channel.receive({ signal: AbortSignal.timeout(10_000) })

      return reply?.kind === 'refused' ? (reply as unknown as { reason: string }).reason : `answered ${reply?.kind}`
    } finally {
      channel.abort(new Error('seen enough'))
    }
  } catch (err: any) {
    return err.message
  }
}

export function exampleJob (client: string, id: string, init: Partial<Job> = {}): Job {
  return {
    id,
    client,
    kind: 'exec',
    commands: [{ argv: ['true'], program: { kind: 'name', name: 'true' } }],
    env: {},
    limits: { ...DEFAULT_LIMITS, wallMs: 30_000 },
    placement: { on: 'any', where: [] },
    plan: { kind: 'once' },
    submittedAt: 0,
    ...init
  }
}

export async function sealJob (key: PrivateKey, job: Job): Promise<Uint8Array> {
  return seal(key, JOB_DOMAIN, encodeJob(job))
}

export function idOf (key: PrivateKey): string {
  return meshIdOf(key)
}

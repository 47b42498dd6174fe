import { join } from 'node:path'
import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { loadOrCreateIdentity } from '../../node/identity.ts'
import { meshIdOf } from '../../node/membership.ts'
import { MeshNode } from '../../node/mesh-node.ts'
import { dataRoot } from '../../store/folders.ts'
import { findMesh } from '../find-mesh.ts'
import { prepareRoleDir } from '../role-dir.ts'
import { MeshClient } from './client.ts'
import { DigestCache } from './digest-cache.ts'
import { MeshLink } from './mesh-link.ts'
import type { Client, ConnectOptions } from './types.ts'
import type { FoundMesh } from '../find-mesh.ts'
import type { MemberPlace } from '../member.ts'
import type { PrivateKey } from '@libp2p/interface'

const CONNECT_TIMEOUT_MS = 10_000

/** Where clients of this machine keep their identity; all of a user's share one, so that any of them sees the user's jobs. */
const INSTANCE = '0'

/** Connects to a master of the mesh, joining first where this machine may. */
export async function connectClient (options: ConnectOptions = {}): Promise<Client> {
  const role = options.role ?? 'client'
  const root = options.dataDir ?? dataRoot()
  const mesh = await findMesh({ role, dataRoot: root, masters: options.masters ?? [], token: options.token, mesh: options.mesh })
  const dir = join(await prepareRoleDir(root, mesh.meshId, mesh.role ?? role), options.identity ?? INSTANCE)
  const identity = await loadOrCreateIdentity(join(dir, 'identity.key'))

  return connectAs({ identity, mesh, dir }, options)
}

/** Who this user's clients are on this machine, whether or not one of them has joined yet. */
export async function ownClientId (meshId: string, root = dataRoot()): Promise<string> {
  return meshIdOf(await loadOrCreateIdentity(join(await prepareRoleDir(root, meshId, 'client'), INSTANCE, 'identity.key')))
}

/** A client that has its identity, and its membership or a token. */
export async function connectAs ({ identity, mesh, dir }: { identity: PrivateKey, mesh: FoundMesh, dir: MemberPlace }, options: ConnectOptions = {}): Promise<Client> {
  const node = await MeshNode.create({ identity, meshId: mesh.meshId, listen: [], mdns: options.mdns ?? true })
  const timeout = AbortSignal.timeout(options.timeoutMs ?? CONNECT_TIMEOUT_MS)
  const signal = options.signal != null ? AbortSignal.any([options.signal, timeout]) : timeout

  const link = new MeshLink(node, mesh, dir, options.onWaiting)

  try {
    await node.start()
    await link.connect({ typedOnly: (options.masters ?? []).length > 0, signal })

    return new MeshClient(node, identity, link, mesh.meshId, typeof dir === 'string' ? new DigestCache(join(dir, 'digests')) : undefined)
  } catch (err) {
    await link.close()
    await node.stop()

    if (timeout.aborted && !isMeshmarkError(err)) {
      throw new MeshmarkError('unreachable', `no master answered within ${(options.timeoutMs ?? CONNECT_TIMEOUT_MS) / 1_000} s: is it running, and is the address right?`, { cause: err })
    }

    throw err
  }
}

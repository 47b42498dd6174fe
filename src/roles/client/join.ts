import { hostname } from 'node:os'
import { join } from 'node:path'
import { loadOrCreateIdentity } from '../../node/identity.ts'
import { MeshNode } from '../../node/mesh-node.ts'
import { parseTokenAtHost } from '../../node/token.ts'
import { dataRoot } from '../../store/folders.ts'
import { findMesh } from '../find-mesh.ts'
import { linkToMaster } from '../link.ts'
import { prepareRoleDir } from '../role-dir.ts'
import { MeshmarkError } from '../../model/errors.ts'

export interface JoinOptions {
  /** TOKEN or TOKEN@HOST[:PORT]; without an address, mDNS finds a master. */
  token: string
  mdns?: boolean
  timeoutMs?: number
}

export interface Joined {
  role: 'client' | 'admin'
  meshId: string
  master: string
  /** As the mesh knows this machine. */
  name: string
}

/** Turns a client or admin token into a membership, stored for the commands to come. Workers join by running. */
export async function joinMesh (options: JoinOptions): Promise<Joined> {
  const { token } = parseTokenAtHost(options.token)

  if (token.role !== 'client' && token.role !== 'admin') {
    throw new MeshmarkError('usage', `a ${token.role} joins by running: meshmark ${token.role} --token TOKEN@HOST`)
  }

  const root = dataRoot()
  const mesh = await findMesh({ role: token.role, dataRoot: root, masters: [], token: options.token })
  const dir = join(await prepareRoleDir(root, mesh.meshId, token.role), '0')
  const identity = await loadOrCreateIdentity(join(dir, 'identity.key'))
  const node = await MeshNode.create({ identity, meshId: mesh.meshId, listen: [], mdns: options.mdns ?? true })

  try {
    await node.start()
    const wished = hostname().split('.')[0] ?? token.role
    const master = await linkToMaster(node, mesh, { dir, name: wished, signal: AbortSignal.timeout(options.timeoutMs ?? 10_000) })

    return { role: token.role, meshId: mesh.meshId, master: master.name, name: node.name }
  } finally {
    await node.stop()
  }
}

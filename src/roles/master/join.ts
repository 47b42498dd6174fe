import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshmarkError } from '../../model/errors.ts'
import { parseAddress } from '../../node/address.ts'
import { encodeIdentity, loadOrCreateIdentity } from '../../node/identity.ts'
import { meshIdOf, readMembership, shortId } from '../../node/membership.ts'
import { MeshNode } from '../../node/mesh-node.ts'
import { mastersAsk } from '../../node/protocol/masters/index.ts'
import { request } from '../../node/request.ts'
import { parseTokenAtHost } from '../../node/token.ts'
import { writeFileAtomic } from '../../store/files.ts'
import { connectClient } from '../client/connect.ts'
import { linkToMaster } from '../link.ts'
import { readLocalMeshes, sameEndpoint } from '../local.ts'
import { loadMember } from '../member.ts'
import { explainNoHome, foundHome, leaveHome, MESH_KEY_FILE, newHome, takeHome } from './home.ts'
import { decodeMeshKey } from './mesh-key.ts'
import type { Home } from './home.ts'
import type { FoundMesh } from '../find-mesh.ts'
import type { JournalOptions } from '../../store/journal.ts'
import type { PrivateKey } from '@libp2p/interface'

export interface SettleOptions extends JournalOptions {
  /** The data directory. */
  root: string
  /** TOKEN or TOKEN@HOST[:PORT]. */
  token?: string
  /** Addresses of other masters, as typed. */
  peers: readonly string[]
  /** The name wished for. */
  name: string
  mdns: boolean
  log: (line: string) => void
  signal?: AbortSignal
}

/** A master that has its place in a mesh: everything it needs to begin. */
export interface Settled {
  home: Home
  meshKey: PrivateKey
  identity: PrivateKey
  /** As the mesh knows it where another master admitted it, else the one wished for. */
  name: string
  /** Where other masters were when it joined, or are said to be by whoever started it. */
  peers: string[]
}

const JOIN_TIMEOUT_MS = 20_000
const TOKEN_MS = 10 * 60 * 1000

/**
 * Where a master belongs:
 *
 * 1. the one of the data directory that does not run
 * 2. else one more of the mesh that the token, or the master at `peers`, names
 * 3. else, when neither is given, a mesh of its own
 */
export async function settle (options: SettleOptions): Promise<Settled> {
  const { root, token, peers } = options
  const typed = peers.map(address => parseAddress(address).toString())
  const invited = token == null ? undefined : readToken(token)
  const home = await takeHome(root, invited?.meshId, options)

  if (home != null) {
    return occupy(home, invited, typed, options)
  }

  if (invited == null && typed.length === 0) {
    const nothing = await explainNoHome(root)

    if (nothing != null) {
      throw nothing
    }

    return occupy(await foundHome(root, options), undefined, [], options)
  }

  const invitation = invited ?? await inviteOneself(typed)

  return occupy(await newHome(root, invitation.meshId, options), invitation, typed, options)
}

/** Joins where that is not done yet, or was only begun. */
async function occupy (home: Home, invitation: FoundMesh | undefined, typed: string[], options: SettleOptions): Promise<Settled> {
  try {
    const identity = await loadOrCreateIdentity(join(home.dir, 'identity.key'))

    if (!await exists(join(home.dir, MESH_KEY_FILE))) {
      const mesh = invitation ?? { meshId: home.meshId, addresses: [] }

      await joinMesh(home.dir, identity, { ...mesh, addresses: [...mesh.addresses, ...typed] }, options)
    } else if (options.token != null) {
      options.log(`this is a master of mesh ${shortId(home.meshId)} already: the token was not needed`)
    }

    const meshKey = await loadOrCreateIdentity(join(home.dir, MESH_KEY_FILE))

    if (meshIdOf(meshKey) !== home.meshId) {
      throw new MeshmarkError('failed', `${join(home.dir, MESH_KEY_FILE)} is the key of mesh ${shortId(meshIdOf(meshKey))}, not of ${shortId(home.meshId)}: restore it from another master of that mesh`)
    }

    // what it says is known otherwise by now: its own journal, and the key with which it can be made anew
    const member = await loadMember(home.dir, meshIdOf(identity)).catch(err => { options.log(err.message) })

    return {
      home,
      meshKey,
      identity,
      name: member == null ? options.name : readMembership(member.membership).membership.name,
      peers: [...new Set([...typed, ...invitation?.addresses ?? [], ...member?.masters ?? []])]
    }
  } catch (err) {
    await leaveHome(home)
    throw err
  }
}

/**
 * Becomes a member through another master, which has to prove itself before the
 * token's secret is said; then asks it for the mesh key, which is kept only
 * when it is the one that the mesh is named after.
 */
async function joinMesh (dir: string, identity: PrivateKey, mesh: FoundMesh, { name, mdns, log, signal }: SettleOptions): Promise<void> {
  const node = await MeshNode.create({ identity, meshId: mesh.meshId, listen: [], mdns, log })
  const limit = AbortSignal.timeout(JOIN_TIMEOUT_MS)

  try {
    await node.start()

    const master = await linkToMaster(node, mesh, { dir, name, signal: signal == null ? limit : AbortSignal.any([signal, limit]) })
    const reply = await request(node, master.id, mastersAsk, { kind: 'want-key' }, { signal })

    if (reply.kind !== 'key') {
      throw new MeshmarkError('refused', `${master.name} keeps the mesh key to itself: ${reply.kind === 'refused' ? reply.reason : 'it did not understand the question'}`)
    }

    const key = await decodeMeshKey(reply.key, mesh.meshId, master.name)

    await writeFileAtomic(join(dir, MESH_KEY_FILE), encodeIdentity(key), 0o600)
    log(`joined mesh ${shortId(mesh.meshId)} at ${master.name} as master ${node.name}`)
  } finally {
    await node.stop()
  }
}

function readToken (text: string): FoundMesh & Required<Pick<FoundMesh, 'token'>> {
  const { token, address } = parseTokenAtHost(text)

  if (token.role !== 'master') {
    throw new MeshmarkError('usage', `this token is for the role ${token.role}, not master: create one with meshmark token create master`)
  }

  return { meshId: token.meshId, addresses: address == null ? [] : [parseAddress(address).toString()], token }
}

/** Beside a master of the same user, or as an administrator of the mesh, nobody types a token. */
async function inviteOneself (typed: string[]): Promise<FoundMesh> {
  const local = (await readLocalMeshes()).find(mesh => mesh.addresses.some(address => typed.some(other => sameEndpoint(address, other))))

  if (local != null) {
    return { meshId: local.meshId, addresses: typed, token: readToken(local.tokens.master).token }
  }

  const client = await connectClient({ masters: typed, role: 'admin', mdns: false }).catch(err => {
    throw new MeshmarkError(err.code ?? 'failed', `no master token: type meshmark token create master where a master runs, then meshmark master --token TOKEN@HOST here (${err.message})`, { cause: err })
  })

  try {
    const { text } = await client.createToken('master', { ttlMs: TOKEN_MS, uses: 1 })

    return { meshId: client.meshId, addresses: typed, token: readToken(text).token }
  } finally {
    await client.close()
  }
}

async function exists (path: string): Promise<boolean> {
  return access(path).then(() => true, () => false)
}

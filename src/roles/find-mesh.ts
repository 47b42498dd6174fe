import { MeshmarkError } from '../model/errors.ts'
import { parseAddress } from '../node/address.ts'
import { shortId } from '../node/membership.ts'
import { parseTokenAtHost } from '../node/token.ts'
import { readLocalMeshes, sameEndpoint } from './local.ts'
import { storedMeshes } from './member.ts'
import type { JoinToken } from '../node/token.ts'

export interface FindOptions {
  role: 'worker' | 'client' | 'admin'
  dataRoot: string
  /** Addresses typed by the user. */
  masters: string[]
  /** TOKEN or TOKEN@HOST[:PORT]. */
  token?: string
  /** Beginning or end of a mesh id. */
  mesh?: string
}

export interface FoundMesh {
  meshId: string
  /** Where to try, in this order; empty = mDNS, or what the membership remembers. */
  addresses: string[]
  /** Somebody typed these addresses: they are tried before what the membership remembers. */
  typed?: boolean
  /** Under which this machine is a member, when that is not the role asked for: an administrator is a client too. */
  role?: 'admin'
  /** Earns a membership when there is none. */
  token?: JoinToken
}

/**
 * Which mesh is meant, from what was typed, the masters that run on this
 * machine, and the memberships of earlier days, in this order.
 */
export async function findMesh (options: FindOptions): Promise<FoundMesh> {
  const typed = options.masters.map(address => parseAddress(address).toString())

  if (options.token != null) {
    const { token, address } = parseTokenAtHost(options.token)

    if (token.role !== options.role && !(token.role === 'admin' && options.role === 'client')) {
      throw new MeshmarkError('usage', `this token is for the role ${token.role}, not ${options.role}: create one with meshmark token create ${options.role}`)
    }

    const addresses = address != null ? [parseAddress(address).toString(), ...typed] : typed

    return { meshId: token.meshId, addresses, typed: addresses.length > 0, token }
  }

  const local = (await readLocalMeshes()).filter(mesh => isMesh(mesh.meshId, options.mesh))
  const chosen = typed.length === 0 ? local : local.filter(mesh => mesh.addresses.some(address => typed.some(other => sameEndpoint(address, other))))

  if (chosen.length > 1) {
    throw new MeshmarkError('usage', `${chosen.length} meshes run on this machine: name one with --mesh (${chosen.map(mesh => mesh.meshId.slice(-8)).join(', ')}) or --master ADDRESS`)
  }

  if (chosen[0] != null) {
    const { meshId, addresses, tokens } = chosen[0]

    return { meshId, addresses: typed.length > 0 ? typed : addresses, typed: typed.length > 0, token: parseTokenAtHost(tokens[options.role]).token }
  }

  for (const role of options.role === 'client' ? ['client', 'admin'] as const : [options.role]) {
    const stored = (await storedMeshes(options.dataRoot, role)).filter(({ meshId }) => isMesh(meshId, options.mesh))
    // of several meshes the one that has a master there; an address that none knows may still be of any
    const meant = stored.find(({ masters }) => masters.some(address => typed.some(other => sameEndpoint(address, other)))) ?? stored[0]

    if (meant != null) {
      return { meshId: meant.meshId, addresses: typed, typed: typed.length > 0, role: role === options.role || role !== 'admin' ? undefined : role }
    }
  }

  const [asClient] = options.role === 'admin' ? await storedMeshes(options.dataRoot, 'client') : []

  if (asClient != null) {
    throw new MeshmarkError('refused', `this machine is no administrator of mesh ${shortId(asClient.meshId)}: join with an admin token (where its master runs: meshmark token create admin)`)
  }

  throw new MeshmarkError('unreachable', typed.length > 0
    ? `no membership for the mesh at ${options.masters.join(', ')}: get a token there with meshmark token create ${options.role}, then meshmark join TOKEN@HOST here`
    : options.mesh != null
      ? `no mesh '${options.mesh}' is known here: see meshmark doctor`
      : 'no mesh is known here: start one with meshmark master (or meshmark up to try), or join one with meshmark join TOKEN@HOST')
}

function isMesh (meshId: string, wanted: string | undefined): boolean {
  return wanted == null || meshId.startsWith(wanted) || meshId.endsWith(wanted)
}

import { mkdir, readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isMeshmarkError, MeshmarkError } from '../model/errors.ts'
import { openMembership } from '../node/membership.ts'
import { writeFileAtomic } from '../store/files.ts'
import type { Role } from '../model/roles.ts'

/** What a node keeps of its mesh: enough to come back without typing anything. */
export interface Member {
  meshId: string
  /** Sealed by the mesh key. */
  membership: Uint8Array
  /** Multiaddrs of the masters known last. */
  masters: string[]
}

const FILE = 'membership.json'
const VERSION = 1

/** Undefined when there is none, or when it has expired: then a token is needed again. */
export async function loadMember (dir: string, peerId: string): Promise<Member | undefined> {
  let text: string

  try {
    text = await readFile(join(dir, FILE), 'utf8')
  } catch (err: any) {
    if (err.code === 'ENOENT') {
      return undefined
    }

    throw err
  }

  try {
    const stored = JSON.parse(text)

    if (stored.version !== VERSION) {
      throw new Error(`version ${stored.version}`)
    }

    const member = { meshId: stored.meshId, membership: Buffer.from(stored.membership, 'base64'), masters: stored.masters }
    const membership = await openMembership(member.membership, member.meshId)

    return membership.peerId === peerId && membership.expiresAt > Date.now() ? member : undefined
  } catch (err: any) {
    throw new MeshmarkError(isMeshmarkError(err) ? err.code : 'failed', `${join(dir, FILE)} is damaged (${err.message}): remove it and join again`, { cause: err })
  }
}

export async function saveMember (dir: string, member: Member): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await writeFileAtomic(join(dir, FILE), Buffer.from(JSON.stringify({
    version: VERSION,
    meshId: member.meshId,
    membership: Buffer.from(member.membership).toString('base64'),
    masters: member.masters
  })), 0o600)
}

export async function forgetMember (dir: string): Promise<void> {
  await rm(join(dir, FILE), { force: true })
}

/** Meshes in which this machine has a membership for the role, the one used last first. */
export async function storedMeshes (dataRoot: string, role: Role): Promise<string[]> {
  const found: Array<{ meshId: string, usedMs: number }> = []

  for (const meshId of await readdir(dataRoot).catch(() => [])) {
    const info = await stat(join(dataRoot, meshId, role, '0', FILE)).catch(() => undefined)

    if (info != null) {
      found.push({ meshId, usedMs: info.mtimeMs })
    }
  }

  return found.sort((a, b) => b.usedMs - a.usedMs).map(({ meshId }) => meshId)
}

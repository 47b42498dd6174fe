import { readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isMeshmarkError, MeshmarkError } from '../model/errors.ts'
import { mergeMasters, withMaster } from '../node/master-addresses.ts'
import { openMembership } from '../node/membership.ts'
import { writeFileAtomic } from '../store/files.ts'
import { makeFolder } from '../store/make-folder.ts'
import type { Role } from '../model/roles.ts'
import type { Peer } from '../node/mesh-node.ts'

/** What a node keeps of its mesh: enough to come back without typing anything. */
export interface Member {
  meshId: string
  /** Sealed by the mesh key. */
  membership: Uint8Array
  /** Multiaddrs of the masters known last, the one that answered last first. */
  masters: string[]
}

/** A folder, or the memory of this process for a member that is made anew each time. */
export type MemberPlace = string | { member?: Member }

const FILE = 'membership.json'
const VERSION = 1

/** By folder: who reads, changes and writes waits for whoever does so already. */
const turns = new Map<MemberPlace, Promise<unknown>>()

/** Undefined when there is none, or when it has expired: see `loadExpired`. */
export async function loadMember (dir: MemberPlace, peerId: string): Promise<Member | undefined> {
  return load(dir, peerId, expiresAt => expiresAt > Date.now())
}

/** One that has expired: a master may renew it all the same. */
export async function loadExpired (dir: MemberPlace, peerId: string): Promise<Member | undefined> {
  return load(dir, peerId, expiresAt => expiresAt <= Date.now())
}

async function load (dir: MemberPlace, peerId: string, isWanted: (expiresAt: number) => boolean): Promise<Member | undefined> {
  if (typeof dir !== 'string') {
    return dir.member != null && isWanted((await openMembership(dir.member.membership, dir.member.meshId)).expiresAt) ? dir.member : undefined
  }

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

    const member = { meshId: stored.meshId, membership: Buffer.from(stored.membership, 'base64'), masters: addressesOf(stored.masters) }
    const membership = await openMembership(member.membership, member.meshId)

    return membership.peerId === peerId && isWanted(membership.expiresAt) ? member : undefined
  } catch (err: any) {
    throw new MeshmarkError(isMeshmarkError(err) ? err.code : 'failed', `${join(dir, FILE)} is damaged (${err.message}): remove it and join again`, { cause: err })
  }
}

/** A new membership; what is known of masters grows. */
export async function saveMembership (dir: MemberPlace, { meshId, membership, masters }: Member): Promise<void> {
  await inTurn(dir, async () => {
    await write(dir, { meshId, membership, masters: mergeMasters({ said: masters, known: typeof dir === 'string' ? await mastersIn(join(dir, FILE)) : dir.member?.masters ?? [] }) })
  })
}

/**
 * Keeps where the masters are, as the one says that was just reached: it comes
 * first. Returns what is known then, also when there is no membership to keep
 * it with.
 */
export async function rememberMasters (dir: MemberPlace, peerId: string, { id, reachedAt, addresses, masters }: Pick<Peer, 'id' | 'reachedAt' | 'addresses' | 'masters'>): Promise<string[]> {
  return inTurn(dir, async () => {
    const member = await loadMember(dir, peerId)
    const said = masters.length > 0 ? masters : addresses
    const known = mergeMasters({ reached: reachedAt == null ? undefined : withMaster(reachedAt, id), said, known: member?.masters ?? [] })

    if (member != null && known.join() !== member.masters.join()) {
      await write(dir, { ...member, masters: known })
    }

    return known
  })
}

async function write (dir: MemberPlace, { meshId, membership, masters }: Member): Promise<void> {
  if (typeof dir !== 'string') {
    dir.member = { meshId, membership, masters }
    return
  }

  await makeFolder(dir, 0o700)
  await writeFileAtomic(join(dir, FILE), Buffer.from(JSON.stringify({
    version: VERSION,
    meshId,
    membership: Buffer.from(membership).toString('base64'),
    masters
  })), 0o600)
}

async function inTurn<T> (dir: MemberPlace, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(dir) ?? Promise.resolve()).then(work)
  const settled = turn.then(() => {}, () => {}).finally(() => {
    if (turns.get(dir) === settled) {
      turns.delete(dir)
    }
  })

  turns.set(dir, settled)

  return turn
}

/** Whatever else is wrong with the file. */
async function mastersIn (path: string): Promise<string[]> {
  try {
    return addressesOf(JSON.parse(await readFile(path, 'utf8')).masters)
  } catch {
    return []
  }
}

function addressesOf (stored: unknown): string[] {
  return Array.isArray(stored) ? stored.filter(address => typeof address === 'string') : []
}

export async function forgetMember (dir: string): Promise<void> {
  await rm(join(dir, FILE), { force: true })
}

/** Meshes in which this machine has a membership for the role, the one used last first. */
export async function storedMeshes (dataRoot: string, role: Role): Promise<Array<{ meshId: string, masters: string[] }>> {
  const found: Array<{ meshId: string, masters: string[], usedMs: number }> = []

  for (const meshId of await readdir(dataRoot).catch(() => [])) {
    const path = join(dataRoot, meshId, role, '0', FILE)
    const info = await stat(path).catch(() => undefined)

    if (info != null) {
      // one that is damaged is named when it is used
      found.push({ meshId, masters: await mastersIn(path), usedMs: info.mtimeMs })
    }
  }

  return found.sort((a, b) => b.usedMs - a.usedMs)
}

import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runtimeDir } from '../store/folders.ts'
import { writeFileAtomic } from '../store/files.ts'

/** Join tokens, as text. Every master of the mesh that this user runs on this machine takes them. */
export interface LocalTokens {
  worker: string
  client: string
  admin: string
  master: string
}

/**
 * On one machine nobody types a token: each master leaves its address and
 * short-lived tokens in a 0600 file of its user's runtime directory. Whoever
 * can read that file could read the master's memory as well.
 */
export interface LocalMaster {
  meshId: string
  peerId: string
  /** Process of the master; a file of a dead one is stale. */
  pid: number
  startedAtMs: number
  addresses: string[]
  tokens: LocalTokens
}

/** All masters of one mesh that run on this machine as this user. */
export interface LocalMesh {
  meshId: string
  /** Of all of them, those of the master that started first come first. */
  addresses: string[]
  tokens: LocalTokens
  masters: LocalMaster[]
}

const VERSION = 2

function localPath (meshId: string, peerId: string): string {
  return join(runtimeDir(), `master-${meshId.slice(-16)}-${peerId.slice(-8)}.json`)
}

export async function writeLocalMaster (master: LocalMaster): Promise<void> {
  await writeFileAtomic(localPath(master.meshId, master.peerId), Buffer.from(JSON.stringify({ version: VERSION, ...master })), 0o600)
}

export async function removeLocalMaster (meshId: string, peerId: string): Promise<void> {
  await rm(localPath(meshId, peerId), { force: true })
}

/** After the end of a mesh: also what a master left that was killed. */
export async function removeLocalMesh (meshId: string): Promise<void> {
  const dir = runtimeDir()
  const names = (await readdir(dir)).filter(name => name.startsWith(`master-${meshId.slice(-16)}-`))

  await Promise.all(names.map(async name => rm(join(dir, name), { force: true })))
}

/** The meshes whose masters run on this machine as this user; stale files are passed over. */
export async function readLocalMeshes (): Promise<LocalMesh[]> {
  const dir = runtimeDir()
  const names = (await readdir(dir).catch(() => [])).filter(name => name.startsWith('master-') && name.endsWith('.json'))
  const masters: LocalMaster[] = []

  for (const name of names) {
    const master = parseLocalMaster(await readFile(join(dir, name), 'utf8').catch(() => ''))

    if (master != null && isAlive(master.pid)) {
      masters.push(master)
    }
  }

  return mergeLocalMasters(masters)
}

/** One entry for each mesh; the master that started first comes first. */
export function mergeLocalMasters (masters: readonly LocalMaster[]): LocalMesh[] {
  const meshes = new Map<string, LocalMesh>()

  for (const master of [...masters].sort((a, b) => a.startedAtMs - b.startedAtMs || (a.peerId < b.peerId ? -1 : 1))) {
    const mesh = meshes.get(master.meshId)

    if (mesh == null) {
      meshes.set(master.meshId, { meshId: master.meshId, addresses: [...master.addresses], tokens: master.tokens, masters: [master] })
    } else {
      mesh.addresses.push(...master.addresses)
      mesh.masters.push(master)
    }
  }

  return [...meshes.values()]
}

/** Same transport address, whatever peer id is appended to one of them. */
export function sameEndpoint (a: string, b: string): boolean {
  return endpoint(a) === endpoint(b)
}

function endpoint (address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '').replace(/^\/(ip4|dns4?)\/localhost\//, '/ip4/127.0.0.1/')
}

function parseLocalMaster (text: string): LocalMaster | undefined {
  try {
    const master = JSON.parse(text)

    return master.version === VERSION && typeof master.meshId === 'string' && typeof master.peerId === 'string' && Array.isArray(master.addresses) ? master : undefined
  } catch {
    return undefined
  }
}

function isAlive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (err: any) {
    return err.code === 'EPERM'
  }
}

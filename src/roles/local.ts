import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runtimeDir } from '../store/instance.ts'
import { writeFileAtomic } from '../store/files.ts'

/**
 * On one machine nobody types a token: the master leaves its address and
 * short-lived tokens in a 0600 file of its user's runtime directory. Whoever
 * can read that file could read the master's memory as well.
 */
export interface LocalMesh {
  meshId: string
  /** Process of the master; a file of a dead one is stale. */
  pid: number
  addresses: string[]
  /** Join tokens, as text. */
  tokens: { worker: string, client: string, admin: string }
}

const VERSION = 1

function localPath (meshId: string): string {
  return join(runtimeDir(), `master-${meshId.slice(-16)}.json`)
}

export async function writeLocalMesh (mesh: LocalMesh): Promise<void> {
  await writeFileAtomic(localPath(mesh.meshId), Buffer.from(JSON.stringify({ version: VERSION, ...mesh })), 0o600)
}

export async function removeLocalMesh (meshId: string): Promise<void> {
  await rm(localPath(meshId), { force: true })
}

/** The meshes whose master runs on this machine as this user; stale files are passed over. */
export async function readLocalMeshes (): Promise<LocalMesh[]> {
  const dir = runtimeDir()
  const names = (await readdir(dir).catch(() => [])).filter(name => name.startsWith('master-') && name.endsWith('.json'))
  const meshes: LocalMesh[] = []

  for (const name of names) {
    const mesh = parseLocalMesh(await readFile(join(dir, name), 'utf8').catch(() => ''))

    if (mesh != null && isAlive(mesh.pid)) {
      meshes.push(mesh)
    }
  }

  return meshes
}

function parseLocalMesh (text: string): LocalMesh | undefined {
  try {
    const mesh = JSON.parse(text)

    return mesh.version === VERSION && typeof mesh.meshId === 'string' && Array.isArray(mesh.addresses) ? mesh : undefined
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

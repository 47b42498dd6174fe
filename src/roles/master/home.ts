import { access, mkdir, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MeshmarkError } from '../../model/errors.ts'
import { encodeIdentity } from '../../node/identity.ts'
import { createMeshKey, meshIdOf, shortId } from '../../node/membership.ts'
import { writeFileAtomic } from '../../store/files.ts'
import { claimInstance, listInstances, listMeshes, tryInstance } from '../../store/instance.ts'
import type { Instance } from '../../store/instance.ts'
import type { JournalOptions } from '../../store/journal.ts'

/** `<data>/<mesh>/master/<instance>`, ours until its journal is closed. */
export interface Home extends Instance {
  meshId: string
}

export const MESH_KEY_FILE = 'mesh.key'
const MEMBERSHIP_FILE = 'membership.json'
const REMOVED_FILE = 'removed'

/** What a data folder knows of one instance of a master. */
export type HomeState =
  /** A failed attempt to join left it, or nothing is there. */
  | 'empty'
  /** It was admitted; the mesh key may still be missing. */
  | 'master'
  /** The mesh has put this one out: its identity is of no use any more. */
  | 'removed'

/**
 * The master of this data folder that does not run, the lowest first; undefined
 * when there is none. Rejects when they all run, and when it is not clear which
 * mesh is meant.
 */
export async function takeHome (root: string, meshId: string | undefined, options: JournalOptions = {}): Promise<Home | undefined> {
  const states = await readHomes(root, meshId)
  const meshes = [...new Set(states.map(({ meshId }) => meshId))]

  if (meshes.length > 1) {
    throw new MeshmarkError('usage', `${root} holds the masters of ${meshes.length} meshes (${meshes.map(mesh => mesh.slice(-8)).join(', ')}): name one data directory each with --data`)
  }

  const masters = states.filter(({ state }) => state === 'master')

  for (const { meshId, instance } of masters) {
    const home = await tryInstance(join(root, meshId, 'master'), instance, options)

    if (home != null) {
      return { ...home, meshId }
    }
  }

  return undefined
}

/** Why there was nothing to take although something is there: undefined when the folder is empty. */
export async function explainNoHome (root: string): Promise<MeshmarkError | undefined> {
  const states = await readHomes(root, undefined)
  const running = states.filter(({ state }) => state === 'master')
  const [removed] = states

  if (running.length > 0) {
    return new MeshmarkError('usage', `${running.length === 1 ? 'the master' : `each of the ${running.length} masters`} of mesh ${shortId(running[0]!.meshId)} in ${root} runs already: to have one more of them, name one with meshmark master --peer ADDRESS`)
  }

  if (removed != null) {
    return new MeshmarkError('refused', `the master in ${join(root, removed.meshId, 'master', String(removed.instance))} was removed from mesh ${shortId(removed.meshId)}: join again with meshmark master --token TOKEN@HOST, or remove ${join(root, removed.meshId)} to begin a mesh of its own`)
  }

  return undefined
}

/** A mesh of its own, which gets its key, and with it its id, first. */
export async function foundHome (root: string, options: JournalOptions = {}): Promise<Home> {
  const key = await createMeshKey()
  const meshId = meshIdOf(key)
  const masters = join(root, meshId, 'master')

  await mkdir(join(masters, '0'), { recursive: true, mode: 0o700 })
  await writeFileAtomic(join(masters, '0', MESH_KEY_FILE), encodeIdentity(key), 0o600)

  const home = await tryInstance(masters, 0, options)

  if (home == null) {
    throw new MeshmarkError('failed', `${masters} was taken by another process as it was made: start again`)
  }

  return { ...home, meshId }
}

/** An instance for one that is about to join; one that was put out keeps its folder. */
export async function newHome (root: string, meshId: string, options: JournalOptions = {}): Promise<Home> {
  const masters = join(root, meshId, 'master')

  for (const instance of await listInstances(masters)) {
    const home = await stateOf(join(masters, String(instance))) === 'empty' ? await tryInstance(masters, instance, options) : undefined

    if (home != null) {
      return { ...home, meshId }
    }
  }

  const next = (await listInstances(masters)).at(-1) ?? -1

  await mkdir(masters, { recursive: true, mode: 0o700 })

  return { ...await claimInstance(masters, { ...options, from: next + 1, max: next + 65 }), meshId }
}

/** After an attempt to join that came to nothing. Closes the journal. */
export async function leaveHome (home: Home): Promise<void> {
  await home.journal.close()

  if (await stateOf(home.dir) !== 'empty') {
    return
  }

  await rm(home.dir, { recursive: true, force: true })

  for (const above of [dirname(home.dir), dirname(dirname(home.dir))]) {
    // others may have something there
    await rmdir(above).catch(() => {})
  }
}

/** The mesh has put this master out: from now on nobody starts it by mistake. */
export async function markRemoved (dir: string, reason: string): Promise<void> {
  await writeFileAtomic(join(dir, REMOVED_FILE), `${reason}\n`, 0o600)
}

/** Why the mesh has put out the master that this folder belongs to; undefined when it has not. */
export async function removalOf (dir: string): Promise<string | undefined> {
  return readFile(join(dir, REMOVED_FILE), 'utf8').then(text => text.trim(), err => {
    if (err.code === 'ENOENT') {
      return undefined
    }

    throw err
  })
}

async function readHomes (root: string, meshId: string | undefined): Promise<Array<{ meshId: string, instance: number, state: HomeState }>> {
  const homes: Array<{ meshId: string, instance: number, state: HomeState }> = []

  for (const mesh of meshId == null ? await listMeshes(root, 'master') : [meshId]) {
    for (const instance of await listInstances(join(root, mesh, 'master'))) {
      const state = await stateOf(join(root, mesh, 'master', String(instance)))

      if (state !== 'empty') {
        homes.push({ meshId: mesh, instance, state })
      }
    }
  }

  return homes
}

async function stateOf (dir: string): Promise<HomeState> {
  const [removed, key, member] = await Promise.all([REMOVED_FILE, MESH_KEY_FILE, MEMBERSHIP_FILE].map(async name => access(join(dir, name)).then(() => true, () => false)))

  return removed === true ? 'removed' : key === true || member === true ? 'master' : 'empty'
}

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshmarkError } from '../model/errors.ts'
import { Journal, JournalLockedError } from './journal.ts'
import type { JournalOptions } from './journal.ts'

export interface ClaimOptions extends JournalOptions {
  /** Instances of one role on one machine. @default 64 */
  max?: number
  /** The first that may be taken. @default 0 */
  from?: number
}

export interface Instance {
  /** `<data>/<mesh>/<role>/<instance>`, ours until the journal is closed. */
  dir: string
  instance: number
  journal: Journal
}

/**
 * Takes the first instance of a role that no live process has. Its number is
 * claimed by opening its journal, so it is free again as soon as that process
 * ends, however it ends.
 *
 * @param root `<data>/<mesh>/<role>`
 */
export async function claimInstance (root: string, { max = 64, from = 0, ...options }: ClaimOptions = {}): Promise<Instance> {
  for (let instance = from; instance < max; instance++) {
    const claimed = await tryInstance(root, instance, options)

    if (claimed != null) {
      return claimed
    }
  }

  throw new MeshmarkError('failed', `all ${max} instances in ${root} are in use: stop one of them, or use another folder (MESHMARK_DATA)`)
}

/** One instance; undefined when a live process has it. */
export async function tryInstance (root: string, instance: number, options: JournalOptions = {}): Promise<Instance | undefined> {
  const dir = join(root, String(instance))

  try {
    return { dir, instance, journal: await Journal.open(join(dir, 'journal'), options) }
  } catch (err) {
    if (err instanceof JournalLockedError) {
      return undefined
    }

    throw err
  }
}

/** Numbers of the instances that are there, ascending. */
export async function listInstances (root: string): Promise<number[]> {
  const names = await readdir(root).catch(() => [])

  return names.filter(name => /^\d{1,4}$/.test(name)).map(Number).sort((a, b) => a - b)
}

/** Meshes of which this data folder holds something for the role. */
export async function listMeshes (root: string, role: string): Promise<string[]> {
  const names = await readdir(root).catch(err => {
    if (err.code === 'ENOENT') {
      return []
    }

    throw new MeshmarkError('failed', `the data folder ${root} cannot be read (${err.code}): choose another one with MESHMARK_DATA`, { cause: err })
  })
  const found = await Promise.all(names.map(async name => stat(join(root, name, role)).then(info => info.isDirectory(), () => false)))

  return names.filter((_, i) => found[i]).sort()
}

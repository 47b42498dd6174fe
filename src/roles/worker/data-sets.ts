import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DATA_FILE } from '../../model/data.ts'
import { toError } from '../../model/errors.ts'
import { BOX_DATA } from '../../sandbox/index.ts'
import { ensurePrivateDir } from '../../store/files.ts'
import type { DataSet } from '../../model/data.ts'
import type { PayloadManifest } from '../../model/payload.ts'
import type { BoxView } from '../../sandbox/index.ts'
import type { ContentStore } from '../../store/content.ts'

/**
 * Data sets as files and folders, made once of their payloads and shown,
 * read-only, to every box that needs them: no run, and no job, has a copy of
 * its own. What the store of payloads has let go is removed here, too.
 */
export class DataSets {
  readonly #dir: string
  readonly #content: ContentStore
  readonly #log: (line: string) => void
  readonly #made = new Map<string, Promise<void>>()
  /** By payload, how many executions show it to a box. */
  readonly #used = new Map<string, number>()

  /** @param dir - private; what an earlier life left in it is made anew */
  constructor (dir: string, content: ContentStore, log: (line: string) => void) {
    this.#dir = dir
    this.#content = content
    this.#log = log
  }

  /** To be called before anything else. */
  async clear (): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true })
    await ensurePrivateDir(this.#dir)
  }

  /** What a box must be shown; until `release` nothing of it goes. Rejects when a payload is not here. */
  async show (sets: readonly DataSet[]): Promise<{ views: BoxView[], release: () => Promise<void> }> {
    const ids = sets.map(({ payload }) => payload.id)
    const release = async (): Promise<void> => {
      ids.splice(0).forEach(id => { this.#used.set(id, (this.#used.get(id) ?? 1) - 1) })
      await this.#sweep()
    }

    ids.forEach(id => { this.#used.set(id, (this.#used.get(id) ?? 0) + 1) })

    try {
      for (const { payload } of sets) {
        await this.#make(payload)
      }
    } catch (err) {
      await release()
      throw err
    }

    return {
      views: sets.map(({ name, payload, file }) => ({
        from: file === true ? join(this.#path(payload.id), payload.files[0]?.path ?? DATA_FILE) : this.#path(payload.id),
        at: `${BOX_DATA}/${name}`
      })),
      release
    }
  }

  #path (id: string): string {
    return join(this.#dir, id)
  }

  async #make (manifest: PayloadManifest): Promise<void> {
    const { id } = manifest
    const making = this.#made.get(id) ?? this.#unpack(manifest)

    this.#made.set(id, making)

    try {
      await making
    } catch (err) {
      this.#made.delete(id)
      throw err
    }
  }

  async #unpack (manifest: PayloadManifest): Promise<void> {
    const partial = this.#path(`partial-${manifest.id}`)
    const source = await this.#content.open(manifest.id)

    try {
      await rm(partial, { recursive: true, force: true })
      await mkdir(partial, { mode: 0o755 })

      for (const { path, executable } of manifest.files) {
        await mkdir(dirname(join(partial, path)), { recursive: true, mode: 0o755 })

        const file = await open(join(partial, path), 'wx', executable ? 0o755 : 0o644)

        try {
          for await (const piece of source.readFile(path)) {
            await file.writeFile(piece)
          }

          // the program is somebody else, whatever this process hides by default
          await file.chmod(executable ? 0o755 : 0o644)
        } finally {
          await file.close()
        }
      }

      await showFolders(partial)
      await rename(partial, this.#path(manifest.id))
    } finally {
      await source.close()
      await rm(partial, { recursive: true, force: true })
    }
  }

  async #sweep (): Promise<void> {
    for (const id of [...this.#made.keys()]) {
      if ((this.#used.get(id) ?? 0) <= 0 && !await this.#content.has(id)) {
        this.#made.delete(id)
        this.#used.delete(id)
        await rm(this.#path(id), { recursive: true, force: true }).catch(err => { this.#log(`a data set that is needed no more is left: ${toError(err).message}`) })
      }
    }
  }
}

async function showFolders (folder: string): Promise<void> {
  const handle = await open(folder, 'r')

  try {
    await handle.chmod(0o755)
  } finally {
    await handle.close()
  }

  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      await showFolders(join(folder, entry.name))
    }
  }
}

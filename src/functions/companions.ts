import { stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toError, MeshmarkError } from '../model/errors.ts'
import { OWN_PREFIX } from './layout.ts'
import type { DraftFile } from '../roles/client/types.ts'
import type { Companions } from './types.ts'

const MODULE_NAME = /\.(js|mjs|cjs|json|wasm|node)$/

/**
 * The modules and files that go along, as files of the payload. Throws `usage`
 * for one that is not there, has a name that means nothing in a payload, or is
 * no module that every Node can import.
 */
export async function companionFiles (modules: Companions = {}, files: Companions = {}): Promise<DraftFile[]> {
  const typescript = Object.keys(modules).find(name => !MODULE_NAME.test(name))

  if (typescript != null) {
    throw new MeshmarkError('usage', `module '${typescript}' does not end in .js, .mjs, .cjs or .json: compile it first, and name what came out of it`)
  }

  return Promise.all([...Object.entries(modules), ...Object.entries(files)].map(async ([name, source]) => {
    const path = payloadName(name)

    if (typeof source === 'string' || source instanceof URL) {
      return { path, source: await fileOf(source, name) }
    }

    if (!(source instanceof Uint8Array)) {
      throw new MeshmarkError('usage', `'${name}' must be given as a path, a file: URL or bytes, not as a ${typeof source}`)
    }

    return { path, source }
  }))
}

/** `./lib/a.js` and `lib/a.js` are one. What is wrong with a path otherwise is said when it is packed. */
export function payloadName (name: string): string {
  const path = posix.normalize(name)

  if (path.startsWith(OWN_PREFIX)) {
    throw new MeshmarkError('usage', `'${name}' begins with ${OWN_PREFIX}, as the names of Meshmark's own files do: choose another name`)
  }

  return path
}

async function fileOf (source: string | URL, name: string): Promise<string> {
  try {
    const path = source instanceof URL ? fileURLToPath(source) : source

    if (!(await stat(path)).isFile()) {
      throw new Error(`${path} is no regular file`)
    }

    return path
  } catch (err) {
    throw new MeshmarkError('usage', `'${name}' cannot go along: ${toError(err).message}`, { cause: err })
  }
}

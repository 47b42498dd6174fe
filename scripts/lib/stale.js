import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Does node_modules differ from package-lock.json? npm leaves what it has
 * installed in node_modules/.package-lock.json, as the last step of an
 * installation, so an interrupted one counts as stale.
 */
export function dependenciesAreStale (root) {
  const wanted = packages(join(root, 'package-lock.json'))
  const installed = packages(join(root, 'node_modules', '.package-lock.json'))

  if (wanted == null || installed == null) {
    return true
  }

  for (const [path, entry] of Object.entries(wanted)) {
    // Optional packages of other platforms are never there.
    if (path !== '' && installed[path]?.version !== entry.version && (installed[path] != null || entry.optional !== true)) {
      return true
    }
  }

  return Object.keys(installed).some(path => wanted[path] == null)
}

function packages (file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

/** A fingerprint of everything that the build reads: names, sizes and times of the files. */
export function sourceFingerprint (root, inputs) {
  const hash = createHash('sha256')

  for (const input of inputs) {
    for (const file of walk(join(root, input))) {
      const { size, mtimeMs } = statSync(file)

      hash.update(`${file}\0${size}\0${mtimeMs}\n`)
    }
  }

  return hash.digest('hex')
}

/** Every file at or below a path, in a stable order. */
export function walk (path) {
  if (!existsSync(path)) {
    return []
  }

  if (!statSync(path).isDirectory()) {
    return [path]
  }

  return readdirSync(path).sort().flatMap(name => walk(join(path, name)))
}

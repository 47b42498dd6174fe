import { randomBytes } from 'node:crypto'
import { chmodSync, readdirSync, renameSync, rmdirSync, statSync, unlinkSync, utimesSync } from 'node:fs'
import type { Dirent } from 'node:fs'

/** A run can leave a million files; a box that takes longer than this to empty is not used again. */
export const WIPE_MS = 5_000

/** PATH_MAX is 4096; a folder deeper than this is moved up before it is entered. */
const DEEP_BYTES = 2_000

export class WipeError extends Error {}

/**
 * Empties a folder whose contents a hostile program made: folders without
 * permissions, names that are no UTF-8, depths beyond PATH_MAX. Links are
 * removed, never followed. Nothing else may run meanwhile. The folder itself
 * gets `mode` and new times, which would carry a message as well as a file.
 * Throws WipeError when something stays or the time is up.
 *
 * @param alive - called now and then
 */
export function wipe (folder: string, mode: number, alive: () => void = () => {}): void {
  const deadlineMs = Date.now() + WIPE_MS
  const root = Buffer.from(folder)
  // Depth first without recursion: a folder stays below what it contains, and
  // is removed when it comes up for the second time.
  const pending: { path: Buffer, listed: boolean }[] = [{ path: root, listed: false }]

  try {
    for (let top = pending.at(-1); top != null; top = pending.at(-1)) {
      if (top.listed) {
        pending.pop()

        if (pending.length > 0) {
          rmdirSync(top.path)
        }

        continue
      }

      top.listed = true

      for (const entry of list(top.path)) {
        const path = Buffer.concat([top.path, SLASH, entry.name])

        alive()

        if (Date.now() > deadlineMs) {
          throw new WipeError(`${folder} could not be emptied within ${WIPE_MS / 1000} s`)
        }

        if (!entry.isDirectory()) {
          unlinkSync(path)
        } else if (path.length > DEEP_BYTES) {
          const up = Buffer.concat([root, SLASH, Buffer.from(randomBytes(12).toString('hex'))])

          // Moving a folder writes its `..`.
          chmodSync(path, 0o700)
          renameSync(path, up)
          pending.splice(1, 0, { path: up, listed: false })
        } else {
          pending.push({ path, listed: false })
        }
      }
    }

    chmodSync(folder, mode)
    utimesSync(folder, 0, 0)
  } catch (err) {
    throw err instanceof WipeError ? err : new WipeError(`${folder} could not be emptied: ${(err as NodeJS.ErrnoException).code ?? String(err)}`)
  }
}

const SLASH = Buffer.from('/')

function list (path: Buffer): Dirent<Buffer>[] {
  // It is ours, but nobody says that we may list it and remove from it.
  if ((statSync(path).mode & 0o700) !== 0o700) {
    chmodSync(path, 0o700)
  }

  return readdirSync(path, { encoding: 'buffer', withFileTypes: true }) as unknown as Dirent<Buffer>[]
}

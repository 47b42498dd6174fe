import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { toError } from '../model/errors.ts'
import { printable } from '../model/text.ts'
import { BOX_UID, RUNNER_UID } from './layout.ts'

/** Gives a box two uids: RUNNER_UID is the worker, BOX_UID somebody who is nobody else. */
export interface UidMaps {
  /** For a process that has just got a user namespace of its own. Rejects when it cannot be done. */
  write (pid: number): Promise<void>
}

const WRITERS = { uid: 'newuidmap', gid: 'newgidmap' } as const

/** The maps of an ordinary user: written by two setuid programs, from the numbers that the administrator has given it. */
export class SubordinateMaps implements UidMaps {
  readonly #writers: { path: string, map: string[] }[]

  private constructor (writers: { path: string, map: string[] }[]) {
    this.#writers = writers
  }

  /** The maps, or in words why this user has none. */
  static async find (): Promise<SubordinateMaps | string> {
    const writers: { path: string, map: string[] }[] = []
    const { username, uid, gid } = userInfoOf()

    for (const kind of ['uid', 'gid'] as const) {
      const path = await inPath(WRITERS[kind])

      if (path == null) {
        return `${WRITERS[kind]} is not installed: type apt-get install uidmap, or what your system has in its place`
      }

      const second = subordinate(readTable(`/etc/sub${kind}`), username, uid)

      if (second == null) {
        return `user ${username} has no subordinate ${kind}s: type usermod --add-sub${kind}s 100000-165535 ${username}`
      }

      writers.push({ path, map: [RUNNER_UID, kind === 'uid' ? uid : gid, 1, BOX_UID, second, 1].map(String) })
    }

    return new SubordinateMaps(writers)
  }

  async write (pid: number): Promise<void> {
    for (const { path, map } of this.#writers) {
      try {
        await promisify(execFile)(path, [String(pid), ...map])
      } catch (err) {
        throw new Error(`${path} refused the map: ${printable((err as { stderr?: string }).stderr?.trim() ?? toError(err).message, 300)}`)
      }
    }
  }
}

/**
 * The first number that a table of subordinate ids gives a user.
 * subuid(5): name or number of the user, first id, count.
 */
export function subordinate (table: string, username: string, uid: number): number | undefined {
  for (const line of table.split('\n')) {
    const [owner, first, count] = line.split(':')

    if ((owner === username || owner === String(uid)) && /^\d+$/.test(first ?? '') && Number(count) > 0 && Number(first) > 0) {
      return Number(first)
    }
  }
}

function userInfoOf (): { username: string, uid: number, gid: number } {
  try {
    return userInfo()
  } catch {
    // Nobody's number has no name.
    return { username: String(process.getuid?.()), uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  }
}

function readTable (path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function inPath (name: string): Promise<string | undefined> {
  for (const folder of `${process.env['PATH'] ?? ''}:/usr/bin:/bin:/usr/local/bin`.split(':')) {
    const path = join(folder, name)

    if (folder.startsWith('/') && await access(path, constants.X_OK).then(() => true, () => false)) {
      return path
    }
  }
}

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { printable } from '../../model/text.ts'
import type { NotRun } from '../../model/result.ts'

export type Resolved = { ok: true, path: string } | { ok: false, notRun: NotRun }

/** Finds a bare name in the folders of PATH as a shell does: the first file with an execute bit. */
export function resolveName (name: string, pathFolders: string[]): Resolved {
  const shown = printable(name)
  let plain: string | undefined

  for (const folder of pathFolders) {
    // An empty entry of PATH means the working folder; a bare name is the worker's own program, so it is left out.
    const path = join(folder, name)
    const mode = folder.startsWith('/') ? modeOfFile(path) : undefined

    if (mode == null) {
      continue
    }

    if ((mode & 0o111) !== 0) {
      return { ok: true, path }
    }

    plain ??= path
  }

  if (plain != null) {
    return { ok: false, notRun: { code: 'not-executable', message: `${printable(plain)} on this worker is not executable: set it with chmod +x there` } }
  }

  return {
    ok: false,
    notRun: { code: 'not-found', message: `${shown} is not installed on this worker: install it there, or write ./${shown} to send your own file` }
  }
}

/** Undefined for what is no regular file or cannot be reached. */
function modeOfFile (path: string): number | undefined {
  try {
    const stat = statSync(path)

    return stat.isFile() ? stat.mode : undefined
  } catch {
    return undefined
  }
}

import { extname, normalize } from 'node:path'
import { open, stat } from 'node:fs/promises'
import { split } from 'shlex'
import { MeshmarkError } from '../../../model/errors.ts'
import { isPayloadPath } from '../../../model/payload.ts'
import type { Build } from '../../../model/build.ts'
import type { JobOptions } from './job-options.ts'

/** `--build` with its limits; undefined when nothing is to be built. Throws a usage error. */
export function buildOf ({ build, buildTimeout, buildMemory }: Pick<JobOptions, 'build' | 'buildTimeout' | 'buildMemory'>): Build | undefined {
  if (build == null) {
    const other = Object.entries({ '--build-timeout': buildTimeout, '--build-memory': buildMemory }).find(([, value]) => value != null)

    if (other != null) {
      throw new MeshmarkError('usage', `${other[0]} has a meaning only with --build: leave it out, or say what to build`)
    }

    return undefined
  }

  if (build.trim() === '') {
    throw new MeshmarkError('usage', '--build is empty: write a line for sh, e.g. --build \'cc -O2 -o app app.c\'')
  }

  return { line: build, limits: { ...(buildTimeout == null ? {} : { wallMs: buildTimeout }), ...(buildMemory == null ? {} : { memoryBytes: buildMemory }) } }
}

/** Words of a build's line that may name files it reads: paths inside the program's folder, without what `-o` names. */
export function sourcesOf (line: string): string[] {
  const words = wordsOf(line)

  return [...new Set(words.filter((word, index) => words[index - 1] !== '-o' && insideFolder(word) != null))]
}

/** As it is called inside the program's folder; undefined for what is outside of it. */
export function insideFolder (path: string): string | undefined {
  const name = normalize(path)

  return isPayloadPath(name) && !path.startsWith('/') && !path.startsWith('-') ? name : undefined
}

/** Is it here, and nothing that a build makes: a script, or a module that runs everywhere? */
export async function isReadyToRun (path: string): Promise<boolean> {
  if (!await stat(path).then(found => found.isFile() && found.size > 0, () => false)) {
    return false
  }

  const file = await open(path)

  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)

    return buffer.toString('latin1') === '#!' || SCRIPTS.has(extname(path))
  } finally {
    await file.close()
  }
}

const SCRIPTS = new Set(['.py', '.sh', '.bash', '.js', '.mjs', '.cjs', '.pl', '.rb', '.lua', '.R', '.r', '.php', '.wasm'])

function wordsOf (line: string): string[] {
  try {
    return split(line)
  } catch {
    return []
  }
}

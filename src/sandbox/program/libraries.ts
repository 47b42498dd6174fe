import { realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { architectureOf } from './architectures.ts'
import { readElf } from './elf.ts'
import { withFile } from './files.ts'
import { LoaderCache } from './loader-cache.ts'
import type { ElfFacts } from './elf.ts'

/** What the loader would stumble over. */
export type LibraryProblem =
  | { kind: 'missing', library: string, neededBy?: string }
  | { kind: 'version', library: string, version: string, newest?: string, neededBy?: string }

/** Beyond this many the rest is left to the loader; large desktop programs load some 250. */
const MAX_LIBRARIES = 512

interface Loaded { path: string, facts?: ElfFacts, neededBy?: string }

/**
 * Follows the libraries of a dynamically linked program as ld.so(8) does, and
 * returns the first thing that would stop it. `extra` is searched as
 * LD_LIBRARY_PATH is. A library that is there but cannot be read counts as there.
 */
export function findLibraryProblem (path: string, program: ElfFacts, extra: string[] = []): LibraryProblem | undefined {
  const musl = isMusl(program)
  const search = new Search(program, extra, musl)
  const loaded = new Map<string, Loaded>()
  const queue: Loaded[] = [{ path, facts: program }]

  for (let next = queue.shift(); next != null; next = queue.shift()) {
    const { facts } = next

    if (facts == null) {
      continue
    }

    for (const library of facts.needed) {
      if (loaded.has(library) || isLoaderItself(library, musl)) {
        continue
      }

      if (loaded.size >= MAX_LIBRARIES) {
        return undefined
      }

      const neededBy = next.facts === program ? undefined : next.path
      const found = search.find(library, next.path, facts)

      if (found == null) {
        return { kind: 'missing', library, neededBy }
      }

      const entry = { ...found, neededBy }

      loaded.set(library, entry)
      queue.push(entry)
    }

    const problem = musl ? undefined : versionProblem(next, program, loaded)

    if (problem != null) {
      return problem
    }
  }

  return undefined
}

export function isMusl (program: ElfFacts): boolean {
  return /\/ld-musl-[^/]*$/.test(program.interpreter ?? '')
}

/** Highest x.y among versions GLIBC_x.y, as text. */
export function highestGlibc (versions: string[]): string | undefined {
  return highest(versions.filter(version => version.startsWith('GLIBC_')))?.slice('GLIBC_'.length)
}

/** The highest of PREFIX_1.2.3; those without a number are left out. */
export function highest (versions: string[]): string | undefined {
  return versions.filter(version => /_\d+(\.\d+)*$/.test(version)).sort(compareVersions).at(-1)
}

function compareVersions (a: string, b: string): number {
  const numbers = (version: string): number[] => version.slice(version.lastIndexOf('_') + 1).split('.').map(Number)
  const [left, right] = [numbers(a), numbers(b)]

  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)

    if (difference !== 0) {
      return difference
    }
  }

  return 0
}

/** musl's loader is its C library, and it claims these names for itself (musl: ldso/dynlink.c, `reserved`). */
function isLoaderItself (library: string, musl: boolean): boolean {
  return musl
    ? /^lib(c|pthread|rt|m|dl|util|xnet)\./.test(library)
    : /^ld(-linux[^/]*|64)?\.so\.\d+$/.test(library)
}

/** Of several missing versions the highest is named: it is the one to install. A library without versions satisfies all. */
function versionProblem (user: Loaded, program: ElfFacts, loaded: Map<string, Loaded>): LibraryProblem | undefined {
  for (const { library, versions } of user.facts?.versionNeeds ?? []) {
    const defined = loaded.get(library)?.facts?.versionsDefined ?? []
    const missing = defined.length === 0 ? [] : versions.filter(version => !defined.includes(version))
    const version = highest(missing) ?? missing[0]

    if (version != null) {
      const prefix = version.slice(0, version.lastIndexOf('_') + 1)

      return {
        kind: 'version',
        library,
        version,
        newest: highest(defined.filter(other => other.startsWith(prefix))),
        neededBy: user.facts === program ? undefined : user.path
      }
    }
  }

  return undefined
}

/** ld.so(8): RPATH unless there is a RUNPATH, LD_LIBRARY_PATH, RUNPATH, the cache, the standard folders. */
class Search {
  private cache?: LoaderCache
  private readonly standard: string[]
  private readonly triplet: string

  constructor (private readonly program: ElfFacts, private readonly extra: string[], private readonly musl: boolean) {
    this.triplet = architectureOf(program)?.triplet ?? ''
    this.standard = musl
      ? ['/lib', '/usr/local/lib', '/usr/lib']
      : [
          ...(this.triplet === '' ? [] : [`/lib/${this.triplet}`, `/usr/lib/${this.triplet}`]),
          ...(program.class === 64 ? ['/lib64', '/usr/lib64'] : []),
          '/lib', '/usr/lib'
        ]
  }

  find (library: string, user: string, facts: ElfFacts): Loaded | undefined {
    if (library.includes('/')) {
      return this.first(this.expand(library, user))
    }

    const inFolders = (folders: string[]): string[] => folders.map(folder => join(folder, library))
    // The program's own RPATH serves its libraries too.
    const rpath = facts.runpath.length > 0 ? [] : [...facts.rpath, ...(this.program.runpath.length > 0 ? [] : this.program.rpath)]

    return this.first(inFolders(rpath.flatMap(folder => this.expand(folder, user)))) ??
      this.first(inFolders(this.extra)) ??
      this.first(inFolders(facts.runpath.flatMap(folder => this.expand(folder, user)))) ??
      this.first(this.musl ? [] : this.cached(library)) ??
      this.first(inFolders(this.standard))
  }

  private cached (library: string): string[] {
    this.cache ??= LoaderCache.read()

    return this.cache.find(library)
  }

  private expand (folder: string, user: string): string[] {
    const expanded = folder
      .replace(/\$(ORIGIN\b|\{ORIGIN\})/g, () => dirname(realPath(user)))
      .replace(/\$(PLATFORM\b|\{PLATFORM\})/g, () => this.triplet.split('-')[0] ?? '')
    const lib = /\$(LIB\b|\{LIB\})/g

    return lib.test(expanded)
      ? [`lib/${this.triplet}`, 'lib64', 'lib'].map(name => expanded.replace(lib, () => name))
      : [expanded]
  }

  /** The first that is a library of this machine; a foreign one of the same name is passed over, as the loader does. */
  private first (paths: string[]): Loaded | undefined {
    for (const path of paths) {
      try {
        const facts = withFile(path, file => tryReadElf(file.read))

        if (facts == null || (facts.machine === this.program.machine && facts.class === this.program.class)) {
          return { path, facts }
        }
      } catch {
        // Not here: on to the next folder.
      }
    }

    return undefined
  }
}

function tryReadElf (read: Parameters<typeof readElf>[0]): ElfFacts | undefined {
  try {
    return readElf(read)
  } catch {
    return undefined
  }
}

function realPath (path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

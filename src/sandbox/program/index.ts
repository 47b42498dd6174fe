import { printable } from '../../model/text.ts'
import { architectureNamed, architectureOf } from './architectures.ts'
import { ElfError, isElf, readElf, readElfHeader } from './elf.ts'
import { FileError, withFile } from './files.ts'
import { interpretersFor } from './interpreters.ts'
import { findLibraryProblem, highestGlibc, isMusl } from './libraries.ts'
import { resolveName } from './resolve.ts'
import { envWords, parseShebang, SHEBANG_BYTES } from './shebang.ts'
import type { NotRun } from '../../model/result.ts'
import type { ElfFacts, ElfHeader } from './elf.ts'
import type { OpenFile } from './files.ts'

export { resolveName } from './resolve.ts'

/** The machine, seen from inside the box. */
export interface ProgramRoot {
  /** Node's process.arch. */
  arch: string
  /** Folders of PATH. */
  path: string[]
  /** Folders that are searched for libraries as those of LD_LIBRARY_PATH are. */
  libraryPaths?: string[]
  /** What runs WebAssembly modules, with words of its own before the module's path; absent: nothing does. */
  wasm?: { path: string, argv: string[] }
  /** What messages call the program; by default its path. */
  title?: string
}

export type Inspected =
  /** Execute `path`. `argvPrefix` takes the place of argv[0]; empty = the program is executed itself, see argvOf. */
  | { ok: true, path: string, argvPrefix: string[] }
  | { ok: false, notRun: NotRun }

/** The arguments to execute it with, from those that the user gave. */
export function argvOf (inspected: { argvPrefix: string[] }, argv: string[]): string[] {
  return inspected.argvPrefix.length === 0 ? argv : [...inspected.argvPrefix, ...argv.slice(1)]
}

/** The kernel follows scripts whose interpreter is a script this far. */
const MAX_NESTING = 5

/** Enough for the kernel's view of `#!` plus one byte, which tells that a line goes on. */
const START_BYTES = SHEBANG_BYTES + 1

/**
 * Can this program be started here, and how? A name without a slash is looked
 * up in PATH. Scripts are run by their `#!` line, or else by the interpreter
 * that their extension names; the interpreter is called directly, so that no
 * `env` runs inside the clock. Whatever the file contains, it answers and does
 * not throw.
 */
export function inspectProgram (path: string, root: ProgramRoot): Inspected {
  return inspect(path, root, printable(root.title ?? path), 0)
}

function inspect (path: string, root: ProgramRoot, title: string, depth: number): Inspected {
  if (!path.includes('/')) {
    const resolved = resolveName(path, root.path)

    return resolved.ok ? inspect(resolved.path, root, title, depth) : resolved
  }

  if (depth >= MAX_NESTING) {
    return refuse('missing-interpreter', `${title} is a script whose interpreters are scripts, more than ${MAX_NESTING - 1} deep: name the last one in its first line`)
  }

  try {
    return withFile(path, file => inspectFile(path, file, root, title, depth))
  } catch (err) {
    return refuse(...fileProblem(err, title))
  }
}

function inspectFile (path: string, file: OpenFile, root: ProgramRoot, title: string, depth: number): Inspected {
  const start = file.read(0, START_BYTES)

  if (start.length === 0) {
    return refuse('empty-file', `${title} is empty: was it built?`)
  }

  if (isElf(start)) {
    const notRun = elfProblem(path, file, root, title)

    return notRun == null ? { ok: true, path, argvPrefix: [] } : { ok: false, notRun }
  }

  if (start.subarray(0, 4).toString('latin1') === '\0asm') {
    return root.wasm == null
      ? refuse('missing-interpreter', `${title} is a WebAssembly module, and there is nothing to run it`)
      : { ok: true, path: root.wasm.path, argvPrefix: [...root.wasm.argv, path] }
  }

  const foreign = foreignFormat(start)

  if (foreign != null) {
    return refuse('wrong-architecture', `${title} is ${foreign} and workers run Linux: send one built for Linux`)
  }

  return inspectScript(path, start, root, title, depth)
}

function inspectScript (path: string, start: Buffer, root: ProgramRoot, title: string, depth: number): Inspected {
  const shebang = parseShebang(start)

  if (shebang.kind === 'bad') {
    return refuse('missing-interpreter', {
      'too-long': `the first line of ${title} is longer than the ${SHEBANG_BYTES} bytes that Linux reads: shorten it`,
      'no-interpreter': `the first line of ${title} names no interpreter after #!: write e.g. #!/usr/bin/env python3`,
      'windows-line-ending': `${title} has Windows line endings, which end up in the name of its interpreter: convert it with dos2unix or sed -i 's/\\r$//'`
    }[shebang.problem])
  }

  if (shebang.kind === 'script') {
    const words = envWords(shebang.interpreter, shebang.argument)
    const [name, ...rest] = words ?? [shebang.interpreter, ...(shebang.argument == null ? [] : [shebang.argument])]

    return runBy([name ?? ''], rest, path, root, title, depth, `${title} asks for the interpreter`)
  }

  const names = interpretersFor(path)

  if (names != null) {
    return runBy(names, [], path, root, title, depth, `${title} needs the interpreter`)
  }

  return refuse('not-executable', `${title} is neither a program nor a script: add a first line such as #!/usr/bin/env python3`)
}

/** The first of these interpreters that is here, with the script as its argument. */
function runBy (names: string[], args: string[], script: string, root: ProgramRoot, title: string, depth: number, needs: string): Inspected {
  for (const name of names) {
    const found = inspect(name, root, printable(name), depth + 1)

    if (found.ok) {
      const words = found.argvPrefix.length === 0 ? [found.path] : found.argvPrefix

      return { ok: true, path: found.path, argvPrefix: [...words, ...args, script] }
    }

    if (found.notRun.code !== 'not-found') {
      return refuse('missing-interpreter', `${title} cannot be run by its interpreter: ${found.notRun.message}`)
    }
  }

  return refuse('missing-interpreter', `${needs} ${printable(names[0] ?? '')}, which this worker does not have: install it there or pick other workers with --where`)
}

function elfProblem (path: string, file: OpenFile, root: ProgramRoot, title: string): NotRun | undefined {
  try {
    return headerProblem(readElfHeader(file.read), root, title) ?? linkProblem(path, file, readElf(file.read), root, title)
  } catch (err) {
    if (err instanceof ElfError) {
      return { code: 'not-executable', message: `${title} is damaged: ${err.message}; build or copy it again` }
    }

    throw err
  }
}

function headerProblem (header: ElfHeader, root: ProgramRoot, title: string): NotRun | undefined {
  const mine = architectureNamed(root.arch)
  const its = architectureOf(header)

  // On a machine that the table does not know, the kernel decides.
  if (mine == null || its === mine) {
    return undefined
  }

  const what = its == null ? `a program for another processor (ELF machine ${header.machine}, ${header.class}-bit)` : `${its.article} ${its.name} program`
  const elsewhere = its?.arch == null || its.arch === 'ia32' ? '' : ` or pick workers with --where arch=${its.arch}`

  return { code: 'wrong-architecture', message: `${title} is ${what} and this worker is ${mine.name}: send one built for ${mine.name}${elsewhere}` }
}

function linkProblem (path: string, file: OpenFile, facts: ElfFacts, root: ProgramRoot, title: string): NotRun | undefined {
  if (facts.type !== 2 && facts.type !== 3) {
    const what = { 1: 'an object file', 4: 'a core dump' }[facts.type] ?? 'an ELF file of an unknown type'

    return { code: 'not-executable', message: `${title} is ${what}, not a program: ${facts.type === 1 ? 'link it first' : 'send the program itself'}` }
  }

  // Shared libraries have no loader of their own and no entry; static-pie programs have the latter.
  if (facts.type === 3 && facts.interpreter == null && facts.entry === 0) {
    return { code: 'not-executable', message: `${title} is a shared library, not a program: link a program against it` }
  }

  if (!file.executable) {
    return { code: 'not-executable', message: `${title} is not executable: set it with chmod +x` }
  }

  if (facts.interpreter == null) {
    return undefined
  }

  if (!isThere(facts.interpreter)) {
    const remedy = isMusl(facts) ? 'install musl there, build it against glibc or link it statically' : 'install it there or link it statically'

    return { code: 'missing-loader', message: `${title} needs the loader ${printable(facts.interpreter)}, which this worker does not have: ${remedy}` }
  }

  return libraryProblem(path, facts, root, title)
}

function libraryProblem (path: string, facts: ElfFacts, root: ProgramRoot, title: string): NotRun | undefined {
  const problem = findLibraryProblem(path, facts, root.libraryPaths)

  if (problem == null) {
    return undefined
  }

  const library = printable(problem.library)
  const who = problem.neededBy == null ? title : `${title} (through ${printable(problem.neededBy)})`

  if (problem.kind === 'missing') {
    return { code: 'missing-library', message: `${who} needs the library ${library}, which this worker does not have: install it there or link statically` }
  }

  const version = printable(problem.version)
  const glibc = highestGlibc([problem.version])
  const message = glibc != null && problem.newest != null
    ? `${who} needs glibc ${glibc}, this worker has ${problem.newest.slice('GLIBC_'.length)}: build it on an older system or link statically`
    : `${who} needs version ${version} of the library ${library}, this worker's ${problem.newest == null ? 'does not have it' : `goes up to ${printable(problem.newest)}`}: build it on an older system or link statically`

  return { code: 'missing-library', message }
}

function isThere (path: string): boolean {
  try {
    return withFile(path, () => true)
  } catch {
    return false
  }
}

/** Formats of other systems that people send by mistake. */
function foreignFormat (start: Buffer): string | undefined {
  if (start.subarray(0, 2).toString('latin1') === 'MZ') {
    return 'a Windows program'
  }

  const magic = start.length < 4 ? 0 : start.readUInt32LE(0)

  return magic === 0xfeedface || magic === 0xfeedfacf ? 'a macOS program' : undefined
}

function fileProblem (err: unknown, title: string): [NotRun['code'], string] {
  if (!(err instanceof FileError)) {
    return ['internal', `${title} could not be inspected: ${printable(String(err))}`]
  }

  switch (err.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return ['not-found', `${title} does not exist on this worker: check the path`]
    case 'EACCES':
    case 'EPERM':
      return ['not-executable', `${title} cannot be read by the sandbox: make it readable for all with chmod a+rx`]
    case 'folder':
      return ['not-executable', `${title} is a folder: name the program in it`]
    case 'special':
    case 'ENXIO':
      return ['not-executable', `${title} is not a regular file: send a program or a script`]
    default:
      return ['not-executable', `${title} cannot be opened: ${err.code}`]
  }
}

function refuse (code: NotRun['code'], message: string): Inspected {
  return { ok: false, notRun: { code, message } }
}

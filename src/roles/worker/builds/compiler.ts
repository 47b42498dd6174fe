import { split } from 'shlex'
import { TOOLS } from '../../../machine/tools.ts'

/** A program that may be asked for its version. */
export interface Compiler {
  /** A bare name, or a path of the worker. */
  program: string
  ask: readonly string[]
}

/** What calls a compiler rather than being one. */
const DRIVERS = new Set(['make', 'gmake', 'cmake', 'ninja', 'meson', 'sh', 'bash', 'dash', 'env', 'cd', 'set', 'export', 'mkdir', 'cp', 'mv', 'test', '[', 'exec', 'time', 'nice', 'echo', 'true', '.'])

/**
 * The compiler of a build's line: the program that it begins with, behind
 * variables that are set for it; where that only calls a compiler, what `CC`
 * says, or cc. Undefined for a line that no shell would take.
 */
export function compilerOf (line: string, env: Readonly<Record<string, string>>): Compiler | undefined {
  const words = wordsOf(line)
  const set = words.findIndex(word => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(word))
  const first = words[set]

  if (first == null) {
    return undefined
  }

  const isOwn = first.includes('/') ? first.startsWith('/') : /^[\w.+-]+$/.test(first) && !DRIVERS.has(first)
  const chosen = [...words.slice(0, set), `CC=${env['CC'] ?? 'cc'}`].find(word => word.startsWith('CC='))?.slice('CC='.length).split(' ')[0]
  const program = isOwn ? first : chosen != null && /^[\w./+-]+$/.test(chosen) && (chosen.startsWith('/') || !chosen.includes('/')) ? chosen : 'cc'

  return { program, ask: askOf(program) }
}

function askOf (program: string): readonly string[] {
  const name = program.slice(program.lastIndexOf('/') + 1)
  const tool = name === 'javac' ? { ask: ['-version'] } : Object.values(TOOLS).find(({ programs }) => programs.includes(name))

  return tool?.ask ?? ['--version']
}

function wordsOf (line: string): string[] {
  try {
    return split(line)
  } catch {
    return []
  }
}

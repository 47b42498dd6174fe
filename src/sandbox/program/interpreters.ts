import { extname } from 'node:path'

/** Extension of a script without a `#!` line -> programs that run it, the preferred one first. */
const INTERPRETERS: Record<string, string[]> = {
  '.py': ['python3', 'python'],
  '.sh': ['sh'],
  '.bash': ['bash'],
  '.js': ['node'],
  '.mjs': ['node'],
  '.cjs': ['node'],
  '.pl': ['perl'],
  '.rb': ['ruby'],
  '.lua': ['lua', 'lua5.4', 'lua5.3', 'luajit'],
  '.R': ['Rscript'],
  '.r': ['Rscript'],
  '.php': ['php']
}

/** Undefined when the extension names none. */
export function interpretersFor (path: string): string[] | undefined {
  const extension = extname(path)

  return Object.hasOwn(INTERPRETERS, extension) ? INTERPRETERS[extension] : undefined
}

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inPath } from '../../scripts/lib/packages.js'

const SOURCES = join(import.meta.dirname, '../programs')

/**
 * The programs that both tools run. `files` are needed beside it; `needs` are
 * programs of the machine. A word that begins with ./ is a file of ours.
 */
const PROGRAMS = [
  { name: 'true', words: ['true'] },
  { name: 'spin', words: ['./spin', '25000000'] },
  { name: 'nbody', words: ['./nbody', '500000'] },
  { name: 'fannkuch', words: ['./fannkuch', '9'] },
  { name: 'xz', words: ['xz', '-6', '-k', '-c', 'text'], files: ['text'] },
  { name: 'openssl', words: ['openssl', 'dgst', '-sha256', 'blob'], files: ['blob'] },
  { name: 'sqlite3', words: ['sqlite3', ':memory:', '.read sort.sql'], files: ['sort.sql'] },
  { name: 'python3', words: ['python3', '-c', 'pass'] },
  { name: 'fannkuch.py', words: ['python3', 'fannkuch.py', '8'], files: ['fannkuch.py'] },
  { name: 'spectralnorm.py', words: ['python3', 'spectralnorm.py', '100'], files: ['spectralnorm.py'] }
]

export const PROGRAM_NAMES = PROGRAMS.map(({ name }) => name)

/** Puts everything into `folder`, files also into its `origin`; each program that cannot be had here comes with the reason in `missing`. */
export function prepare (folder, names) {
  mkdirSync(join(folder, 'origin'))

  return PROGRAMS.filter(({ name }) => names.includes(name)).map(program => ({ ...program, missing: make(program, folder) }))
}

function make ({ words: [command], files = [] }, folder) {
  for (const file of files) {
    writeFileSync(join(folder, 'origin', file), content(file))
    copyFileSync(join(folder, 'origin', file), join(folder, file))
  }

  if (!command.startsWith('./')) {
    return inPath(command) ? undefined : `${command} is not installed`
  }

  const compiler = ['cc', 'gcc', 'clang'].find(name => inPath(name))

  if (compiler == null) {
    return 'there is no C compiler'
  }

  execFileSync(compiler, ['-O2', '-o', join(folder, command), join(SOURCES, `${command}.c`), '-lm'])
}

function content (file) {
  switch (file) {
    case 'text':
      return Buffer.from(noise(96 * 1024).toString('base64').replaceAll('A', ' the quick brown fox '))
    case 'blob':
      return noise(20 * 1024 * 1024)
    default:
      return readFileSync(join(SOURCES, file))
  }
}

/** Bytes without a pattern, the same on every machine. */
function noise (bytes) {
  return createHash('shake256', { outputLength: bytes }).update('meshmark').digest()
}

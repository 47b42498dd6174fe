import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inPath } from '../../scripts/lib/packages.js'
import { fail } from '../../scripts/lib/process.js'

const PROGRAMS = join(import.meta.dirname, '../programs')

/** Compiles a program of bench/programs into `folder`; returns its path. */
export function compile (name, folder) {
  const compiler = ['gcc', 'cc', 'clang'].find(name => inPath(name)) ?? fail('bench: there is no C compiler: type apt-get install gcc')
  const path = join(folder, name)

  execFileSync(compiler, ['-O2', '-o', path, join(PROGRAMS, `${name}.c`)])

  return path
}

/** A process of programs/spawn-loop.c, for one program. */
export class SpawnLoop {
  #child
  #lines
  #ended

  constructor ({ loop, output, words, cwd, env }) {
    this.#child = spawn(loop, [output, ...words], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
    this.#ended = once(this.#child, 'exit')
    // One that has ended is noticed by what it does not answer.
    this.#child.stdin.on('error', () => {})
  }

  /** Nanoseconds of every run. */
  async run (runs) {
    const walls = []

    this.#child.stdin.write(`${runs}\n`)

    for (;;) {
      const { value, done } = await this.#lines.next()

      if (done) {
        throw new Error('the loop of posix_spawn ended')
      }

      if (value === '') {
        return walls
      }

      walls.push(Number(value))
    }
  }

  async stop () {
    this.#child.stdin.end()
    await this.#ended
  }
}

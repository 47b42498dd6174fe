import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execute, measure, named, own, runs, sh } from '../sandbox/host.ts'
import type { Command, JobKind } from '../../src/model/job.ts'
import type { TestTask } from '../sandbox/host.ts'
import type { Attack } from './attack.ts'

/** Without one, programs in C are left out: the others are for machines like that. */
export const hasCompiler = spawnSync('gcc', ['--version']).status === 0

const compiled = new Map<string, { base64: string }>()

/** Without the C library, to be as early as can be. */
const OPTIONS: Record<string, string[]> = { outrun: ['-static', '-nostdlib', '-fno-stack-protector'], preloaded: ['-shared', '-fPIC'] }

/** A file of programs/, as part of a payload. */
export function compile (name: string): { base64: string } {
  let program = compiled.get(name)

  if (program == null) {
    const folder = mkdtempSync(join(tmpdir(), 'meshmark-hostile-'))

    try {
      const { status, stderr } = spawnSync('gcc', ['-O1', '-Wall', '-Wextra', ...OPTIONS[name] ?? ['-pthread'], '-o', join(folder, name), fileURLToPath(new URL(`programs/${name}.c`, import.meta.url))], { encoding: 'utf8' })

      if (status !== 0) {
        throw new Error(`${name}.c: ${stderr}`)
      }

      program = { base64: readFileSync(join(folder, name)).toString('base64') }
      compiled.set(name, program)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  return program
}

export function canRun ({ program, libraries }: Attack): boolean {
  return hasCompiler || (!('c' in program) && libraries == null)
}

/** A limit for programs that nothing else ends. */
const WALL_MS = 20_000

export function taskOf (attack: Attack, kind: JobKind): TestTask {
  const { program, files, limits, env, stdin } = attack
  const base = kind === 'exec' ? execute([]) : measure([], { plan: runs(attack.runs ?? 1) })

  return {
    ...base,
    commands: [commandOf(program)],
    files: { ...files, ...('c' in program ? { [program.c]: compile(program.c) } : {}), ...Object.fromEntries((attack.libraries ?? []).map(name => [`${name}.so`, compile(name)])) },
    limits: { wallMs: WALL_MS, ...limits },
    ...(env == null ? {} : { env }),
    ...(stdin == null ? {} : { stdin })
  }
}

function commandOf (program: Attack['program']): Command {
  if ('c' in program) {
    return own(program.c, ...program.words.map(String))
  }

  if ('own' in program) {
    return own(program.own, ...program.words ?? [])
  }

  return named('sh' in program ? sh(program.sh) : 'python' in program ? ['python3', '-c', program.python] : ['node', '-e', program.node])
}

import { statSync } from 'node:fs'
import { argvOf, inspectProgram, resolveName } from '../program/index.ts'
import { BOX, BOX_USER, boxPath } from '../layout.ts'
import { digestOf } from './working-copy.ts'
import type { Command } from '../../model/job.ts'
import type { NotRun } from '../../model/result.ts'

/** The worker's own Node, with a host of ours. */
const WASM = { path: process.execPath, argv: ['node', '--no-warnings', BOX.wasmHost] }

/** A program that can be started. */
export interface Runnable {
  path: string
  argv: string[]
  env: Record<string, string>
  /** The file that the user named, not its interpreter. */
  program: { path: string, digest: string }
}

/** What every program finds in its environment; the job's own variables are added and win. */
export function baseEnvironment (): Record<string, string> {
  return { PATH: boxPath(process.execPath), HOME: BOX.tmp, TMPDIR: BOX.tmp, LANG: 'C.UTF-8', USER: BOX_USER, LOGNAME: BOX_USER }
}

/** What was found out about a program's file. */
interface Looked {
  named: string
  path: string
  /** Of the file at that time; undefined for what every execution has a fresh copy of. */
  identity: string | undefined
  inspected: Extract<ReturnType<typeof inspectProgram>, { ok: true }>
  digest: string
}

/** Finds the programs of commands inside the box, and looks at each file once for all executions of a job. */
export class Programs {
  readonly #looked = new Map<string, Looked>()

  /** @param alive - called now and then while that takes long */
  find (command: Command, env: Record<string, string>, alive: () => void): { ok: true, runnable: Runnable } | { ok: false, notRun: NotRun } {
    const key = JSON.stringify([command.program, env['LD_LIBRARY_PATH']])
    const known = this.#looked.get(key)
    const looked = known != null && known.identity === identityOf(command, known.path) ? known : look(command, env, alive)

    if ('notRun' in looked) {
      return looked
    }

    this.#looked.set(key, looked)

    const { named, path, inspected, digest } = looked

    return {
      ok: true,
      runnable: {
        path: inspected.path,
        argv: argvOf(inspected, command.program.kind === 'payload' ? [named, ...command.argv.slice(1)] : command.argv),
        env,
        program: { path, digest }
      }
    }
  }
}

function look (command: Command, env: Record<string, string>, alive: () => void): Looked | { ok: false, notRun: NotRun } {
  // The folders of the box, never those of the job's PATH.
  const folders = boxPath(process.execPath).split(':')
  const named = nameOf(command)
  const resolved = named.includes('/') ? { ok: true as const, path: named } : resolveName(named, folders)

  if (!resolved.ok) {
    return resolved
  }

  const { path } = resolved
  const identity = identityOf(command, path)
  const libraryPaths = env['LD_LIBRARY_PATH']?.split(':').filter(folder => folder !== '')
  const inspected = inspectProgram(path, { arch: process.arch, path: folders, title: titleOf(command), wasm: WASM, ...(libraryPaths == null ? {} : { libraryPaths }) })

  return inspected.ok ? { named, path, identity, inspected, digest: digestOf(path, alive) } : inspected
}

/** Changes with the file; undefined for what the payload brought, which nobody can change. */
function identityOf ({ program }: Command, path: string): string | undefined {
  if (program.kind === 'payload') {
    return undefined
  }

  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true, throwIfNoEntry: false }) ?? {}

  return [dev, ino, size, mtimeNs, ctimeNs].join()
}

function nameOf ({ program }: Command): string {
  switch (program.kind) {
    case 'payload':
      return `./${program.path}`
    case 'name':
      return program.name
    case 'worker':
      return program.path
  }
}

function titleOf ({ program }: Command): string {
  return program.kind === 'payload' ? program.path : nameOf({ program, argv: [] })
}

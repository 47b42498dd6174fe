import { argvOf, inspectProgram, resolveName } from '../program/index.ts'
import { BOX, BOX_USER, boxPath } from '../layout.ts'
import { digestOf } from './working-copy.ts'
import type { Command } from '../../model/job.ts'
import type { NotRun } from '../../model/result.ts'

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

/**
 * Finds a command's program inside the box.
 *
 * @param alive - called now and then while that takes long
 */
export function findProgram (command: Command, env: Record<string, string>, alive: () => void): { ok: true, runnable: Runnable } | { ok: false, notRun: NotRun } {
  // The folders of the box, never those of the job's PATH.
  const folders = boxPath(process.execPath).split(':')
  const named = nameOf(command)
  const resolved = named.includes('/') ? { ok: true as const, path: named } : resolveName(named, folders)

  if (!resolved.ok) {
    return resolved
  }

  const { path } = resolved
  const libraryPaths = env['LD_LIBRARY_PATH']?.split(':').filter(folder => folder !== '')
  const inspected = inspectProgram(path, { arch: process.arch, path: folders, title: titleOf(command), ...(libraryPaths == null ? {} : { libraryPaths }) })

  if (!inspected.ok) {
    return inspected
  }

  return {
    ok: true,
    runnable: {
      path: inspected.path,
      argv: argvOf(inspected, command.program.kind === 'payload' ? [named, ...command.argv.slice(1)] : command.argv),
      env,
      program: { path, digest: digestOf(path, alive) }
    }
  }
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

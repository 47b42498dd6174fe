import { closeSync, readdirSync, readFileSync } from 'node:fs'
import { hasProc } from './facts.ts'
import { makeImage } from './image.ts'
import { killRest } from './reap.ts'
import { SpawnError } from './launch.ts'
import { POLLIN, WNOHANG } from '../native/libc.ts'
import type { Image } from './image.ts'
import type { Launcher } from './launch.ts'

const SETSID = '/usr/bin/setsid'

/**
 * Largest resident set of a program, in bytes: of its largest process, not the
 * sum over a tree. This executes the program once more, untimed.
 *
 * ru_maxrss of a direct child is never below the runner's own, since exec keeps
 * the high-water mark of the memory it replaces. `setsid -f` forks from its own
 * small memory and exits; the program then becomes a child of PID 1, that is of
 * the runner, and its mark is its own.
 *
 * @returns undefined when the program did not end well within `wallMs`
 */
export function adoptedMaxRss (launcher: Launcher, program: { path: string, argv: string[], env: Record<string, string> }, wallMs: number): number | undefined {
  let image: Image
  let pid: number | undefined

  try {
    // -f: always fork. The program sees its path as argv[0]; setsid has no say in that.
    image = makeImage(launcher.libc, SETSID, ['setsid', '-f', program.path, ...program.argv.slice(1)], program.env)

    const setsid = launcher.spawn(image)

    // Inherited by the program.
    launcher.limitChild(setsid)

    // It does what the job's environment tells its loader.
    if (!waitFor(launcher, setsid, wallMs)) {
      killRest(launcher)
      return undefined
    }

    pid = hasProc() ? firstOrphan() : setsid + 1
  } catch (err) {
    if (err instanceof SpawnError) {
      return undefined
    }

    throw err
  }

  const ended = pid != null && waitFor(launcher, pid, wallMs)
  const { maxRssKiB } = ended ? launcher.rusage() : { maxRssKiB: 0 }
  const succeeded = ended && launcher.status() === 0
  const rest = killRest(launcher)

  return succeeded ? Math.max(maxRssKiB, rest.rusage.maxRssKiB) * 1024 : undefined
}

/** Only programs are in the box beside the runner, and the oldest of its children is the one that setsid started. */
function firstOrphan (): number | undefined {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && name !== '1')
    .map(Number)
    .sort((a, b) => a - b)
    .find(pid => parentOf(pid) === 1)
}

function parentOf (pid: number): number | undefined {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return undefined
  }
}

function waitFor (launcher: Launcher, pid: number, wallMs: number): boolean {
  const already = launcher.wait(pid, WNOHANG)

  // -1: not a child of ours. Without a /proc, its number is a guess: the next one after its parent's, since nobody else makes processes.
  if (already !== 0) {
    return already === pid
  }

  const pidfd = launcher.pidfd(pid)
  const entry = Buffer.alloc(8)

  entry.writeInt32LE(pidfd, 0)
  entry.writeInt16LE(POLLIN, 4)
  launcher.libc.poll(entry, 1, wallMs)
  closeSync(pidfd)

  return launcher.wait(pid, WNOHANG) === pid
}

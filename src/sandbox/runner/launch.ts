import { closeSync, openSync } from 'node:fs'
import {
  O_CLOEXEC, OPAQUE_BYTES, POSIX_SPAWN_SETPGROUP, POSIX_SPAWN_SETSIGDEF, POSIX_SPAWN_SETSIGMASK, readRusage, RLIMIT, rlimitBuffer,
  RUSAGE_BYTES, SIGSET_BYTES, SYS, WALL
} from '../native/libc.ts'
import { check } from './boot.ts'
import type { Limits } from '../../model/limits.ts'
import type { Libc, Rusage } from '../native/libc.ts'
import type { RunnerUse } from '../protocol.ts'
import type { Identity } from './identity.ts'
import type { Image } from './image.ts'

/** Fixed places for a program's descriptors, so that the file actions are made once. High enough to be nobody else's. */
const STDIO_BASE = 100

/** Several times what the runner may still need of the memory that RLIMIT_DATA counts. */
const RUNNER_DATA_BYTES = 256 * 1024 * 1024

/** Room for the control group to be who says no. */
const SPARE_PROCESSES = 64

/** errno of posix_spawn, when it is not 0. */
export class SpawnError extends Error {
  constructor (readonly errno: number) {
    super(`posix_spawn failed with errno ${errno}`)
  }
}

interface Lent { resource: number, low: Buffer, high: Buffer }
interface ChildLimit { resource: number, value: Buffer }

/** Starts programs and waits for them, with every buffer allocated beforehand. */
export class Launcher {
  readonly libc: Libc
  readonly #attributes = Buffer.alloc(OPAQUE_BYTES)
  readonly #actions = Buffer.alloc(OPAQUE_BYTES)
  readonly #pid = Buffer.alloc(8)
  readonly #status = Buffer.alloc(8)
  readonly #rusage = Buffer.alloc(RUSAGE_BYTES)
  readonly identity: Identity
  #childLimits: ChildLimit[] = []
  #lent: Lent[] = []
  #armed = false
  /** Of the fixed places, those in use. */
  readonly #held = new Set<number>()

  constructor (libc: Libc, identity: Identity) {
    this.libc = libc
    this.identity = identity

    const signals = Buffer.alloc(SIGSET_BYTES)

    libc.posix_spawnattr_init(this.#attributes)
    // A group of its own, as a shell gives it. Not a session: that would make a scheduling group too, on the clock.
    libc.posix_spawnattr_setflags(this.#attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
    // The runner ignores all signals and an ignored signal stays ignored through exec.
    libc.sigfillset(signals)
    libc.posix_spawnattr_setsigdefault(this.#attributes, signals)
    libc.sigemptyset(signals)
    libc.posix_spawnattr_setsigmask(this.#attributes, signals)

    libc.posix_spawn_file_actions_init(this.#actions)

    for (let fd = 0; fd <= 2; fd++) {
      libc.posix_spawn_file_actions_adddup2(this.#actions, STDIO_BASE + fd, fd)
    }
  }

  /** What the next program finds as its descriptor `target`; `fd` itself may be closed afterwards. */
  setStdio (target: 0 | 1 | 2, fd: number): void {
    check(this.libc, 'dup3', this.libc.dup3(fd, STDIO_BASE + target, O_CLOEXEC))
    this.#held.add(STDIO_BASE + target)
  }

  /** What was handed over last is held by nobody here any more. */
  closeStdio (): void {
    this.#held.forEach(fd => { closeSync(fd) })
    this.#held.clear()
  }

  /** An empty standard input. */
  setNoStdin (): void {
    const fd = openSync('/dev/null', 'r')

    this.setStdio(0, fd)
    closeSync(fd)
  }

  /**
   * Limits of a job. Those that the runner can live with are set on itself
   * once and inherited; the others are set on each program right after its
   * start. A program that forks faster than that escapes them: to what is
   * inherited, and to the watch over all processes of a run (tree.ts), which is
   * all that holds for its CPU time. RLIMIT_CPU would end the runner.
   *
   * @param own - threads of the runner count as processes of its user, the one that starts programs even as theirs;
   *   its memory is 40 MB with Node 20, but a gigabyte with Node 24, which reserves more than it uses
   * @param largestFile - that the runner itself must write
   * @param bounds - what a control group bounds better: all processes together, each time with a count of what was refused
   */
  setLimits (limits: Limits, { threads, dataBytes: ownDataBytes }: RunnerUse, largestFile: number, bounds: { memory: boolean, processes: boolean }): void {
    // Of the program's user only the thread that starts it is another, and only while it does.
    const counted = this.identity.twoUids ? 1 : threads
    const cpuSeconds = Math.ceil((limits.cpuMs ?? 0) / 1000)
    const processes = limits.processes + (bounds.processes ? SPARE_PROCESSES : 0)
    const dataBytes = Math.max(limits.memoryBytes, ownDataBytes + RUNNER_DATA_BYTES)
    const own: [number, number, number][] = [
      [RLIMIT.CORE, 0, 0],
      [RLIMIT.MSGQUEUE, 0, 0],
      [RLIMIT.MEMLOCK, 65_536, 65_536],
      [RLIMIT.SIGPENDING, 1024, 1024],
      [RLIMIT.NPROC, processes + counted, processes + counted],
      [RLIMIT.NOFILE, Math.max(limits.openFiles, 256), Math.max(limits.openFiles, 256)],
      [RLIMIT.FSIZE, Math.max(limits.fileBytes, largestFile), Math.max(limits.fileBytes, largestFile)],
      ...(bounds.memory ? [] : [[RLIMIT.DATA, dataBytes, dataBytes] as [number, number, number]]),
      // The soft one places mmap_base: the usual value, on every machine.
      [RLIMIT.STACK, 8 * 1024 * 1024, Math.max(limits.memoryBytes, 8 * 1024 * 1024)]
    ]

    for (const [resource, soft, hard] of own) {
      check(this.libc, `setrlimit ${resource}`, this.#lower(resource, soft, hard))
    }

    this.#childLimits = [
      ...(bounds.memory ? [] : [{ resource: RLIMIT.DATA, value: rlimitBuffer(limits.memoryBytes, limits.memoryBytes) }]),
      { resource: RLIMIT.NOFILE, value: rlimitBuffer(limits.openFiles, limits.openFiles) },
      { resource: RLIMIT.FSIZE, value: rlimitBuffer(limits.fileBytes, limits.fileBytes) },
      ...(this.identity.twoUids ? [{ resource: RLIMIT.NPROC, value: rlimitBuffer(processes, processes) }] : [])
    ]

    this.#lent = [this.#lend(RLIMIT.NOFILE, limits.openFiles), this.#lend(RLIMIT.FSIZE, limits.fileBytes)]

    if (cpuSeconds > 0) {
      this.#childLimits.push({ resource: RLIMIT.CPU, value: rlimitBuffer(cpuSeconds, cpuSeconds + 1) })
    }
  }

  /** Right before the clock is read: what `spawn` would otherwise do first. */
  arm (): void {
    for (const { resource, low } of this.#lent) {
      this.libc.prlimit(0, resource, low, null)
    }

    this.identity.becomeProgram()
    this.#armed = true
  }

  /** Returns the program's pid; it has been executed by then. Throws SpawnError. */
  spawn (image: Image): number {
    if (!this.#armed) {
      this.arm()
    }

    const errno = this.libc.posix_spawn(this.#pid, image.path, this.#actions, this.#attributes, image.argv, image.envp)

    this.#armed = false
    this.identity.becomeRunner()

    for (const { resource, high } of this.#lent) {
      this.libc.prlimit(0, resource, high, null)
    }

    if (errno !== 0) {
      throw new SpawnError(errno)
    }

    return this.#pid.readInt32LE(0)
  }

  limitChild (pid: number): void {
    for (const { resource, value } of this.#childLimits) {
      this.libc.prlimit(pid, resource, value, null)
    }
  }

  /** A descriptor that becomes readable when the process ends. */
  pidfd (pid: number): number {
    return check(this.libc, 'pidfd_open', this.libc.syscall(SYS.pidfd_open, pid, 0, 0, 0))
  }

  /** wait4(2): the pid, 0 when nothing ended (WNOHANG), -1 when there is no child. */
  wait (pid: number, options = 0): number {
    return this.libc.wait4(pid, this.#status, WALL | options, this.#rusage)
  }

  /** Status word of the process that the last wait returned. */
  status (): number {
    return this.#status.readInt32LE(0)
  }

  /** Resources of the process that the last wait returned and of the children it had waited for. */
  rusage (): Rusage {
    return readRusage(this.#rusage)
  }

  /** A soft limit that the runner has for as long as a start takes, so that no program is quicker than its limit. */
  #lend (resource: number, soft: number): Lent {
    const high = Buffer.alloc(16)

    this.libc.prlimit(0, resource, null, high)

    const hard = Number(high.readBigUInt64LE(8))

    return { resource, high, low: rlimitBuffer(Math.min(soft, hard), hard) }
  }

  #lower (resource: number, soft: number, hard: number): number {
    const old = Buffer.alloc(16)

    this.libc.prlimit(0, resource, null, old)

    // Nobody may raise a hard limit; where the worker's own is lower, that one holds.
    const most = old.readBigUInt64LE(8)
    const capped = (value: number) => BigInt(value) < most ? value : Number(most)

    return this.libc.prlimit(0, resource, rlimitBuffer(capped(soft), capped(hard)), null)
  }
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { startTime } from '../machine/start-time.ts'
import { toError } from '../model/errors.ts'
import { printable } from '../model/text.ts'
import { withAffinity } from './affinity.ts'
import { forgetBox, recordBox } from './box-records.ts'
import { BLOCK_FD, boxPlan, INFO_FD } from './box-plan.ts'
import { bubblewrapCommand } from './bubblewrap.ts'
import { EAGAIN, sendDescriptor } from './native/pass-descriptor.ts'
import { unshareCommand } from './unshare-command.ts'
import { CONTROL_FD } from './layout.ts'
import type { ChildProcess } from 'node:child_process'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { LoadedBoxFiles } from './box-files.ts'
import type { BoxPlan } from './box-plan.ts'
import type { BoxOptions, BuildCommand } from './box-types.ts'
import type { BoxGroup, GroupHandles } from './cgroup/index.ts'
import type { Ground } from './ground.ts'
import type { Libc } from './native/libc.ts'
import type { UidMaps } from './uid-maps.ts'

/** Kept of what bwrap and the runner say on stderr. */
const STDERR_BYTES = 4_096

/** After the runner was killed, bwrap has nothing left to do and ends within microseconds. */
const LINGER_MS = 1_000

/** Between two looks for room in a socket. */
const ROOM_MS = 2

/** A content beyond this is kept from box to box. */
const LARGE_BYTES = 16 * 1024

/** 128 + SIGKILL */
const KILLED = 137

/** What util-linux before 2.40 says, and ends with exit code 1, when PID 1 was killed by SIGKILL. */
const UNSHARE_KILLED = /(^|\n)unshare: sigprocmask unblock failed[^\n]*$/

/** The control groups of a box, and what its runner knows of them. */
interface Billing {
  group: BoxGroup
  handles: GroupHandles
}

/** bwrap with a runner in it, from its start until nothing of it is left. */
export class BoxProcess {
  readonly pid: number
  readonly control: Duplex
  readonly billing: Billing | undefined
  /** Resolves when every process of the box is gone. Never rejects. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess
  readonly #maps: UidMaps | undefined
  readonly #dir: string
  readonly #libc: Libc
  #runner: { pid: number, start: string | undefined } | undefined
  #runnerKnown = () => {}
  readonly #hasRunner = new Promise<void>(resolve => { this.#runnerKnown = resolve })
  #stderr = ''
  #reading = false
  #reason: string | undefined
  #gone = false
  #outOfMemory = false

  private constructor (child: ChildProcess, pid: number, dir: string, libc: Libc, maps: UidMaps | undefined, billing: Billing | undefined) {
    this.#child = child
    this.#maps = maps
    this.#dir = dir
    this.#libc = libc
    this.billing = billing
    this.pid = pid
    this.control = child.stdio[CONTROL_FD] as unknown as Duplex
    // What goes wrong with it shows as the end of the process.
    this.control.on('error', () => {})
    this.#readStderr(child.stderr as Readable)
    this.#readInfo(child.stdio[INFO_FD] as Readable)

    // bwrap ends after PID 1 of the box has been reaped, and the kernel lets that happen only when the namespace is empty.
    // 'exit' and not 'close', which waits until everything was read, and so for whoever takes the output.
    this.ended = Promise.all([once(child, 'exit'), once(child.stderr as Readable, 'close')]).then(async ([[code, signal]]) => {
      this.#gone = true

      // A runner that has done its task ends at once; its last words may be unread.
      if (this.#reason != null || !this.#reading) {
        this.control.destroy()
      }

      const reason = this.#reason ?? this.#describe(code, signal)

      try {
        this.#outOfMemory = (billing?.group.oomKills() ?? 0) > 0
      } catch { /* somebody removed it */ }

      await this.#forget(pid)
      await this.#forget(this.#runner?.pid ?? pid)
      await billing?.group.close()
      return reason
    })
  }

  static async start (files: LoadedBoxFiles, { dir, ground, affinity, views }: Pick<BoxOptions, 'dir' | 'ground' | 'affinity' | 'views'>): Promise<BoxProcess> {
    const maps = ground?.maps
    const node = await files.node.source(dir)
    const plan = boxPlan({
      runner: files.runner,
      koffi: files.koffi,
      wasmHost: files.wasmHost,
      nodePath: files.node.boxPath,
      node,
      twoUids: maps != null,
      proc: ground?.noProc == null,
      ...(views == null ? {} : { views })
    })
    const group = groupFrom(ground)
    const { path, args, give } = buildCommand(files, plan, { blocked: maps != null, node, passed: group?.descriptors.length ?? 0 })
    const groupFd = 1 + Math.max(BLOCK_FD, ...give.map(({ fd }) => fd))
    const given = new Map(give.map(({ fd, content }) => [fd, content.length > LARGE_BYTES ? files.memory.reopen(content) : files.memory.open(content)]))
    const start = () => spawn(path, args, {
      cwd: '/',
      // Ctrl-C at the worker's terminal is for the worker.
      detached: true,
      env: {},
      stdio: ['ignore', 'ignore', 'pipe', ...Array.from({ length: groupFd - CONTROL_FD }, (_, index) => given.get(CONTROL_FD + index) ?? 'pipe'), ...group?.descriptors ?? []]
    })
    let child: ChildProcess

    try {
      child = affinity == null ? start() : withAffinity(affinity, start)
    } catch (err) {
      await group?.close()
      throw err
    } finally {
      given.forEach(fd => { closeSync(fd) })
      group?.passed()
    }

    if (child.pid == null) {
      const [err] = await once(child, 'error') as [Error]

      await group?.close()
      throw err
    }

    child.on('error', () => {})

    const box = new BoxProcess(child, child.pid, dir, files.libc, maps, group == null ? undefined : { group, handles: group.handles(groupFd) })

    await recordBox(dir, child.pid)

    // It may have ended before the record was written.
    if (box.#gone) {
      await box.#forget(child.pid)
    }

    return box
  }

  /** Everything in the box ends at once; `ended` says when it has. The first reason stays. */
  kill (reason: string): void {
    if (this.#gone) {
      return
    }

    this.#reason ??= reason

    // PID 1 first: bwrap then ends when it has reaped it, which is how we know.
    if (this.#runner == null || !this.#killRunner(this.#runner)) {
      this.#child.kill('SIGKILL')
      return
    }

    const timer = setTimeout(() => { this.#child.kill('SIGKILL') }, LINGER_MS)

    void this.ended.then(() => { clearTimeout(timer) })
  }

  /** For when the control descriptor has ended: how bwrap ends says more than that. Whatever is still there after a second is killed. */
  async collapse (reason: string): Promise<string> {
    const timer = setTimeout(() => { this.kill(reason) }, LINGER_MS)

    try {
      return await this.ended
    } finally {
      clearTimeout(timer)
    }
  }

  /** Gives a descriptor to the runner, when all that was written to `control` before has left this process. Rejects when the box is gone. */
  async pass (descriptor: number): Promise<void> {
    for (;;) {
      // of no public interface: Node.js itself passes descriptors only to processes that speak its own protocol
      const socket: unknown = (this.control as unknown as { _handle?: { fd?: unknown } | null })._handle?.fd

      if (this.#gone || typeof socket !== 'number' || socket < 0) {
        throw new Error('the sandbox ended')
      }

      const errno = sendDescriptor(this.#libc, socket, descriptor)

      if (errno === 0) {
        return
      }

      if (errno !== EAGAIN) {
        throw new Error(`the payload could not be handed to the sandbox: errno ${errno}`)
      }

      // the runner has not read a long task yet
      await delay(ROOM_MS)
    }
  }

  /** Says whether somebody reads from the control descriptor; it is then left open to its end. */
  setReading (reading: boolean): void {
    this.#reading = reading

    if (!reading && this.#gone) {
      this.control.destroy()
    }
  }

  /** Once it has ended: did the kernel kill somebody in it for the limit of memory? */
  get outOfMemory (): boolean {
    return this.#outOfMemory
  }

  /** Was it ended by kill? */
  get wasKilled (): boolean {
    return this.#reason != null
  }

  /** The runner's pid on the host, once the builder has told it. Rejects when the box ends before. */
  async runnerPid (): Promise<number> {
    await Promise.race([this.#hasRunner, this.ended])

    if (this.#runner == null) {
      throw new Error('the sandbox ended')
    }

    return this.#runner.pid
  }

  /** Last words, for messages. */
  get stderr (): string {
    return this.#stderr.trim()
  }

  #killRunner ({ pid, start }: { pid: number, start: string | undefined }): boolean {
    // Is the number still that process?
    if (start == null || startTime(pid) !== start) {
      return false
    }

    try {
      return process.kill(pid, 'SIGKILL')
    } catch {
      return false
    }
  }

  #readStderr (stream: Readable): void {
    stream.setEncoding('utf8')
    stream.on('error', () => {})
    stream.on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_BYTES)
    })
  }

  /** JSON in pieces. */
  #readInfo (stream: Readable): void {
    let text = ''

    stream.setEncoding('utf8')
    stream.on('error', () => {})
    stream.on('data', (piece: string) => {
      text += piece

      const pid = Number(/"child-pid"\s*:\s*(\d+)\s*[,}]/.exec(text)?.[1])

      // It must be bwrap's child: the number is used to kill.
      if (this.#runner == null && pid > 1 && parentOf(pid) === this.pid) {
        this.#runner = { pid, start: startTime(pid) }
        this.#runnerKnown()
        void this.#release(pid)
      }
    })
  }

  /** The builder waits until its box has its map of uids. */
  async #release (pid: number): Promise<void> {
    try {
      // Should the worker be killed now, it may be without a parent before it has learnt to die with it.
      await recordBox(this.#dir, pid)

      if (this.#gone) {
        await this.#forget(pid)
      }

      await this.#maps?.write(pid)
      write(this.#child, BLOCK_FD, Buffer.from('1'))
    } catch (err) {
      this.kill(toError(err).message)
    }
  }

  async #forget (pid: number): Promise<void> {
    await forgetBox(this.#dir, pid).catch(() => {})
  }

  #describe (code: unknown, signal: unknown): string {
    const said = this.stderr.replace(UNSHARE_KILLED, '')
    const words = said === '' ? '' : `: ${printable(said.split('\n').at(-1) ?? '', 500)}`

    // bwrap tells of the runner as a shell would.
    const killer = code === KILLED || said !== this.stderr ? 'SIGKILL' : signal

    return killer == null ? `the sandbox ended with exit code ${String(code)}${words}` : `the sandbox was killed by ${String(killer)}: is there enough memory?${words}`
  }
}

function buildCommand (files: LoadedBoxFiles, plan: BoxPlan, { blocked, node, passed }: { blocked: boolean, node: string | undefined, passed: number }): BuildCommand {
  const { builder, koffi } = files

  return builder.kind === 'bubblewrap'
    ? bubblewrapCommand(builder.path, plan, blocked)
    : unshareCommand({ ...builder, koffi, node: node ?? files.node.boxPath }, plan, blocked, passed)
}

/** A worker whose groups somebody has taken away goes on without them. */
function groupFrom (ground: Ground | undefined): BoxGroup | undefined {
  try {
    return ground?.cgroups?.createGroup()
  } catch (err) {
    if (ground != null) {
      ground.cgroups = undefined
      ground.cgroupReason = toError(err).message
    }

    return undefined
  }
}

function write (child: ChildProcess, fd: number, content: Buffer): void {
  const stream = child.stdio[fd] as Writable

  // bwrap may end before it has read it.
  stream.on('error', () => {})
  stream.end(content)
}

function parentOf (pid: number): number | undefined {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return undefined
  }
}

import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, readSync } from 'node:fs'
import { CONTROL_FD } from '../layout.ts'
import { F_SETFL, O_CLOEXEC, O_NONBLOCK, POLLIN, POLLOUT } from '../native/libc.ts'
import { check } from './boot.ts'
import type { Control } from './control.ts'
import type { Launcher } from './launch.ts'
import type { Stagehand } from './stagehand.ts'
import type { Watch } from './run.ts'

/** What one run printed. */
export interface Printed {
  /** SHA-256, lower-case hex. */
  stdoutDigest: string
  stdoutBytes: number
  stderrBytes: number
  /** More than the job allows. */
  exceeded: boolean
  /** The beginning, not yet sent to the worker; nothing when it was passed on live. */
  kept: { stdout: Buffer, stderr: Buffer }
  /** The end of stderr, where programs say why they failed. */
  lastWords: Buffer
}

/** Where a run's stdout and stderr go. */
export interface Outputs extends Pick<Watch, 'pollfds' | 'onReady'> {
  /** Opens fresh ones and hands them to the launcher. */
  open (): void
  exceeded (): boolean
  /**
   * After the last process has ended.
   *
   * @param alive - called now and then: to look at much output takes long
   */
  finish (alive?: () => void): Printed
}

const STREAMS = ['stdout', 'stderr'] as const

/** Kept of each stream of a measured run. */
const KEPT_BYTES = 64 * 1024

const LAST_WORDS_BYTES = 4 * 1024

/** O_EXCL: cannot be given a name either. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY
const NAMELESS = O_TMPFILE | constants.O_RDWR | constants.O_EXCL | constants.O_APPEND | O_CLOEXEC

/** Of the folder beyond the limit, so that who exceeds it can be told from who meets it. */
const SPARE_BYTES = 64 * 1024

/**
 * For measured runs: a nameless file per stream, new for each run, read when
 * the run is over. Nobody has to read while the clock runs.
 */
export class FileOutputs implements Outputs {
  readonly #launcher: Launcher
  readonly #limit: number
  /** Descriptor of a folder that no path leads to; a program that fills it meets the end of a disk. */
  readonly #folder: number
  #fds: number[] = []

  constructor (launcher: Launcher, stagehand: Stagehand, outputBytes: number) {
    this.#launcher = launcher
    this.#limit = outputBytes
    this.#folder = stagehand.outputs(outputBytes + SPARE_BYTES)
  }

  open (): void {
    const { libc, identity } = this.#launcher

    identity.asProgram(() => {
      for (let stream = 0; stream < STREAMS.length; stream++) {
        this.#fds.push(check(libc, 'an output file', libc.openat(this.#folder, '.', NAMELESS, 0o600)))
      }
    })

    for (const [index, fd] of this.#fds.entries()) {
      this.#launcher.setStdio(index === 0 ? 1 : 2, fd)
    }
  }

  close (): void {
    closeSync(this.#folder)
  }

  exceeded (): boolean {
    return this.#fds.reduce((sum, fd) => sum + fstatSync(fd).size, 0) > this.#limit
  }

  finish (alive?: () => void): Printed {
    const exceeded = this.exceeded()
    // What is beyond the limit may be a hole of any size.
    const [stdoutBytes = 0, stderrBytes = 0] = this.#fds.map(fd => Math.min(fstatSync(fd).size, this.#limit))
    const [stdout = -1, stderr = -1] = this.#fds
    const stdoutDigest = digest(stdout, stdoutBytes, alive)
    const kept = { stdout: readAt(stdout, 0, Math.min(stdoutBytes, KEPT_BYTES)), stderr: readAt(stderr, 0, Math.min(stderrBytes, KEPT_BYTES)) }
    const lastWords = readAt(stderr, Math.max(0, stderrBytes - LAST_WORDS_BYTES), Math.min(stderrBytes, LAST_WORDS_BYTES))

    this.#fds.forEach(fd => closeSync(fd))
    this.#fds = []

    return { stdoutDigest, stdoutBytes, stderrBytes, exceeded, kept, lastWords }
  }
}

const NOTHING = Buffer.alloc(0)

/** Of no bytes; most runs of most programs print nothing to speak of, and all of this lies between two runs. */
const DIGEST_OF_NOTHING = createHash('sha256').digest('hex')

const piece = Buffer.alloc(KEPT_BYTES)

function digest (fd: number, bytes: number, alive?: () => void): string {
  if (bytes === 0) {
    return DIGEST_OF_NOTHING
  }

  const hash = createHash('sha256')

  for (let at = 0, size = 1; size > 0 && at < bytes; at += size) {
    size = readSync(fd, piece, 0, Math.min(KEPT_BYTES, bytes - at), at)
    hash.update(piece.subarray(0, size))
    alive?.()
  }

  return hash.digest('hex')
}

function readAt (fd: number, position: number, bytes: number): Buffer {
  if (bytes === 0) {
    return NOTHING
  }

  const buffer = Buffer.alloc(bytes)

  return buffer.subarray(0, readSync(fd, buffer, 0, bytes, position))
}

/** Half of what the control socket takes when poll calls it writable, so that a send never waits. */
const PIECE_BYTES = 32 * 1024

const POLLFD_BYTES = 8

/**
 * For exec: a pipe per stream, passed on as it comes. While the worker takes
 * nothing, nothing is read either, and the program waits as it would on any
 * full pipe; its wall limit goes on.
 */
export class LiveOutputs implements Outputs {
  /** The program, the two pipes, the control descriptor. */
  readonly pollfds = Buffer.alloc(4 * POLLFD_BYTES)
  readonly #launcher: Launcher
  readonly #control: Control
  readonly #limit: number
  readonly #piece = Buffer.alloc(PIECE_BYTES)
  readonly #bytes = [0, 0]
  readonly #hash = createHash('sha256')
  #fds: number[] = []
  #lastWords = Buffer.alloc(0)
  #exceeded = false

  constructor (launcher: Launcher, control: Control, outputBytes: number) {
    this.#launcher = launcher
    this.#control = control
    this.#limit = outputBytes
  }

  open (): void {
    const { libc } = this.#launcher

    for (const target of [1, 2] as const) {
      const pair = Buffer.alloc(8)

      // Programs that open /dev/stdout open it anew.
      this.#launcher.identity.asProgram(() => { check(libc, 'pipe2', libc.pipe2(pair, O_CLOEXEC)) })

      const readEnd = pair.readInt32LE(0)
      const writeEnd = pair.readInt32LE(4)

      check(libc, 'O_NONBLOCK', libc.fcntl(readEnd, F_SETFL, O_NONBLOCK))
      this.#launcher.setStdio(target, writeEnd)
      closeSync(writeEnd)
      this.#fds.push(readEnd)
    }

    this.#watchPipes()
  }

  exceeded (): boolean {
    return this.#exceeded
  }

  onReady (): 'output' | undefined {
    if (this.#ready(3)) {
      this.#watchPipes()
    }

    for (const [index] of STREAMS.entries()) {
      if (this.#ready(index + 1) && !this.#exceeded) {
        if (!this.#controlTakesMore()) {
          this.#watchControl()
          break
        }

        this.#passOn(index)
      }
    }

    return this.#exceeded ? 'output' : undefined
  }

  finish (): Printed {
    // All who could write are gone with this; what is in the pipes is all there is, and they end there.
    this.#launcher.closeStdio()

    for (const [index, fd] of this.#fds.entries()) {
      while (!this.#exceeded && this.#passOn(index)) { /* until it is empty */ }
      closeSync(fd)
    }

    this.#fds = []

    return {
      stdoutDigest: this.#hash.digest('hex'),
      stdoutBytes: this.#bytes[0] ?? 0,
      stderrBytes: this.#bytes[1] ?? 0,
      exceeded: this.#exceeded,
      kept: { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) },
      lastWords: this.#lastWords
    }
  }

  /** False when the pipe is empty. */
  #passOn (index: number): boolean {
    let size: number

    try {
      size = readSync(this.#fds[index] as number, this.#piece, 0, PIECE_BYTES, null)
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code === 'EAGAIN') {
        return false
      }

      throw err
    }

    const left = this.#limit - this.#bytes.reduce((sum, bytes) => sum + bytes, 0)
    const data = this.#piece.subarray(0, Math.min(size, left))

    if (data.length > 0) {
      this.#control.sendOutput(STREAMS[index] ?? 'stdout', data)
      this.#bytes[index] = (this.#bytes[index] ?? 0) + data.length

      if (index === 0) {
        this.#hash.update(data)
      } else {
        this.#lastWords = Buffer.concat([this.#lastWords, data]).subarray(-LAST_WORDS_BYTES)
      }
    }

    this.#exceeded ||= size > left
    return size > 0
  }

  #controlTakesMore (): boolean {
    const entry = Buffer.alloc(POLLFD_BYTES)

    entry.writeInt32LE(CONTROL_FD, 0)
    entry.writeInt16LE(POLLOUT, 4)
    return this.#launcher.libc.poll(entry, 1, 0) > 0
  }

  #watchPipes (): void {
    this.#watch(1, this.#fds[0] ?? -1, POLLIN)
    this.#watch(2, this.#fds[1] ?? -1, POLLIN)
    this.#watch(3, -1, 0)
  }

  #watchControl (): void {
    this.#watch(1, -1, 0)
    this.#watch(2, -1, 0)
    this.#watch(3, CONTROL_FD, POLLOUT)
  }

  /** poll passes over negative descriptors. */
  #watch (entry: number, fd: number, events: number): void {
    this.pollfds.writeInt32LE(fd, entry * POLLFD_BYTES)
    this.pollfds.writeInt16LE(events, entry * POLLFD_BYTES + 4)
    this.pollfds.writeInt16LE(0, entry * POLLFD_BYTES + 6)
  }

  #ready (entry: number): boolean {
    return this.pollfds.readInt16LE(entry * POLLFD_BYTES + 6) !== 0
  }
}

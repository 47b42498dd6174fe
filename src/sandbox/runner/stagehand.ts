import { closeSync, constants, openSync } from 'node:fs'
import { COUNTERS as COUNTER_NAMES } from '../../model/counters.ts'
import { BOX, BOX_UID, WRITABLE } from '../layout.ts'
import { CLONE_FS, CLONE_NEWNS, MNT_DETACH, MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REMOUNT, O_PATH, SYS } from '../native/libc.ts'
import { check, clearAmbient } from './boot.ts'
import { CAP, keepCapabilities } from './capabilities.ts'
import { openCounters } from './counters.ts'
import { maskProc, protectDevices } from './masks.ts'
import type { Libc } from '../native/libc.ts'

/**
 * How much the folders that programs write to may hold. Each is a file system
 * of its own, so that the kernel says no, however fast somebody writes.
 */
export interface StageSize {
  /** Of /tmp, of /dev/shm, and of the working copy beyond the payload. */
  bytes: number
  inodes: number
  payloadBytes: number
  payloadInodes: number
}

const IDLE = 0
const RENEW = 1
const OUTPUTS = 2
const END = 3
const TEMPLATES = 4
const SEAL = 5
const COUNTERS = 6

/** Words of the shared memory: what is asked for (IDLE when it is done), the answer, whether anybody is there; from byte 16 on, numbers. */
const ASKED = 0
const ANSWER = 1
const THERE = 2
const NUMBERS_AT = 16

/**
 * The main thread's work: mounting. It has the capability for it and no
 * filters; the other thread, which meets what programs leave, has neither and
 * asks. Nothing of a program is read here: a mount covers whatever there is.
 *
 * Returns the exit code that the other thread ends with.
 */
export function attend (libc: Libc, cell: SharedArrayBuffer): number {
  const words = new Int32Array(cell, 0, 3)
  const numbers = new Float64Array(cell, NUMBERS_AT)

  // A namespace that belongs to our own user namespace, and so can be changed from it.
  check(libc, 'unshare', libc.unshare(CLONE_NEWNS))
  maskProc(libc)
  protectDevices(libc)
  keepCapabilities(libc, [CAP.SYS_ADMIN])
  Atomics.store(words, THERE, 1)
  Atomics.notify(words, THERE)

  let mounted = false
  let templates: Room = { bytes: 0, inodes: 0 }

  for (;;) {
    Atomics.wait(words, ASKED, IDLE)

    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = numbers
    const asked = Atomics.load(words, ASKED)
    let answer = 0

    try {
      switch (asked) {
        case RENEW:
          resize(libc, foldersIn(f), { bytes: a, inodes: b, payloadBytes: c, payloadInodes: d })
          renew(libc, foldersIn(e), { bytes: a, inodes: b, payloadBytes: c, payloadInodes: d }, mounted)
          mounted = true
          break
        case OUTPUTS:
          answer = mountOutputs(libc, a)
          break
        case TEMPLATES:
          templates = openTemplates(libc, templates, { bytes: a, inodes: b })
          break
        case SEAL:
          remount(libc, BOX.template, templates, MS_RDONLY)
          break
        case COUNTERS:
          numbers.set(openCounters(libc, a))
          break
        default:
          return a
      }
    } catch (err) {
      process.stderr.write(`runner: ${err instanceof Error ? err.message : String(err)}\n`)
      answer = -1
    }

    Atomics.store(words, ANSWER, answer)
    Atomics.store(words, ASKED, IDLE)
    Atomics.notify(words, ASKED)
  }
}

/** Fresh, empty folders where programs write. All programs of the last run are gone. */
function renew (libc: Libc, folders: readonly string[], size: StageSize, mounted: boolean): void {
  for (const path of folders) {
    if (mounted) {
      // Whoever still has it open keeps it to itself.
      check(libc, `umount ${path}`, libc.umount2(path, MNT_DETACH))
    }

    mountTmpfs(libc, path, `mode=${path === BOX.work ? '0755' : '1777'},uid=${BOX_UID},gid=${BOX_UID},${roomOptions(roomOf(path, size))}`)
  }
}

/** They are empty, and stay what they are. */
function resize (libc: Libc, folders: readonly string[], size: StageSize): void {
  for (const path of folders) {
    remount(libc, path, roomOf(path, size), 0)
  }
}

function roomOf (path: string, { bytes, inodes, payloadBytes, payloadInodes }: StageSize): Room {
  return path === BOX.work ? { bytes: bytes + payloadBytes, inodes: inodes + payloadInodes } : { bytes, inodes }
}

/** Of a set of folders. */
function foldersIn (mask: number): readonly string[] {
  return WRITABLE.filter((_, index) => (mask & (1 << index)) !== 0)
}

function maskOf (folders: ReadonlyArray<typeof WRITABLE[number]>): number {
  return folders.reduce((mask, path) => mask | (1 << WRITABLE.indexOf(path)), 0)
}

/** Returns a descriptor of a folder that no path leads to: it is detached at once and lives as long as the descriptor. */
function mountOutputs (libc: Libc, bytes: number): number {
  mountTmpfs(libc, BOX.outputs, `mode=0777,size=${bytes},nr_inodes=16`)

  const fd = openSync(BOX.outputs, O_PATH | constants.O_DIRECTORY)

  try {
    check(libc, 'umount outputs', libc.umount2(BOX.outputs, MNT_DETACH))
    return fd
  } catch (err) {
    closeSync(fd)
    throw err
  }
}

/** Of a file system. */
interface Room { bytes: number, inodes: number }

/** Room for so much more than there was. */
function openTemplates (libc: Libc, before: Room, more: Room): Room {
  // The folder itself, and what a file system keeps for itself of each page.
  const room = { bytes: before.bytes + more.bytes + 1024 * 1024, inodes: before.inodes + more.inodes + 16 }

  if (before.bytes === 0) {
    mountTmpfs(libc, BOX.template, `mode=0755,uid=${BOX_UID},gid=${BOX_UID},${roomOptions(room)}`)
  } else {
    remount(libc, BOX.template, room, 0)
  }

  return room
}

function remount (libc: Libc, path: string, room: Room, flags: number): void {
  check(libc, `remount ${path}`, libc.mount('tmpfs', path, 'tmpfs', MS_REMOUNT | MS_NOSUID | MS_NODEV | flags, roomOptions(room)))
}

function roomOptions ({ bytes, inodes }: Room): string {
  return `size=${bytes},nr_inodes=${inodes}`
}

function mountTmpfs (libc: Libc, path: string, options: string): void {
  check(libc, `mount ${path}`, libc.mount('tmpfs', path, 'tmpfs', MS_NOSUID | MS_NODEV, options))
}

/** From the other thread: ends the runner, with this exit code. */
export function end (cell: SharedArrayBuffer, code: number): void {
  const words = new Int32Array(cell, 0, 3)

  new Float64Array(cell, NUMBERS_AT)[0] = code
  Atomics.store(words, ASKED, END)
  Atomics.notify(words, ASKED)
}

/** The other thread's side: asks, and waits until it is done. */
export class Stagehand {
  readonly #libc: Libc
  readonly #words: Int32Array
  readonly #numbers: Float64Array

  /** Waits until the main thread has shut the doors, and enters its namespace of mounts. */
  constructor (libc: Libc, cell: SharedArrayBuffer) {
    this.#libc = libc
    this.#words = new Int32Array(cell, 0, 3)
    this.#numbers = new Float64Array(cell, NUMBERS_AT)

    Atomics.wait(this.#words, THERE, 0)
    clearAmbient(libc)

    const process = check(libc, 'pidfd_open', libc.syscall(SYS.pidfd_open, 1, 0, 0, 0))

    // Who shares its current folder with others cannot change namespaces.
    check(libc, 'unshare', libc.unshare(CLONE_FS))
    check(libc, 'setns', libc.setns(process, CLONE_NEWNS))
    closeSync(process)
  }

  /**
   * Afterwards these folders are new and empty, and the calling thread, and so
   * whatever it starts, is in the new working copy.
   *
   * @param folders - of WRITABLE; all of them the first time
   * @param kept - those that stay, and get this size
   */
  renew (folders: ReadonlyArray<typeof WRITABLE[number]>, kept: ReadonlyArray<typeof WRITABLE[number]>, size: StageSize): void {
    if (folders.length + kept.length === 0) {
      return
    }

    if (this.#ask(RENEW, size.bytes, size.inodes, size.payloadBytes, size.payloadInodes, maskOf(folders), maskOf(kept)) < 0) {
      throw new Error('the folders of the box could not be renewed')
    }

    check(this.#libc, 'chdir', this.#libc.chdir(BOX.work))
  }

  /** Descriptor of a folder for the outputs, of that size in bytes. */
  outputs (bytes: number): number {
    const fd = this.#ask(OUTPUTS, bytes)

    if (fd < 0) {
      throw new Error('the folder for outputs could not be made')
    }

    return fd
  }

  /** Room for so much more of what setups leave, until it is sealed. */
  openTemplates (bytes: number, inodes: number): void {
    if (this.#ask(TEMPLATES, bytes, inodes) < 0) {
      throw new Error('there is no room for what the setup left')
    }
  }

  sealTemplates (): void {
    if (this.#ask(SEAL) < 0) {
      throw new Error('what the setup left could not be protected')
    }
  }

  /** Opens the counters of whatever the calling thread starts: for each a descriptor, or an errno with a minus. */
  counters (): number[] {
    this.#ask(COUNTERS, this.#libc.gettid())

    return [...this.#numbers.subarray(0, COUNTER_NAMES.length)]
  }

  #ask (what: number, ...numbers: number[]): number {
    this.#numbers.set(numbers)
    Atomics.store(this.#words, ASKED, what)
    Atomics.notify(this.#words, ASKED)
    Atomics.wait(this.#words, ASKED, what)
    return Atomics.load(this.#words, ANSWER)
  }
}

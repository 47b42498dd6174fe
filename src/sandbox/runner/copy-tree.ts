import { chmodSync, closeSync, constants, ftruncateSync, linkSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, SEEK_DATA, SEEK_HOLE, SEEK_SET } from '../native/libc.ts'
import { check } from './boot.ts'
import type { BigIntStats } from 'node:fs'
import type { Libc } from '../native/libc.ts'

/** Between two calls of `alive`. */
const PIECE_BYTES = 64 * 1024 * 1024

const READ = constants.O_RDONLY | constants.O_NOFOLLOW
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

const BLOCK_BYTES = 512n

/**
 * Copies what is in a folder into another one: files, folders, links, as they
 * are. What has several names or holes has them afterwards too, so that a copy
 * never takes more room than sizeOfTree says, whatever a program has made of
 * it. What else there can be (pipes, sockets) is left out: it would be nobody's
 * end. Throws when something cannot be read, or there is no room.
 *
 * @param alive - called for each entry, and within a large one
 */
export function copyTree (libc: Libc, from: string, to: string, alive: () => void): void {
  copyFolder({ libc, alive, linked: new Map() }, from, to)
}

/**
 * What a folder takes on a file system in memory.
 *
 * @param alive - called for each entry
 */
export function sizeOfTree (folder: string, alive: () => void): { bytes: number, entries: number } {
  return sizeOf(folder, alive, new Set())
}

interface Copying {
  libc: Libc
  alive: () => void
  /** Where the copy of a file with several names is, by its inode. */
  linked: Map<bigint, string>
}

/** Paths are kept byte by byte as latin1: a program need not name its files in UTF-8. */
function bytesOf (path: string): Buffer {
  return Buffer.from(path, 'latin1')
}

function namesIn (folder: string): string[] {
  return readdirSync(bytesOf(folder), { encoding: 'latin1' })
}

function statsOf (path: string): BigIntStats {
  return lstatSync(bytesOf(path), { bigint: true })
}

function copyFolder (copying: Copying, from: string, to: string): void {
  for (const name of namesIn(from)) {
    copyEntry(copying, `${from}/${name}`, `${to}/${name}`)
  }
}

function copyEntry (copying: Copying, source: string, target: string): void {
  const { libc, alive, linked } = copying
  const stats = statsOf(source)

  alive()

  const earlier = stats.isDirectory() ? undefined : linked.get(stats.ino)

  if (earlier != null) {
    linkSync(bytesOf(earlier), bytesOf(target))
    return
  }

  if (stats.isSymbolicLink()) {
    symlinkSync(readlinkSync(bytesOf(source), { encoding: 'buffer' }), bytesOf(target))
  } else if (stats.isDirectory()) {
    mkdirSync(bytesOf(target))
    copyFolder(copying, source, target)
  } else if (stats.isFile()) {
    copyFile(copying, source, target, stats)
  } else {
    return
  }

  if (!stats.isSymbolicLink()) {
    chmodSync(bytesOf(target), Number(stats.mode & 0o7777n))
  }

  setTimes(libc, target, stats)

  if (!stats.isDirectory() && stats.nlink > 1n) {
    linked.set(stats.ino, target)
  }
}

function copyFile ({ libc, alive }: Copying, source: string, target: string, { size, blocks }: BigIntStats): void {
  const from = openSync(bytesOf(source), READ)

  try {
    const to = openSync(bytesOf(target), CREATE, 0o600)

    try {
      const whole = blocks * BLOCK_BYTES >= size

      for (let at = 0, end = 0; at < size; at = end) {
        const data = whole ? at : libc.lseek(from, at, SEEK_DATA)

        // Nothing but a hole.
        if (data < 0) {
          break
        }

        end = whole ? Number(size) : check(libc, 'SEEK_HOLE', libc.lseek(from, data, SEEK_HOLE))
        check(libc, 'lseek', libc.lseek(to, data, SEEK_SET))
        sendAll(libc, from, to, data, end, alive)
      }

      ftruncateSync(to, Number(size))
    } finally {
      closeSync(to)
    }
  } finally {
    closeSync(from)
  }
}

/** From page to page inside the kernel. */
function sendAll (libc: Libc, from: number, to: number, start: number, end: number, alive: () => void): void {
  const position = Buffer.alloc(8)

  position.writeBigInt64LE(BigInt(start))

  for (let left = end - start; left > 0;) {
    alive()

    const sent = check(libc, 'sendfile', libc.sendfile(to, from, position, Math.min(left, PIECE_BYTES)))

    if (sent === 0) {
      throw new Error('a file is shorter than it was')
    }

    left -= sent
  }
}

const NS_PER_S = 1_000_000_000n

/** To the nanosecond, and whatever century a program has chosen: build tools compare them. */
function setTimes (libc: Libc, path: string, { atimeNs, mtimeNs }: BigIntStats): void {
  const times = Buffer.alloc(32)

  for (const [index, ns] of [atimeNs, mtimeNs].entries()) {
    const rest = ((ns % NS_PER_S) + NS_PER_S) % NS_PER_S

    times.writeBigInt64LE((ns - rest) / NS_PER_S, index * 16)
    times.writeBigInt64LE(rest, index * 16 + 8)
  }

  check(libc, 'utimensat', libc.utimensat(AT_FDCWD, bytesOf(`${path}\0`), times, AT_SYMLINK_NOFOLLOW))
}

function sizeOf (folder: string, alive: () => void, seen: Set<bigint>): { bytes: number, entries: number } {
  let bytes = 0
  let entries = 0

  for (const name of namesIn(folder)) {
    const path = `${folder}/${name}`
    const stats = statsOf(path)

    alive()
    entries++

    if (stats.isDirectory()) {
      const inner = sizeOf(path, alive, seen)

      bytes += inner.bytes
      entries += inner.entries
    } else if (!seen.has(stats.ino)) {
      bytes += Number(stats.blocks * BLOCK_BYTES)

      if (stats.nlink > 1n) {
        seen.add(stats.ino)
      }
    }
  }

  return { bytes, entries }
}

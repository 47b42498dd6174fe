import { chmodSync, constants, copyFileSync, lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Copies what is in a folder into another one: files, folders, links. What
 * else there can be (pipes, sockets) is left out: it would be nobody's end.
 * Throws when something cannot be read, or there is no room.
 *
 * @param alive - called for each entry
 */
export function copyTree (from: string, to: string, alive: () => void): void {
  for (const name of readdirSync(from)) {
    const source = join(from, name)
    const target = join(to, name)
    const stats = lstatSync(source)

    alive()

    if (stats.isSymbolicLink()) {
      symlinkSync(readlinkSync(source), target)
    } else if (stats.isDirectory()) {
      mkdirSync(target)
      copyTree(source, target, alive)
      chmodSync(target, stats.mode & 0o7777)
      utimesSync(target, stats.atime, stats.mtime)
    } else if (stats.isFile()) {
      copyFileSync(source, target, constants.COPYFILE_EXCL)
      chmodSync(target, stats.mode & 0o7777)
      utimesSync(target, stats.atime, stats.mtime)
    }
  }
}

/** What a folder takes on a file system in memory. */
export function sizeOfTree (folder: string): { bytes: number, entries: number } {
  let bytes = 0
  let entries = 0

  for (const name of readdirSync(folder)) {
    const stats = lstatSync(join(folder, name))

    bytes += stats.blocks * 512
    entries++

    if (stats.isDirectory()) {
      const inner = sizeOfTree(join(folder, name))

      bytes += inner.bytes
      entries += inner.entries
    }
  }

  return { bytes, entries }
}

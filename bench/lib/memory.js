import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const MIB = 1024 * 1024

/**
 * Uses and frees so much memory, at most half of what there is. A virtual
 * machine gives memory that it does not use back to its host, and then the first
 * touch of a page waits for the host: 50 MiB written to new files took 9 ms here,
 * or 130. Whoever comes first would pay for it.
 */
export function touchMemory (bytes) {
  const available = Number(/^MemAvailable: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024
  const folder = mkdtempSync('/dev/shm/meshmark-touch-')

  try {
    const file = openSync(join(folder, 'all'), 'w')
    const piece = Buffer.alloc(MIB, 1)

    for (let left = Math.min(bytes, available / 2); left >= MIB; left -= MIB) {
      writeSync(file, piece)
    }

    closeSync(file)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

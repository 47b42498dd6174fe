import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * Where 127.0.0.1 means the same: this start of this machine, and the network
 * namespace of this process. A hash, so that it tells nothing else.
 */
export function placeOf (): string {
  const parts = [
    hostname(),
    read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    read(() => readlinkSync('/proc/self/ns/net'))
  ]

  return createHash('sha256').update(`meshmark-place-1\0${parts.join('\0')}`).digest('hex').slice(0, 32)
}

/** Elsewhere than on Linux there are no such files, and no such namespaces. */
function read (source: () => string): string {
  try {
    return source()
  } catch {
    return ''
  }
}

/** An address that means whoever asks; also what is none. */
export function isLoopback (url: string): boolean {
  return !URL.canParse(url) || /^(localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\]|\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\])$/.test(new URL(url).hostname)
}

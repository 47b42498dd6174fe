import { readFileSync, statSync } from 'node:fs'

/** The new format, alone or behind the old one; glibc's sysdeps/generic/dl-cache.h. */
const MAGIC = 'glibc-ld.so.cache1.1'
const HEADER_BYTES = 48
const ENTRY_BYTES = 24

/** Caches of large systems have some 10,000 entries and 1 MB. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Library name -> where the loader's cache says it is, best first. Empty when
 * there is no cache or it cannot be read: the loader then searches folders too.
 */
export function readLoaderCache (path = '/etc/ld.so.cache'): Map<string, string[]> {
  try {
    return statSync(path).size > MAX_BYTES ? new Map() : parseLoaderCache(readFileSync(path))
  } catch {
    return new Map()
  }
}

export function parseLoaderCache (file: Buffer): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const start = file.indexOf(MAGIC, 0, 'latin1')

  if (start === -1 || file.length < start + HEADER_BYTES) {
    return found
  }

  // Offsets of strings count from the header. Only little-endian machines are
  // read; on others the count is absurd and the folders decide.
  const cache = file.subarray(start)
  const count = cache.readUInt32LE(20)

  if (count > (cache.length - HEADER_BYTES) / ENTRY_BYTES) {
    return found
  }

  for (let i = 0; i < count; i++) {
    const entry = HEADER_BYTES + i * ENTRY_BYTES
    const name = stringAt(cache, cache.readUInt32LE(entry + 4))
    const path = stringAt(cache, cache.readUInt32LE(entry + 8))

    if (name !== '' && path.startsWith('/')) {
      found.set(name, [...found.get(name) ?? [], path])
    }
  }

  return found
}

function stringAt (cache: Buffer, offset: number): string {
  const end = cache.indexOf(0, offset)

  return offset >= cache.length || end === -1 || end - offset > 4096 ? '' : cache.toString('utf8', offset, end)
}

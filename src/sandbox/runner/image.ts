import type { Libc } from '../native/libc.ts'

/**
 * What execve gets, laid out as C wants it. Made before the clock starts, so
 * that posix_spawn converts nothing. The buffers must stay referenced while
 * their addresses are in use; they do, as members.
 */
export interface Image {
  path: Buffer
  argv: Buffer
  envp: Buffer
  /** Keeps the texts alive that argv and envp point to. */
  texts: Buffer
}

export function makeImage (libc: Libc, path: string, argv: readonly string[], env: Readonly<Record<string, string>>): Image {
  const words = argv.map(cString)
  const variables = Object.entries(env).map(([name, value]) => cString(`${name}=${value}`))
  const texts = Buffer.concat([...words, ...variables])
  let address = libc.address(texts)

  const pointers = (strings: Buffer[]): Buffer => {
    const table = Buffer.alloc((strings.length + 1) * 8)

    strings.forEach((string, index) => {
      table.writeBigUInt64LE(address, index * 8)
      address += BigInt(string.length)
    })

    return table
  }

  return { path: cString(path), argv: pointers(words), envp: pointers(variables), texts }
}

function cString (text: string): Buffer {
  if (text.includes('\0')) {
    throw new Error('a word with a NUL character cannot be passed to a program')
  }

  return Buffer.from(`${text}\0`)
}

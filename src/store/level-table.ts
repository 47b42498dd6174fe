import { maskedCrc32c } from './crc32c.ts'

/**
 * Checks the checksums of a LevelDB table. LevelDB reads without looking at
 * them unless it is told to, which its binding cannot do: a flipped bit in an
 * entry's kind would delete a record without a word.
 *
 * Blocks, each followed by its compression (1 byte) and a masked CRC-32C of
 * both (4 bytes); then 48 bytes that say where the index is. The index names
 * every block of data. Source: LevelDB, doc/table_format.md.
 */
const FOOTER = 48
const MAGIC = 0xdb4775248b80fb57n
const RAW = 0

/** Where a block is, without its trailer. */
interface Handle {
  offset: number
  size: number
}

/** What is wrong with the table, in words. */
export function findTableDamage (table: Uint8Array): string | undefined {
  const view = Buffer.from(table.buffer, table.byteOffset, table.byteLength)

  if (view.length < FOOTER || view.readBigUInt64LE(view.length - 8) !== MAGIC) {
    return 'it does not end as a table does'
  }

  try {
    const footer = new Cursor(view.subarray(view.length - FOOTER, view.length - 8))
    const metaindex = footer.handle()
    const index = footer.handle()

    checkBlock(view, metaindex)
    checkBlock(view, index)

    // ours are never compressed; another's is checked as far as it can be read
    if (view[index.offset + index.size] === RAW) {
      for (const handle of handlesIn(view.subarray(index.offset, index.offset + index.size))) {
        checkBlock(view, handle)
      }
    }
  } catch (err) {
    return err instanceof RangeError ? 'its index is not readable' : (err as Error).message
  }

  return undefined
}

function checkBlock (view: Buffer, { offset, size }: Handle): void {
  const end = offset + size + 1

  if (view.readUInt32LE(end) !== maskedCrc32c(view.subarray(offset, end))) {
    throw new Error(`the block at byte ${offset} does not match its checksum`)
  }
}

/** Entries: bytes shared with the key before, other bytes of the key, bytes of the value; key, value. Restart points follow, then their number. */
function * handlesIn (index: Buffer): Generator<Handle> {
  const entriesEnd = index.length - 4 * (1 + index.readUInt32LE(index.length - 4))
  const cursor = new Cursor(index.subarray(0, entriesEnd))

  while (cursor.pos < entriesEnd) {
    cursor.varint()
    const key = cursor.varint()
    const value = cursor.varint()

    cursor.pos += key
    const end = cursor.pos + value

    yield cursor.handle()
    cursor.pos = end
  }
}

class Cursor {
  pos = 0

  constructor (private readonly view: Buffer) {}

  handle (): Handle {
    return { offset: this.varint(), size: this.varint() }
  }

  varint (): number {
    let value = 0
    let factor = 1

    while (true) {
      const byte = this.view.readUInt8(this.pos++)

      value += (byte & 0x7f) * factor

      if (byte < 0x80) {
        return value
      }

      factor *= 128
    }
  }
}

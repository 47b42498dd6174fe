import { crc32 } from 'node:zlib'

/** Version of the record (1 byte), CRC-32 of key and value (4 bytes, little endian), value. */
const VERSION = 1
const HEADER = 5

export function encodeRecord (key: string, value: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(HEADER + value.byteLength)

  record[0] = VERSION
  record.writeUInt32LE(checksum(key, value), 1)
  record.set(value, HEADER)

  return record
}

/** Undefined when the record is not what was written under this key. */
export function decodeRecord (key: string, record: Buffer): Uint8Array | undefined {
  if (record.byteLength < HEADER || record[0] !== VERSION) {
    return undefined
  }

  const value = record.subarray(HEADER)

  return record.readUInt32LE(1) === checksum(key, value) ? value : undefined
}

/** The key belongs to it: a flipped bit there would hide the record under another name. */
function checksum (key: string, value: Uint8Array): number {
  return crc32(value, crc32(key))
}

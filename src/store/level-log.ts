import { maskedCrc32c } from './crc32c.ts'

/**
 * Reads LevelDB's write-ahead log only to judge it. LevelDB itself drops what
 * does not match its checksum and goes on, which would lose records without a
 * word; what a crash left unfinished at the end is no damage.
 *
 * Blocks of 32 KiB hold records of: masked CRC-32C of type and data (4 bytes),
 * length (2), type (1), data. Source: LevelDB, doc/log_format.md.
 */
const BLOCK = 32 * 1024
const HEADER = 7
const MAX_TYPE = 4
/** What a power cut leaves of a record that reached the disk in part: sectors of zeros at the end. */
const SECTOR = 512

/** What is wrong with the log, in words; undefined = nothing but, perhaps, an unfinished last record. */
export function findLogDamage (log: Uint8Array): string | undefined {
  const view = Buffer.from(log.buffer, log.byteOffset, log.byteLength)

  for (let block = 0; block < view.length; block += BLOCK) {
    const end = Math.min(block + BLOCK, view.length)
    let pos = block

    // fewer bytes than a header are padding, or a header that was not finished
    while (end - pos >= HEADER) {
      if (isRecord(view, pos, end)) {
        pos += HEADER + view.readUInt16LE(pos + 4)
      } else if (isUnfinished(view, pos, block + BLOCK)) {
        return undefined
      } else {
        return `a record at byte ${pos} does not match its checksum`
      }
    }
  }

  return undefined
}

function isRecord (view: Buffer, pos: number, end: number): boolean {
  const length = view.readUInt16LE(pos + 4)
  const type = view[pos + 6] ?? 0

  return type >= 1 && type <= MAX_TYPE && pos + HEADER + length <= end &&
    view.readUInt32LE(pos) === maskedCrc32c(view.subarray(pos + 6, pos + HEADER + length))
}

/** Whether the writer died in this record: nothing valid follows, and it is cut short or its end never reached the disk. */
function isUnfinished (view: Buffer, pos: number, blockEnd: number): boolean {
  const end = pos + HEADER + view.readUInt16LE(pos + 4)
  const zeros = trailingZeros(view)

  if (view.length - pos <= zeros) {
    return true
  }

  const cutShort = end <= blockEnd && end > view.length

  return (cutShort || zeros >= SECTOR) && !isFollowed(view, pos + 1)
}

/** Whether any later byte begins a valid record. */
function isFollowed (view: Buffer, from: number): boolean {
  for (let pos = from; view.length - pos >= HEADER; pos++) {
    const blockEnd = (Math.floor(pos / BLOCK) + 1) * BLOCK

    if (isRecord(view, pos, Math.min(blockEnd, view.length))) {
      return true
    }
  }

  return false
}

function trailingZeros (view: Buffer): number {
  let pos = view.length

  while (pos > 0 && view[pos - 1] === 0) {
    pos--
  }

  return view.length - pos
}

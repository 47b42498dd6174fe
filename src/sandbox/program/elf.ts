/**
 * Reads what decides whether an ELF program can be started: its architecture,
 * its loader, its libraries and their versions. System V ABI, chapters 4 and 5
 * (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html); versions:
 * Linux Standard Base, "Symbol Versioning".
 *
 * The file is a stranger's. Every offset and count in it is checked against
 * the file and against a bound before it is followed, and only the parts that
 * are needed are read.
 */

/** Gives `length` bytes at `offset`, or fewer where the file ends. */
export type ReadAt = (offset: number, length: number) => Buffer

export interface ElfHeader {
  class: 32 | 64
  littleEndian: boolean
  machine: number
  /** ET_REL 1, ET_EXEC 2, ET_DYN 3, ET_CORE 4. */
  type: number
  entry: number
}

export interface VersionNeed {
  library: string
  /** e.g. GLIBC_2.34; those marked weak are left out. */
  versions: string[]
}

export interface ElfFacts extends ElfHeader {
  /** The loader, of a dynamically linked program. */
  interpreter?: string
  needed: string[]
  rpath: string[]
  runpath: string[]
  versionNeeds: VersionNeed[]
  /** Versions that this file, a library, defines. */
  versionsDefined: string[]
}

/** The file says it is ELF and contradicts itself. */
export class ElfError extends Error {
  override name = 'ElfError'
}

const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46])

// Large libraries stay far below all of these.
const MAX_SEGMENTS = 256
const MAX_DYNAMIC_BYTES = 64 * 1024
const MAX_NEEDED = 512
const MAX_VERSIONS = 512
/** PATH_MAX of Linux. */
const MAX_STRING = 4096
const MAX_SEARCH_FOLDERS = 64

const PT_LOAD = 1
const PT_DYNAMIC = 2
const PT_INTERP = 3

const DT_NULL = 0
const DT_NEEDED = 1
const DT_STRTAB = 5
const DT_RPATH = 15
const DT_RUNPATH = 29
const DT_VERDEF = 0x6ffffffc
const DT_VERDEFNUM = 0x6ffffffd
const DT_VERNEED = 0x6ffffffe
const DT_VERNEEDNUM = 0x6fffffff

const VER_FLG_BASE = 1
const VER_FLG_WEAK = 2

export function isElf (start: Buffer): boolean {
  return start.subarray(0, 4).equals(MAGIC)
}

/** Enough to say for which machine the file is; throws ElfError. */
export function readElfHeader (read: ReadAt): ElfHeader {
  const head = read(0, 24)
  const elfClass = head[4]
  const data = head[5]

  if (head.length < 24 || !isElf(head) || (elfClass !== 1 && elfClass !== 2) || (data !== 1 && data !== 2)) {
    throw new ElfError('its ELF header is not valid')
  }

  const wide = elfClass === 2
  const fields = new Fields(exactly(read, 0, wide ? 64 : 52), data === 1, wide)

  return {
    class: wide ? 64 : 32,
    littleEndian: data === 1,
    type: fields.u16(16),
    machine: fields.u16(18),
    entry: fields.word(24, false)
  }
}

/** Everything; throws ElfError. */
export function readElf (read: ReadAt): ElfFacts {
  const header = readElfHeader(read)
  const wide = header.class === 64
  const segments = readSegments(read, header)
  const facts: ElfFacts = { ...header, needed: [], rpath: [], runpath: [], versionNeeds: [], versionsDefined: [] }
  const interpreter = segments.find(segment => segment.type === PT_INTERP)
  const dynamic = segments.find(segment => segment.type === PT_DYNAMIC)

  if (interpreter != null) {
    facts.interpreter = text(read, interpreter.offset, Math.min(interpreter.size, MAX_STRING))
  }

  if (dynamic == null) {
    return facts
  }

  const entries = readDynamic(read, header, dynamic)
  const stringsAt = fileOffset(segments, one(entries, DT_STRTAB))

  if (stringsAt == null) {
    return facts
  }

  const string = (offset: number): string => text(read, stringsAt + offset, MAX_STRING)
  const folders = (tag: number): string[] => all(entries, tag).flatMap(at => string(at).split(':')).filter(Boolean).slice(0, MAX_SEARCH_FOLDERS)

  facts.needed = [...new Set(all(entries, DT_NEEDED).slice(0, MAX_NEEDED).map(string))]
  facts.rpath = folders(DT_RPATH)
  facts.runpath = folders(DT_RUNPATH)

  const versions = { read, string, littleEndian: header.littleEndian, wide }
  const needsAt = fileOffset(segments, one(entries, DT_VERNEED))
  const definedAt = fileOffset(segments, one(entries, DT_VERDEF))

  if (needsAt != null) {
    facts.versionNeeds = readVersionNeeds(versions, needsAt, one(entries, DT_VERNEEDNUM) ?? 0)
  }

  if (definedAt != null) {
    facts.versionsDefined = readVersionsDefined(versions, definedAt, one(entries, DT_VERDEFNUM) ?? 0)
  }

  return facts
}

interface Segment { type: number, offset: number, address: number, size: number }
interface DynamicEntry { tag: number, value: number }
interface VersionSource { read: ReadAt, string: (offset: number) => string, littleEndian: boolean, wide: boolean }

function readSegments (read: ReadAt, header: ElfHeader): Segment[] {
  const wide = header.class === 64
  const head = new Fields(exactly(read, 0, wide ? 64 : 52), header.littleEndian, wide)
  const at = head.word(wide ? 32 : 28)
  const size = head.u16(wide ? 54 : 42)
  const count = head.u16(wide ? 56 : 44)

  if (count === 0) {
    return []
  }

  if (size !== (wide ? 56 : 32) || count > MAX_SEGMENTS) {
    throw new ElfError(`its program headers are not valid (${count} of ${size} bytes)`)
  }

  const table = new Fields(exactly(read, at, size * count), header.littleEndian, wide)

  return Array.from({ length: count }, (_, i) => ({
    type: table.u32(i * size),
    offset: table.word(i * size + (wide ? 8 : 4), false),
    address: table.word(i * size + (wide ? 16 : 8), false),
    size: table.word(i * size + (wide ? 32 : 16), false)
  }))
}

function readDynamic (read: ReadAt, header: ElfHeader, segment: Segment): DynamicEntry[] {
  const wide = header.class === 64
  const step = wide ? 16 : 8
  const bytes = readSafely(read, segment.offset, Math.min(segment.size, MAX_DYNAMIC_BYTES))
  const fields = new Fields(bytes, header.littleEndian, wide)
  const entries: DynamicEntry[] = []

  for (let at = 0; at + step <= bytes.length; at += step) {
    // Values that are no offsets (flags, sizes of tables we skip) may use all 64 bits.
    const tag = fields.word(at, false)

    if (tag === DT_NULL) {
      break
    }

    entries.push({ tag, value: fields.word(at + step / 2, false) })
  }

  return entries
}

function readVersionNeeds (source: VersionSource, start: number, count: number): VersionNeed[] {
  const needs: VersionNeed[] = []
  let left = MAX_VERSIONS
  let at = start

  for (let i = 0; i < count && left-- > 0; i++) {
    const need = new Fields(exactly(source.read, at, 16), source.littleEndian, source.wide)
    const library = source.string(need.u32(4))
    const versions: string[] = []
    let auxAt = at + need.u32(8)

    for (let j = 0; j < need.u16(2) && left-- > 0; j++) {
      const aux = new Fields(exactly(source.read, auxAt, 16), source.littleEndian, source.wide)

      if ((aux.u16(4) & VER_FLG_WEAK) === 0) {
        versions.push(source.string(aux.u32(8)))
      }

      if (aux.u32(12) === 0) {
        break
      }

      auxAt += aux.u32(12)
    }

    needs.push({ library, versions })

    if (need.u32(12) === 0) {
      break
    }

    at += need.u32(12)
  }

  return needs
}

function readVersionsDefined (source: VersionSource, start: number, count: number): string[] {
  const defined: string[] = []
  let at = start

  for (let i = 0; i < Math.min(count, MAX_VERSIONS); i++) {
    const definition = new Fields(exactly(source.read, at, 20), source.littleEndian, source.wide)

    // The base definition is the library's own name.
    if ((definition.u16(2) & VER_FLG_BASE) === 0) {
      const aux = new Fields(exactly(source.read, at + definition.u32(12), 8), source.littleEndian, source.wide)

      defined.push(source.string(aux.u32(0)))
    }

    if (definition.u32(16) === 0) {
      break
    }

    at += definition.u32(16)
  }

  return defined
}

/** Where the byte at this address of the process lies in the file. */
function fileOffset (segments: Segment[], address: number | undefined): number | undefined {
  if (address == null) {
    return undefined
  }

  const segment = segments.find(({ type, address: start, size }) => type === PT_LOAD && address >= start && address < start + size)

  return segment == null ? undefined : segment.offset + address - segment.address
}

function one (entries: DynamicEntry[], tag: number): number | undefined {
  return entries.find(entry => entry.tag === tag)?.value
}

function all (entries: DynamicEntry[], tag: number): number[] {
  return entries.filter(entry => entry.tag === tag).map(entry => entry.value)
}

function exactly (read: ReadAt, offset: number, length: number): Buffer {
  const bytes = readSafely(read, offset, length)

  if (bytes.length < length) {
    throw new ElfError('it is cut short: its ELF headers point beyond its end')
  }

  return bytes
}

function text (read: ReadAt, offset: number, max: number): string {
  const bytes = readSafely(read, offset, max)
  const end = bytes.indexOf(0)

  return bytes.subarray(0, end === -1 ? bytes.length : end).toString('utf8')
}

function readSafely (read: ReadAt, offset: number, length: number): Buffer {
  return Number.isSafeInteger(offset) && offset >= 0 && length > 0 ? read(offset, length) : Buffer.alloc(0)
}

/** Fields of a structure in the file's own byte order and word size. */
class Fields {
  constructor (private readonly bytes: Buffer, private readonly littleEndian: boolean, private readonly wide: boolean) {}

  u16 (at: number): number {
    return this.littleEndian ? this.bytes.readUInt16LE(at) : this.bytes.readUInt16BE(at)
  }

  u32 (at: number): number {
    return this.littleEndian ? this.bytes.readUInt32LE(at) : this.bytes.readUInt32BE(at)
  }

  /** A word of the file's class. Unless it may be inexact, one that no file can be as long as is an error. */
  word (at: number, exact = true): number {
    if (!this.wide) {
      return this.u32(at)
    }

    const value = Number(this.littleEndian ? this.bytes.readBigUInt64LE(at) : this.bytes.readBigUInt64BE(at))

    if (exact && !Number.isSafeInteger(value)) {
      throw new ElfError('its ELF headers point beyond its end')
    }

    return value
  }
}

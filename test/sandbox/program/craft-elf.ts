/** Small ELF files made by hand: what a compiler of this machine cannot make. */
export interface Craft {
  class?: 32 | 64
  bigEndian?: boolean
  machine?: number
  type?: number
  entry?: number
  interpreter?: string
  needed?: string[]
  rpath?: string
  runpath?: string
  versionNeeds?: Array<{ library: string, versions: Array<string | { weak: string }> }>
  versionsDefined?: string[]
}

/** One PT_LOAD over the whole file at address 0x10000, then PT_INTERP and PT_DYNAMIC as needed. */
export function craftElf (craft: Craft = {}): Buffer {
  const wide = (craft.class ?? 64) === 64
  const big = craft.bigEndian ?? false
  const base = 0x10000
  const headerSize = wide ? 64 : 52
  const segmentSize = wide ? 56 : 32
  const strings: number[] = [0]
  const string = (text: string): number => {
    const at = strings.length

    strings.push(...Buffer.from(text), 0)
    return at
  }

  const u16 = (value: number): Buffer => { const b = Buffer.alloc(2); big ? b.writeUInt16BE(value) : b.writeUInt16LE(value); return b }
  const u32 = (value: number): Buffer => { const b = Buffer.alloc(4); big ? b.writeUInt32BE(value) : b.writeUInt32LE(value); return b }
  const u64 = (value: number): Buffer => { const b = Buffer.alloc(8); big ? b.writeBigUInt64BE(BigInt(value)) : b.writeBigUInt64LE(BigInt(value)); return b }
  const word = wide ? u64 : u32

  const needs = (craft.versionNeeds ?? []).map(({ library, versions }, i, list) => Buffer.concat([
    u16(1), u16(versions.length), u32(string(library)), u32(16), u32(i === list.length - 1 ? 0 : 16 + 16 * versions.length),
    ...versions.map((version, j) => Buffer.concat([
      u32(0), u16(typeof version === 'string' ? 0 : 2), u16(2), u32(string(typeof version === 'string' ? version : version.weak)),
      u32(j === versions.length - 1 ? 0 : 16)
    ]))
  ]))
  const defined = (craft.versionsDefined ?? []).map((version, i, list) => Buffer.concat([
    u16(1), u16(0), u16(i + 2), u16(1), u32(0), u32(20), u32(i === list.length - 1 ? 0 : 28), u32(string(version)), u32(0)
  ]))

  const tags: Array<[number, number | (() => number)]> = [
    ...(craft.needed ?? []).map(name => [1, string(name)] as [number, number]),
    ...(craft.rpath == null ? [] : [[15, string(craft.rpath)] as [number, number]]),
    ...(craft.runpath == null ? [] : [[29, string(craft.runpath)] as [number, number]]),
    [5, () => base + stringsAt],
    ...(needs.length === 0 ? [] : [[0x6ffffffe, () => base + needsAt], [0x6fffffff, needs.length]] as Array<[number, number | (() => number)]>),
    ...(defined.length === 0 ? [] : [[0x6ffffffc, () => base + definedAt], [0x6ffffffd, defined.length]] as Array<[number, number | (() => number)]>),
    [0, 0]
  ]
  const dynamic = tags.length > 2
  const interpreter = craft.interpreter == null ? Buffer.alloc(0) : Buffer.from(`${craft.interpreter}\0`)
  const segments = 1 + (craft.interpreter == null ? 0 : 1) + (dynamic ? 1 : 0)
  const interpreterAt = headerSize + segmentSize * segments
  const dynamicAt = interpreterAt + interpreter.length
  const dynamicSize = dynamic ? tags.length * (wide ? 16 : 8) : 0
  const needsAt = dynamicAt + dynamicSize
  const definedAt = needsAt + Buffer.concat(needs).length
  const stringsAt = definedAt + Buffer.concat(defined).length
  const total = stringsAt + strings.length

  const segment = (type: number, offset: number, size: number): Buffer => wide
    ? Buffer.concat([u32(type), u32(5), u64(offset), u64(base + offset), u64(base + offset), u64(size), u64(size), u64(1)])
    : Buffer.concat([u32(type), u32(offset), u32(base + offset), u32(base + offset), u32(size), u32(size), u32(5), u32(1)])

  return Buffer.concat([
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, big ? 2 : 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    u16(craft.type ?? 2), u16(craft.machine ?? 62), u32(1), word(craft.entry ?? base), word(headerSize), word(0), u32(0),
    u16(headerSize), u16(segmentSize), u16(segments), u16(0), u16(0), u16(0),
    segment(1, 0, total),
    ...(craft.interpreter == null ? [] : [segment(3, interpreterAt, interpreter.length)]),
    ...(dynamic ? [segment(2, dynamicAt, dynamicSize)] : []),
    interpreter,
    ...(dynamic ? tags.map(([tag, value]) => Buffer.concat([word(tag), word(typeof value === 'number' ? value : value())])) : []),
    ...needs, ...defined, Buffer.from(strings)
  ])
}

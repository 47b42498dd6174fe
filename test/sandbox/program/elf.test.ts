import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ElfError, readElf } from '../../../src/sandbox/program/elf.ts'
import { craftElf } from './craft-elf.ts'
import type { ReadAt } from '../../../src/sandbox/program/elf.ts'
import type { Craft } from './craft-elf.ts'

function reader (file: Buffer): ReadAt {
  return (offset, length) => file.subarray(offset, Math.min(file.length, offset + length))
}

const RICH: Craft = {
  interpreter: '/lib64/ld-linux-x86-64.so.2',
  needed: ['libfoo.so.1', 'libc.so.6'],
  runpath: '$ORIGIN/lib:/opt/lib',
  versionNeeds: [
    { library: 'libc.so.6', versions: ['GLIBC_2.34', { weak: 'GLIBC_2.99' }, 'GLIBC_2.2.5'] },
    { library: 'libfoo.so.1', versions: ['FOO_1'] }
  ],
  versionsDefined: ['MINE_1.0', 'MINE_1.2']
}

describe('reading ELF files', () => {
  it.each([
    ['64-bit little-endian', { class: 64, bigEndian: false, machine: 62 }],
    ['32-bit little-endian', { class: 32, bigEndian: false, machine: 40 }],
    ['64-bit big-endian', { class: 64, bigEndian: true, machine: 22 }],
    ['32-bit big-endian', { class: 32, bigEndian: true, machine: 20 }]
  ] as const)('reads loader, libraries and versions of a %s file', (_, kind) => {
    expect(readElf(reader(craftElf({ ...RICH, ...kind })))).toEqual({
      class: kind.class,
      littleEndian: !kind.bigEndian,
      machine: kind.machine,
      type: 2,
      entry: 0x10000,
      interpreter: '/lib64/ld-linux-x86-64.so.2',
      needed: ['libfoo.so.1', 'libc.so.6'],
      rpath: [],
      runpath: ['$ORIGIN/lib', '/opt/lib'],
      versionNeeds: [
        { library: 'libc.so.6', versions: ['GLIBC_2.34', 'GLIBC_2.2.5'] },
        { library: 'libfoo.so.1', versions: ['FOO_1'] }
      ],
      versionsDefined: ['MINE_1.0', 'MINE_1.2']
    })
  })

  it('reads a static file, which has neither loader nor libraries', () => {
    const facts = readElf(reader(craftElf()))

    expect(facts.interpreter).toBeUndefined()
    expect(facts).toMatchObject({ needed: [], versionNeeds: [] })
  })

  it('refuses a file that is cut short inside its headers', () => {
    const file = craftElf(RICH)

    for (const length of [4, 20, 40, 63, 100, 230]) {
      expect(() => readElf(reader(file.subarray(0, length)))).toThrow(ElfError)
    }
  })

  it('answers or refuses, and nothing else, when any bytes of a good file are changed', () => {
    const good = craftElf(RICH)
    const change = fc.tuple(fc.integer({ min: 4, max: good.length - 1 }), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 })))

    fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), fc.integer({ min: 4, max: good.length }), (changes, length) => {
      const bad = Buffer.from(good)

      for (const [at, value] of changes) {
        bad[at] = value
      }

      expectBounded(bad.subarray(0, length))
    }), { numRuns: 3_000 })
  })

  it('answers or refuses for bytes that only begin like ELF', () => {
    const start = fc.constantFrom([2, 1], [1, 1], [2, 2], [1, 2], [0, 0])

    fc.assert(fc.property(start, fc.uint8Array({ maxLength: 600 }), (ident, rest) => {
      expectBounded(Buffer.from([0x7f, 0x45, 0x4c, 0x46, ...ident, ...rest]))
    }), { numRuns: 1_000 })
  })

  it('reads a bounded part of a version table whose records overlap without end', () => {
    // A record's own count of entries is taken from its successor's bytes, so the table feeds on itself.
    const one = Buffer.alloc(4)
    const file = Buffer.concat([craftElf({ versionNeeds: [{ library: 'a', versions: ['A_1'] }] }), Buffer.alloc(60_000, 1)])

    one.writeUInt32LE(1)

    const verneed = file.indexOf(Buffer.from([1, 0, 1, 0]), 200)

    one.copy(file, verneed + 12)
    expect(readElf(reader(file)).versionNeeds).toEqual([{ library: 'a', versions: ['A_1'] }])
    expectBounded(file)
  })
})

function expectBounded (file: Buffer): void {
  let reads = 0
  const read = reader(file)

  try {
    const facts = readElf((offset, length) => {
      reads++
      expect(Number.isFinite(offset)).toBe(true)
      expect(length).toBeLessThanOrEqual(64 * 1024)
      return read(offset, length)
    })

    expect(facts.needed.length).toBeLessThanOrEqual(512)
  } catch (err) {
    expect(err).toBeInstanceOf(ElfError)
  }

  expect(reads).toBeLessThan(5_000)
}

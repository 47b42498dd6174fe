/**
 * A program that does nothing: it ends with exit code 0 as soon as it is
 * there. No loader, no library, no stack used: what its runs take is what
 * starting and reaping any program costs in a box.
 *
 * The file is the smallest that Linux takes for a 64-bit executable: the
 * ELF header, one program header, the machine code (elf(5)).
 */

interface Target {
  /** e_machine */
  machine: number
  code: number[]
}

const TARGETS: Partial<Record<string, Target>> = {
  x64: {
    machine: 62,
    code: [
      0x31, 0xff, // xor edi, edi
      0xb8, 0xe7, 0x00, 0x00, 0x00, // mov eax, 231 (exit_group)
      0x0f, 0x05 // syscall
    ]
  },
  arm64: {
    machine: 183,
    code: [
      0x00, 0x00, 0x80, 0xd2, // mov x0, #0
      0xc8, 0x0b, 0x80, 0xd2, // mov x8, #94 (exit_group)
      0x01, 0x00, 0x00, 0xd4 // svc #0
    ]
  }
}

const HEADER_BYTES = 64
const PROGRAM_HEADER_BYTES = 56

/** Where the file lies in memory; above vm.mmap_min_addr, and where linkers put programs. */
const BASE = 0x400000n

/** A multiple of every page size that these machines have: 4, 16 and 64 KiB. */
const ALIGNMENT = 0x10000n

/** @param arch - Node's word for it; undefined for one that we have no code for */
export function floorProgram (arch: string): Buffer | undefined {
  const target = TARGETS[arch]

  if (target == null) {
    return undefined
  }

  const start = HEADER_BYTES + PROGRAM_HEADER_BYTES
  const file = Buffer.alloc(start + target.code.length)

  file.set([
    0x7f, 0x45, 0x4c, 0x46, // magic: DEL E L F
    2, // 64-bit
    1, // little-endian
    1, // version
    0 // System V
  ])
  file.writeUInt16LE(2, 16) // e_type: executable at a fixed address
  file.writeUInt16LE(target.machine, 18) // e_machine
  file.writeUInt32LE(1, 20) // e_version
  file.writeBigUInt64LE(BASE + BigInt(start), 24) // e_entry
  file.writeBigUInt64LE(BigInt(HEADER_BYTES), 32) // e_phoff: right behind this header
  file.writeUInt16LE(HEADER_BYTES, 52) // e_ehsize
  file.writeUInt16LE(PROGRAM_HEADER_BYTES, 54) // e_phentsize
  file.writeUInt16LE(1, 56) // e_phnum

  // The whole file, headers included, is the one segment: its offset and address must agree modulo the page size.
  file.writeUInt32LE(1, HEADER_BYTES) // p_type: load
  file.writeUInt32LE(4 | 1, HEADER_BYTES + 4) // p_flags: readable, executable
  file.writeBigUInt64LE(0n, HEADER_BYTES + 8) // p_offset
  file.writeBigUInt64LE(BASE, HEADER_BYTES + 16) // p_vaddr
  file.writeBigUInt64LE(BASE, HEADER_BYTES + 24) // p_paddr
  file.writeBigUInt64LE(BigInt(file.length), HEADER_BYTES + 32) // p_filesz
  file.writeBigUInt64LE(BigInt(file.length), HEADER_BYTES + 40) // p_memsz
  file.writeBigUInt64LE(ALIGNMENT, HEADER_BYTES + 48) // p_align
  file.set(target.code, start)

  return file
}

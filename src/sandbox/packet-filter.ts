/** A system call as a filter sees it: struct seccomp_data without the instruction pointer. */
export interface CallSeen {
  nr: number
  /** AUDIT_ARCH_*, linux/audit.h. */
  arch: number
  /** Up to six registers of 64 bits. */
  args?: readonly bigint[]
}

/**
 * The kernel's classic packet filter machine, as far as seccomp filters use
 * it: loads of 32-bit words, jumps, bitwise and, return. Returns the answer,
 * SECCOMP_RET_*. Encoding: include/uapi/linux/filter.h, 8 bytes per instruction.
 */
export function runFilter (program: Buffer, { nr, arch, args = [] }: CallSeen): number {
  const data = Buffer.alloc(64)

  data.writeUInt32LE(nr >>> 0, 0)
  data.writeUInt32LE(arch, 4)
  args.forEach((value, index) => { data.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * index) })

  let accumulator = 0

  for (let pc = 0; pc * 8 < program.length; pc++) {
    const code = program.readUInt16LE(pc * 8)
    const jumpTrue = program[pc * 8 + 2] ?? 0
    const jumpFalse = program[pc * 8 + 3] ?? 0
    const k = program.readUInt32LE(pc * 8 + 4)
    const jump = (condition: boolean) => { pc += condition ? jumpTrue : jumpFalse }

    switch (code) {
      case 0x20: accumulator = data.readUInt32LE(k); break
      case 0x54: accumulator = (accumulator & k) >>> 0; break
      case 0x05: pc += k; break
      case 0x15: jump(accumulator === k); break
      case 0x25: jump(accumulator > k); break
      case 0x35: jump(accumulator >= k); break
      case 0x45: jump((accumulator & k) !== 0); break
      case 0x06: return k
      default: throw new Error(`instruction ${code.toString(16)} is not known`)
    }
  }

  throw new Error('the filter has no end')
}

import type { Attack, Theme } from '../attack.ts'

/** An ELF file of this architecture whose interpreter is whatever is given. */
function elf (interpreter: string, machine = process.arch === 'arm64' ? 183 : 62): { base64: string } {
  const file = Buffer.alloc(64 + 56 + interpreter.length + 1)

  file.write('\x7fELF\x02\x01\x01', 0, 'latin1')
  file.writeUInt16LE(3, 16)
  file.writeUInt16LE(machine, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(64, 52)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  file.writeUInt32LE(3, 64)
  file.writeBigUInt64LE(120n, 72)
  file.writeBigUInt64LE(BigInt(interpreter.length + 1), 96)
  file.write(interpreter, 120, 'latin1')

  return { base64: file.toString('base64') }
}

const refused = (name: string, content: string | { base64: string }, reason: RegExp): Attack => ({
  name, program: { own: 'program' }, kinds: ['run', 'exec'], files: { program: content }, expect: { outcome: 'not-run', reason }
})

export const PROGRAMS: Theme = {
  title: 'against a file that is no program',
  attacks: [
    refused('is empty', '', /program/),
    refused('is text', 'hello\n', /program/),
    refused('is nothing but a magic number', '\x7fELF', /program/),
    refused('is for another architecture', elf('/lib64/ld-linux-x86-64.so.2', 8), /program/),
    refused('wants a loader that is missing', elf('/lib/ld-none.so'), /ld-none/),
    refused('wants a device for its loader', elf('/dev/zero'), /program/),
    refused('wants the runner for its loader', elf('/proc/1/exe'), /program/),
    refused('is interpreted by itself', '#!./program\n', /program/),
    refused('is interpreted by nothing', '#!\n', /program/),
    refused('is interpreted by what is missing', '#!/usr/bin/none -x\n', /none/),
    refused('is interpreted by a device', '#!/dev/zero\n', /program/)
  ]
}

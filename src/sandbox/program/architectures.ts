import type { ElfHeader } from './elf.ts'

interface Architecture {
  /** e_machine: https://www.sco.com/developers/gabi/latest/ch4.eheader.html and the processor supplements. */
  machine: number
  class: 32 | 64
  littleEndian: boolean
  /** As people say it. */
  name: string
  article: 'a' | 'an'
  /** Node's process.arch, which is also what `--where arch=` takes. */
  arch?: string
  /** How glibc calls it: multiarch folders, $PLATFORM. */
  triplet?: string
}

const KNOWN: Architecture[] = [
  { machine: 62, class: 64, littleEndian: true, name: 'x86-64', article: 'an', arch: 'x64', triplet: 'x86_64-linux-gnu' },
  { machine: 62, class: 32, littleEndian: true, name: 'x32', article: 'an' },
  { machine: 3, class: 32, littleEndian: true, name: 'i386 (32-bit x86)', article: 'an', arch: 'ia32', triplet: 'i386-linux-gnu' },
  { machine: 183, class: 64, littleEndian: true, name: 'aarch64', article: 'an', arch: 'arm64', triplet: 'aarch64-linux-gnu' },
  { machine: 40, class: 32, littleEndian: true, name: '32-bit ARM', article: 'a', arch: 'arm', triplet: 'arm-linux-gnueabihf' },
  { machine: 243, class: 64, littleEndian: true, name: 'RISC-V', article: 'a', arch: 'riscv64', triplet: 'riscv64-linux-gnu' },
  { machine: 21, class: 64, littleEndian: true, name: 'ppc64le', article: 'a', arch: 'ppc64', triplet: 'powerpc64le-linux-gnu' },
  { machine: 22, class: 64, littleEndian: false, name: 's390x', article: 'an', arch: 's390x', triplet: 's390x-linux-gnu' },
  { machine: 258, class: 64, littleEndian: true, name: 'LoongArch', article: 'a', arch: 'loong64', triplet: 'loongarch64-linux-gnu' }
]

/** Undefined for one that no worker has. */
export function architectureOf (header: ElfHeader): Architecture | undefined {
  return KNOWN.find(known => known.machine === header.machine && known.class === header.class && known.littleEndian === header.littleEndian)
}

/** By node's process.arch. */
export function architectureNamed (arch: string): Architecture | undefined {
  return KNOWN.find(known => known.arch === arch)
}

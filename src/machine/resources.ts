import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import os from 'node:os'
import { printable } from '../model/text.ts'
import { cpuModelFrom } from './cpu-model.ts'
import type { Resources } from '../model/machine.ts'

/** What this process may use of its machine. Nothing that is missing fails it. */
export async function readResources (): Promise<Resources> {
  const [id, cpuinfo, board, release] = await Promise.all([
    readMachineId(),
    readOr('/proc/cpuinfo', ''),
    readOr('/proc/device-tree/model', ''),
    readOr('/etc/os-release', '')
  ])

  return {
    machineId: id,
    platform: process.platform,
    arch: process.arch,
    cpuModel: printable(cpuModelFrom(cpuinfo, board) ?? (os.cpus()[0]?.model.trim() || process.arch), 80),
    // Counts the processor affinity, which os.cpus() does not.
    cores: os.availableParallelism(),
    memoryBytes: usableMemory(os.totalmem(), process.constrainedMemory()),
    kernel: os.release(),
    os: printable(prettyName(release) ?? os.type(), 80),
    nodeVersion: process.version
  }
}

/** The smaller of what the machine has and what the control group allows, which reads as 0 or as 2^64 when it sets no limit. */
export function usableMemory (total: number, constrained: number | undefined): number {
  return constrained != null && constrained > 0 ? Math.min(total, constrained) : total
}

/** PRETTY_NAME of os-release(5). */
export function prettyName (release: string): string | undefined {
  const value = /^PRETTY_NAME=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S*))\s*$/m.exec(release)

  return (value?.[1]?.replace(/\\(.)/g, '$1') ?? value?.[2] ?? value?.[3]) || undefined
}

/**
 * machine-id(5) says that the id itself should not be shown to others; a hash
 * under a name of our own tells machines apart as well. Without one, the id of
 * this boot, then the host's name.
 */
async function readMachineId (): Promise<string> {
  const id = [await readOr('/etc/machine-id', ''), await readOr('/var/lib/dbus/machine-id', '')]
    .map(text => text.trim())
    .find(text => /^[0-9a-f]{32}$/.test(text))
  const source = id ?? ((await readOr('/proc/sys/kernel/random/boot_id', '')).trim() || os.hostname())

  return createHash('sha256').update(`meshmark machine ${source}`).digest('hex').slice(0, 32)
}

async function readOr (path: string, otherwise: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return otherwise
  }
}

import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { printable } from '../model/text.ts'

/**
 * Settings of a machine that make measurements on it less steady or less
 * comparable. The list is that of isolate-check-environment, with what runs
 * around the machine.
 */
export interface EnvironmentFiles {
  /** /proc/cpuinfo */
  cpuinfo: string
  /** A file that container engines leave behind, or their name. */
  container?: string
  /** /sys/devices/system/cpu/smt/active */
  smt: string
  /** Of every core, /sys/devices/system/cpu/cpuN/cpufreq/scaling_governor. */
  governors: string[]
  /** /sys/devices/system/cpu/cpufreq/boost, and intel_pstate/no_turbo, which means the opposite. */
  boost: string
  noTurbo: string
  /** /proc/swaps */
  swaps: string
  /** /proc/sys/kernel/randomize_va_space */
  randomize: string
  /** /sys/kernel/mm/transparent_hugepage/enabled */
  hugePages: string
  /** Of every /sys/class/power_supply/*: type and status. */
  supplies?: Array<{ type: string, status: string }>
  /** Of every /sys/bus/virtio/devices/*. */
  virtio?: Array<{ device: string, features: string }>
}

/** Numbers of the virtio specification, 5.5: the kind of device, and its feature VIRTIO_BALLOON_F_REPORTING. */
const BALLOON = 5
const BALLOON_REPORTING = 5

export interface EnvironmentCaveat {
  caveat: string
  /** What to type, or to do. */
  mend: string
}

/** In words, each with what changes it; empty for a machine that was set up for measuring. An empty text is a file that is not there. */
export function environmentCaveats (files: EnvironmentFiles): EnvironmentCaveat[] {
  const governors = [...new Set(files.governors.map(governor => governor.trim()).filter(governor => governor !== '' && governor !== 'performance'))]
  const caveats: Array<EnvironmentCaveat | false> = [
    /^flags\s*:.*\bhypervisor\b/m.test(files.cpuinfo) && { caveat: 'a virtual machine: others may use its cores', mend: 'measure on the machine itself, or on a virtual one with cores of its own' },
    (files.virtio ?? []).some(isReporting) && { caveat: 'memory that nobody uses goes back to the host, and is slow when it is first used again', mend: 'give the virtual machine a balloon without free page reporting, or none' },
    files.container != null && { caveat: `in a container (${printable(files.container, 30)})`, mend: 'start the worker outside of the container' },
    files.smt.trim() === '1' && { caveat: 'two threads share a core (SMT)', mend: 'echo off > /sys/devices/system/cpu/smt/control' },
    governors.length > 0 && { caveat: `the clock of the cores varies (governor ${printable(governors.join(', '), 60)})`, mend: 'cpupower frequency-set -g performance' },
    files.boost.trim() === '1' && { caveat: 'cores speed up while they are cool (boost)', mend: 'echo 0 > /sys/devices/system/cpu/cpufreq/boost' },
    files.noTurbo.trim() === '0' && { caveat: 'cores speed up while they are cool (turbo)', mend: 'echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo' },
    files.swaps.trim().split('\n').length > 1 && { caveat: 'memory may be swapped out', mend: 'swapoff -a' },
    /^[12]/.test(files.randomize) && { caveat: 'addresses are random in each run (ASLR)', mend: 'on a machine that only measures: sysctl -w kernel.randomize_va_space=0' },
    files.hugePages.includes('[always]') && { caveat: 'the kernel may use huge pages in some runs and not in others', mend: 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled' },
    (files.supplies ?? []).some(({ type, status }) => type.trim() === 'Battery' && status.trim() === 'Discharging') && { caveat: 'it runs on its battery, and may slow down to spare it', mend: 'plug it in' }
  ]

  return caveats.filter(caveat => caveat !== false)
}

/** Of this machine, now. What the kernel does not tell is left out. */
export async function readEnvironment (): Promise<EnvironmentCaveat[]> {
  const cpu = '/sys/devices/system/cpu'
  const cores = (await readdir(cpu).catch(() => [])).filter(name => /^cpu\d+$/.test(name))
  const [cpuinfo, smt, boost, noTurbo, swaps, randomize, hugePages, manager, ...governors] = await Promise.all([
    '/proc/cpuinfo', `${cpu}/smt/active`, `${cpu}/cpufreq/boost`, `${cpu}/intel_pstate/no_turbo`, '/proc/swaps', '/proc/sys/kernel/randomize_va_space',
    '/sys/kernel/mm/transparent_hugepage/enabled', '/run/systemd/container', ...cores.map(core => `${cpu}/${core}/cpufreq/scaling_governor`)
  ].map(async path => readFile(path, 'utf8').catch(() => '')))

  return environmentCaveats({
    cpuinfo: cpuinfo ?? '',
    container: containerOf(manager ?? ''),
    smt: smt ?? '',
    governors,
    boost: boost ?? '',
    noTurbo: noTurbo ?? '',
    swaps: swaps ?? '',
    randomize: randomize ?? '',
    hugePages: hugePages ?? '',
    supplies: await readAll('/sys/class/power_supply', ['type', 'status']),
    virtio: await readAll('/sys/bus/virtio/devices', ['device', 'features'])
  })
}

/** Files of every folder in this one; empty where they cannot be read. */
async function readAll<File extends string> (folder: string, files: readonly File[]): Promise<Array<Record<File, string>>> {
  const names = await readdir(folder).catch(() => [])

  return Promise.all(names.map(async name => {
    const texts = await Promise.all(files.map(async file => [file, await readFile(`${folder}/${name}/${file}`, 'utf8').catch(() => '')] as const))

    return Object.fromEntries(texts) as Record<File, string>
  }))
}

/** The kernel writes features as digits, the first of which is bit 0. */
function isReporting ({ device, features }: { device: string, features: string }): boolean {
  return Number(device) === BALLOON && features[BALLOON_REPORTING] === '1'
}

/** systemd writes down which kind it is in; Docker and Podman leave a file. */
function containerOf (manager: string): string | undefined {
  if (manager.trim() !== '') {
    return manager.trim()
  }

  return existsSync('/.dockerenv') ? 'docker' : existsSync('/run/.containerenv') ? 'podman' : undefined
}

import { readdir, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { EnvironmentCaveat } from './environment.ts'

/**
 * What else on a machine makes measurements on it less steady, less exact or
 * less telling. It is not in results: either it changes from day to day, and
 * the noise grade tells when it disturbed, or results say themselves what they
 * lack.
 */
export interface MachineFiles {
  /** Command lines of all processes, in words. */
  processes: string[][]
  /** /proc/sys/kernel/perf_event_paranoid */
  perfParanoid: string
  /** Names in /sys/bus/event_source/devices; undefined where there are none to see. */
  eventSources?: string[]
  /** /run/systemd/timesync/synchronized is there. */
  synchronized: boolean
  /** core_throttle_count of all cores. */
  throttles: string[]
}

export type Disturbance = EnvironmentCaveat & { name: string }

/** Programs that keep a machine's clock in step. */
const TIME_KEEPERS = ['chronyd', 'ntpd', 'ntpsec', 'openntpd', 'systemd-timesyncd', 'ptp4l']

/** Names of what counts hardware events: of Intel and AMD, of hybrid processors, of ARM. */
const HARDWARE_COUNTERS = /^(cpu|cpu_core|cpu_atom|armv\d.*|arm_.*pmu.*|cortex.*)$/

/** The last level at which a user may count events of a program of its own. Debian and Ubuntu add levels above it. */
const LAST_ALLOWED = 2

/** In words, each with what changes it; an empty text is a file that is not there. */
export function disturbances (files: MachineFiles): Disturbance[] {
  const names = new Set(files.processes.map(([program = '']) => basename(program)))
  const free = files.processes.filter(words => isWorker(words) && !words.some(word => /^--(cores|cpus)(=|$)/.test(word))).length
  const throttled = files.throttles.reduce((sum, count) => sum + (Number(count) || 0), 0)
  const paranoid = Number.parseInt(files.perfParanoid, 10)
  const found: Array<Disturbance | false> = [
    names.has('irqbalance') && { name: 'interrupts', caveat: 'irqbalance moves interrupts between cores at any time', mend: 'systemctl stop irqbalance' },
    free > 1 && { name: 'workers', caveat: `${free} workers of this machine measure in turns, and wait for each other`, mend: 'start each with --cores N: then they measure at the same time, on cores of their own' },
    throttled > 0 && { name: 'heat', caveat: `its processor has slowed down ${throttled} times because of heat since it was started`, mend: 'see to its cooling, or bound its frequency: cpupower frequency-set --max' },
    files.eventSources != null && !files.eventSources.some(name => HARDWARE_COUNTERS.test(name)) && {
      name: 'counters', caveat: 'its processor offers no hardware counters here, as in most virtual machines (--counters)', mend: 'measure on the machine itself, or give the virtual one a PMU'
    },
    paranoid > LAST_ALLOWED && { name: 'counters', caveat: `its kernel forbids users to count hardware events (perf_event_paranoid ${paranoid})`, mend: `sysctl -w kernel.perf_event_paranoid=${LAST_ALLOWED}` },
    !files.synchronized && !TIME_KEEPERS.some(name => names.has(name)) && { name: 'time', caveat: 'nothing seems to keep its clock in step: a second may be longer than elsewhere', mend: 'timedatectl set-ntp true, or install chrony' }
  ]

  return found.filter(disturbance => disturbance !== false)
}

/** `meshmark worker …`, `node …/main.js worker …` */
function isWorker (words: string[]): boolean {
  const [program = '', ...args] = /^node(js)?$/.test(basename(words[0] ?? '')) ? words.slice(1) : words

  return /^(meshmark|main\.js)$/.test(basename(program)) && args.some((word, index) => word === 'worker' && (index === 0 || args[index - 1] === '--role'))
}

/** Of this machine, now. What the kernel does not tell is left out. */
export async function readDisturbances (): Promise<Disturbance[]> {
  const cpu = '/sys/devices/system/cpu'
  const cores = (await names(cpu)).filter(name => /^cpu\d+$/.test(name))
  const processes = (await names('/proc')).filter(name => /^\d+$/.test(name))
  const [perfParanoid, synchronized, eventSources, commands, throttles] = await Promise.all([
    textOf('/proc/sys/kernel/perf_event_paranoid'),
    readFile('/run/systemd/timesync/synchronized').then(() => true, () => false),
    readdir('/sys/bus/event_source/devices').catch(() => undefined),
    Promise.all(processes.map(async pid => textOf(`/proc/${pid}/cmdline`))),
    Promise.all(cores.map(async core => textOf(`${cpu}/${core}/thermal_throttle/core_throttle_count`)))
  ])

  return disturbances({ processes: commands.map(words => words.split('\0').filter(word => word !== '')), perfParanoid, eventSources, synchronized, throttles })
}

async function textOf (path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

async function names (folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

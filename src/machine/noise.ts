import { readFile, readdir } from 'node:fs/promises'
import os from 'node:os'
import { parseNoise } from './noise-files.ts'
import type { NoiseReading } from './noise-files.ts'

export { gradeNoise } from './noise-grade.ts'
export type { Noise } from './noise-grade.ts'
export type { NoiseReading } from './noise-files.ts'

const SYS_CPU = '/sys/devices/system/cpu'

/** What of the machine matters. */
export interface NoiseScope {
  /** Logical processors to which programs are bound; absent = all. */
  processors?: readonly number[]
  /** Control groups that hold nothing but the worker and its boxes. */
  groups?: readonly string[]
}

/**
 * Counters of the machine at this moment. Two of them, before and after
 * the runs, make a grade: gradeNoise. What the kernel does not
 * offer stays undefined.
 */
export async function readNoise ({ processors, groups = [] }: NoiseScope = {}): Promise<NoiseReading> {
  const atNs = process.hrtime.bigint()
  const [stat, load, vmstat, cpu, memory, io, throttles, ...pressures] = await Promise.all([
    readOr('/proc/stat'),
    readOr('/proc/loadavg'),
    readOr('/proc/vmstat'),
    readOr('/proc/pressure/cpu'),
    readOr('/proc/pressure/memory'),
    readOr('/proc/pressure/io'),
    readThrottles(),
    ...groups.map(async group => readOr(`${group}/cpu.pressure`))
  ])

  return parseNoise({
    atNs,
    cores: os.cpus().length || os.availableParallelism(),
    stat,
    load,
    vmstat,
    pressure: { cpu, memory, io },
    throttles,
    processors,
    boxPressure: pressures.find(text => text !== '')
  })
}

/** How often the processor slowed itself down because of heat, over all cores; Intel's counters. */
async function readThrottles (): Promise<number | undefined> {
  const cores = (await readdir(SYS_CPU).catch(() => [])).filter(name => /^cpu\d+$/.test(name))
  const counts = await Promise.all(cores.map(core => readOr(`${SYS_CPU}/${core}/thermal_throttle/core_throttle_count`)))
  const known = counts.filter(count => count !== '')

  return known.length === 0 ? undefined : known.reduce((sum, count) => sum + Number(count), 0)
}

async function readOr (path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return ''
  }
}

/** Counters since boot of the whole machine; times in milliseconds. */
export interface NoiseReading {
  /** On the monotonic clock. */
  atNs: bigint
  /** Logical processors that were looked at. */
  cores: number
  /** Time that cores were busy, summed over cores, steal left out. */
  busyMs?: number
  /** Time that cores wanted to run and the hypervisor ran something else, summed over cores. */
  stealMs?: number
  /** Time during which at least one process waited for a core, for memory, for a disk: Linux's "some" pressure. */
  cpuWaitMs?: number
  memoryWaitMs?: number
  ioWaitMs?: number
  /** Time during which at least one process of the worker's boxes waited for a core; where a control group tells. */
  boxWaitMs?: number
  /** Processes that ran or wanted to, averaged over a minute. */
  load1?: number
  /** Pages written to and read from swap. */
  swappedPages?: number
  throttles?: number
}

export interface NoiseFiles {
  atNs: bigint
  cores: number
  stat: string
  load: string
  vmstat: string
  pressure: { cpu: string, memory: string, io: string }
  throttles?: number
  /** Those that count; absent = all. */
  processors?: readonly number[]
  /** cpu.pressure of the control group that the boxes are in. */
  boxPressure?: string
}

/** /proc counts time in hundredths of a second on every machine (USER_HZ), whatever the kernel's own tick is. */
export const TICK_MS = 10

/** From the texts of the files of proc(5); an empty text is a file that is not there. */
export function parseNoise (files: NoiseFiles): NoiseReading {
  const { cores, busy, steal } = files.processors == null ? ofAll(files) : ofSome(files.stat, files.processors)
  const load = Number.parseFloat(files.load)

  return {
    atNs: files.atNs,
    cores,
    busyMs: busy == null ? undefined : busy * TICK_MS,
    stealMs: steal == null ? undefined : steal * TICK_MS,
    cpuWaitMs: someMs(files.pressure.cpu),
    memoryWaitMs: someMs(files.pressure.memory),
    ioWaitMs: someMs(files.pressure.io),
    ...(files.boxPressure == null ? {} : { boxWaitMs: someMs(files.boxPressure) }),
    load1: Number.isNaN(load) ? undefined : load,
    swappedPages: swapped(files.vmstat),
    throttles: files.throttles
  }
}

interface Ticks { busy?: number, steal?: number }

function ofAll ({ stat, cores }: NoiseFiles): Ticks & { cores: number } {
  return { cores, ...ticksOf(/^cpu\s+(.+)$/m.exec(stat)?.[1]) }
}

function ofSome (stat: string, processors: readonly number[]): Ticks & { cores: number } {
  const wanted = new Set(processors)
  const found = [...stat.matchAll(/^cpu(\d+) (.+)$/gm)].filter(([, id]) => wanted.has(Number(id))).map(([, , counts]) => ticksOf(counts))
  const sum = (key: keyof Ticks): number | undefined => found.length === 0 ? undefined : found.reduce((total, ticks) => total + (ticks[key] ?? 0), 0)

  return { cores: wanted.size, busy: sum('busy'), steal: sum('steal') }
}

/** user nice system idle iowait irq softirq steal …; guest time is part of user. */
function ticksOf (counts: string | undefined): Ticks {
  if (counts == null) {
    return {}
  }

  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal] = counts.trim().split(/\s+/).map(Number)

  return { busy: user + nice + system + irq + softirq, steal }
}

/** `some avg10=… total=MICROSECONDS`: https://docs.kernel.org/accounting/psi.html */
function someMs (pressure: string): number | undefined {
  const total = /^some .*\btotal=(\d+)/m.exec(pressure)?.[1]

  return total == null ? undefined : Number(total) / 1_000
}

function swapped (vmstat: string): number | undefined {
  const counts = [...vmstat.matchAll(/^pswp(?:in|out) (\d+)$/gm)]

  return counts.length === 0 ? undefined : counts.reduce((sum, match) => sum + Number(match[1]), 0)
}

/** Counters since boot of the whole machine; times in milliseconds. */
export interface NoiseReading {
  /** On the monotonic clock. */
  atNs: bigint
  /** Logical processors of the machine, which may be more than the worker's. */
  cores: number
  /** Time that cores were busy, summed over cores, steal left out. */
  busyMs?: number
  /** Time that cores wanted to run and the hypervisor ran something else, summed over cores. */
  stealMs?: number
  /** Time during which at least one process waited for a core, for memory, for a disk: Linux's "some" pressure. */
  cpuWaitMs?: number
  memoryWaitMs?: number
  ioWaitMs?: number
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
}

/** /proc counts time in hundredths of a second on every machine (USER_HZ), whatever the kernel's own tick is. */
export const TICK_MS = 10

/** From the texts of the files of proc(5); an empty text is a file that is not there. */
export function parseNoise (files: NoiseFiles): NoiseReading {
  // user nice system idle iowait irq softirq steal …; guest time is part of user.
  const ticks = /^cpu\s+(.+)$/m.exec(files.stat)?.[1]?.trim().split(/\s+/).map(Number)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal] = ticks ?? []
  const load = Number.parseFloat(files.load)

  return {
    atNs: files.atNs,
    cores: files.cores,
    busyMs: ticks == null ? undefined : (user + nice + system + irq + softirq) * TICK_MS,
    stealMs: steal == null ? undefined : steal * TICK_MS,
    cpuWaitMs: someMs(files.pressure.cpu),
    memoryWaitMs: someMs(files.pressure.memory),
    ioWaitMs: someMs(files.pressure.io),
    load1: Number.isNaN(load) ? undefined : load,
    swappedPages: swapped(files.vmstat),
    throttles: files.throttles
  }
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

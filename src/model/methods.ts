/** How a quantity of a run is billed, the most reliable way first. */

export const CPU_METHODS = ['cgroup-v2', 'cgroup-v1', 'rusage'] as const
export const MEMORY_METHODS = ['cgroup-v2-peak', 'cgroup-v1-peak', 'adopted-maxrss', 'none'] as const
export const PROCESS_METHODS = ['cgroup-v2', 'cgroup-v1', 'rlimit'] as const

/** `rusage` = what the kernel bills to processes that were waited for; a program can hide some of it. */
export type CpuMethod = typeof CPU_METHODS[number]

/** `adopted-maxrss` = the largest single process, as the kernel remembers it; `none` = not known. */
export type MemoryMethod = typeof MEMORY_METHODS[number]

/** `rlimit` = counted by user and box, not by run. */
export type ProcessMethod = typeof PROCESS_METHODS[number]

/** Hardware counters of a run, all its processes together, in user mode only. */
export const COUNTERS = ['instructions', 'cycles', 'branchMisses', 'cacheMisses'] as const

export type Counter = typeof COUNTERS[number]

export type Counts = Partial<Record<Counter, number>>

/** Loaded without the charts themselves: help and completion list them. */
export const KINDS = ['busy', 'throughput', 'distribution', 'comparison', 'scaling'] as const

export type Kind = typeof KINDS[number]

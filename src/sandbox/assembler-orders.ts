import type { BoxPlan, BoxStep } from './box-plan.ts'

/** A plan as the assembler reads it: contents of files are descriptors. */
export interface AssemblerOrders extends Omit<BoxPlan, 'steps'> {
  steps: (Exclude<BoxStep, { do: 'file' }> | { do: 'file', fd: number, at: string, mode: number })[]
  /** Does the runner get one more user namespace, inside the one that makes the mounts? */
  nested: boolean
  /** Programs of util-linux that make the last user namespace, inside the box. */
  unshare: string
  setpriv: string
  /** To wait for before the map of uids is there; absent when it is. */
  blockFd?: number
  infoFd: number
  koffiFd: number
  /** What the runner gets, and nothing else. */
  keptFds: number[]
}

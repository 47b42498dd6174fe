import type { SomeLimits } from './limits.ts'
import type { CpuMethod, MemoryMethod, ProcessMethod } from './methods.ts'
import type { NoiseGrade } from './noise.ts'

/** What a worker says of the machine it runs on. */
export interface Resources {
  /** Two workers on one machine answer the same here. */
  machineId: string
  platform: string
  /** Node's word for it: x64, arm64, … */
  arch: string
  cpuModel: string
  /** Logical processors this worker may use. */
  cores: number
  memoryBytes: number
  /** e.g. 6.1.0-18-amd64 */
  kernel: string
  /** e.g. Debian GNU/Linux 12 (bookworm) */
  os: string
  nodeVersion: string
}

export type Protection = 'full' | 'partial' | 'none'

/** What the worker's box offers, read back from a real one; stands in every result. */
export interface SandboxFacts {
  /** How the box is built. */
  builder: 'bubblewrap' | 'unshare'
  builderVersion: string
  /** Namespaces in which the program is apart from the host: user, mnt, pid, net, ipc, uts, cgroup. */
  namespaces: string[]
  /** SHA-256 of the loaded system-call filters, lower-case hex. */
  filterHash: string
  uidMode: 'two-uids' | 'shared'
  /** `none` = limits hold per process only. */
  cgroup: 'v2' | 'v1' | 'none'
  /** How each quantity of a run is billed. */
  methods: { cpu: CpuMethod, memory: MemoryMethod, processes: ProcessMethod }
  /** What a cgroup bounds for all processes of a run together, which it may do without billing it; absent = what it bills. */
  bounds?: { memory: boolean, processes: boolean }
  /** The box has a /proc of its own; without one it has none at all. */
  proc: boolean
  kernel: string
  /** Canary name -> what was seen, e.g. network: refused. */
  canaries: Record<string, string>
  /** Protections that are missing, in words; empty when nothing is. */
  caveats: string[]
}

export interface WorkerInfo {
  peerId: string
  /** Unique in the mesh as shown; a second worker of a machine gets a suffix. */
  name: string
  resources: Resources
  labels: Record<string, string>
  /** Absent when no box can be built; `refusal` says why, and the worker gets no work. */
  sandbox?: SandboxFacts
  refusal?: string
  /** What no job may exceed here, whatever it asks for. */
  ceilings?: SomeLimits
  /** Wall times of a program that does nothing at all: what starting one costs in its box. Nanoseconds. */
  floor?: { minNs: number, medianNs: number }
  /** How quiet its machine was when it measured last, why not, and when that ended, in milliseconds since 1970 by its own clock. */
  noise?: { grade: NoiseGrade, reasons: string[], at: number }
  /** Logical processors to which its programs are bound: whole cores, which no other measuring worker of the machine uses. */
  boundTo?: number[]
  /** How many executions that are not measured it runs at the same time; absent = 1. What is measured has all of them. */
  slots?: number
  /** What its owner lets jobs do to the machine. */
  grants?: Grant[]
  /** Multiaddrs at which other workers reach it, to be given payloads; absent = at none. */
  addresses?: string[]
  /** Interpreters and compilers that its programs find, with the version each calls itself, empty when it says none; absent until they are known. */
  tools?: Array<{ name: string, version: string }>
}

/** `cold-cache`: empty the machine's file cache. */
export const GRANTS = ['cold-cache'] as const

export type Grant = typeof GRANTS[number]

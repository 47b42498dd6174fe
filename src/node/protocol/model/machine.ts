import { field, list, map, message, optional, optionalList, since } from '../schema/message.ts'
import { CPU_METHODS, MEMORY_METHODS, PROCESS_METHODS } from '../../../model/methods.ts'
import { bool, oneOf, text, uint } from '../schema/scalars.ts'
import { someLimits } from './limits.ts'
import { address, digest, millis, name, nanos, peerId, sentence, size, word } from './words.ts'
import { GRANTS } from '../../../model/machine.ts'
import type { Resources, SandboxFacts, WorkerInfo } from '../../../model/machine.ts'

export const MAX_PROCESSORS = 8_192

/** Places of one worker. */
export const MAX_SLOTS = 1_024

/** At which other workers reach one. */
export const MAX_WORKER_ADDRESSES = 16

/** Number of a logical processor. */
export const processor = uint({ max: 1_000_000 })

const label = text({ max: 256 })

export const resources = message<Resources>('Resources', {
  machineId: field(1, text({ max: 128 })),
  platform: field(2, name),
  arch: field(3, name),
  cpuModel: field(4, name),
  cores: field(5, uint({ max: 1_000_000 })),
  memoryBytes: field(6, size),
  kernel: field(7, name),
  os: field(8, name),
  nodeVersion: field(9, name)
})

/** A worker of an earlier version had no cgroups. */
const UNBILLED: SandboxFacts['methods'] = { cpu: 'rusage', memory: 'adopted-maxrss', processes: 'rlimit' }

export const cpuMethod = oneOf('CpuMethod', CPU_METHODS)
export const memoryMethod = oneOf('MemoryMethod', MEMORY_METHODS)

export const sandboxFacts = message<SandboxFacts>('SandboxFacts', {
  builder: field(1, oneOf('SandboxBuilder', ['bubblewrap', 'unshare'] as const)),
  builderVersion: field(2, name),
  namespaces: list(3, name, 16),
  filterHash: field(4, digest),
  uidMode: field(5, oneOf('UidMode', ['two-uids', 'shared'] as const)),
  cgroup: field(6, oneOf('CgroupMode', ['v2', 'v1', 'none'] as const)),
  kernel: field(7, name),
  canaries: map(8, label, sentence, 64),
  caveats: list(9, sentence, 64),
  methods: since(UNBILLED, field(10, message<SandboxFacts['methods']>('Methods', {
    cpu: field(1, cpuMethod),
    memory: field(2, memoryMethod),
    processes: field(3, oneOf('ProcessMethod', PROCESS_METHODS))
  }))),
  proc: since(true, field(11, bool)),
  bounds: optional(12, message<NonNullable<SandboxFacts['bounds']>>('Bounds', { memory: field(1, bool), processes: field(2, bool) }))
})

export const floor = message<NonNullable<WorkerInfo['floor']>>('Floor', { minNs: field(1, nanos), medianNs: field(2, nanos) })

export const noiseGrade = oneOf('NoiseGrade', ['A', 'B', 'C', 'D'] as const)

export const lastNoise = message<NonNullable<WorkerInfo['noise']>>('LastNoise', { grade: field(1, noiseGrade), reasons: list(2, sentence, 32), at: field(3, millis) })

const MAX_TOOLS = 64

const tool = message<NonNullable<WorkerInfo['tools']>[number]>('Tool', { name: field(1, name), version: field(2, name) })

/** Never none at all: each worker has its own Node. */
export const tools = (number: number): ReturnType<typeof optionalList<NonNullable<WorkerInfo['tools']>[number]>> => optionalList(number, tool, MAX_TOOLS)

export const workerInfo = message<WorkerInfo>('WorkerInfo', {
  peerId: field(1, peerId),
  name: field(2, name),
  resources: field(3, resources),
  labels: map(4, label, label, 64),
  sandbox: optional(5, sandboxFacts),
  refusal: optional(6, sentence),
  ceilings: optional(7, someLimits),
  floor: optional(8, floor),
  boundTo: optionalList(9, processor, MAX_PROCESSORS),
  grants: optionalList(10, oneOf('Grant', GRANTS), 16),
  slots: optional(11, uint({ min: 1, max: MAX_SLOTS })),
  addresses: optionalList(12, address, MAX_WORKER_ADDRESSES),
  tools: tools(13),
  noise: optional(14, lastNoise)
})

/** Environment of a program: names as POSIX has them. */
export const environmentName = text({ max: 256, min: 1, like: { test: value => !value.includes('='), words: 'the name of a variable' } })
export const environmentValue = word

import { peerIdOf } from './ids.ts'
import type { World } from './world.ts'
import type { Job } from '../../src/model/job.ts'
import type { SandboxFacts, WorkerInfo } from '../../src/model/machine.ts'
import type { Placement } from '../../src/model/placement.ts'

const SHARED: SandboxFacts = {
  builder: 'bubblewrap',
  builderVersion: '0.8.0',
  namespaces: [],
  filterHash: '',
  uidMode: 'shared',
  cgroup: 'none',
  methods: { cpu: 'rusage', memory: 'adopted-maxrss', processes: 'rlimit' },
  proc: true,
  kernel: '6',
  canaries: {},
  caveats: []
}

/** Some workers offer more protection, some allow less. */
export function workerInfo (peerId: string, name: string, number: number): WorkerInfo {
  return {
    peerId,
    name,
    labels: {},
    sandbox: number % 2 === 0 ? SHARED : { ...SHARED, uidMode: 'two-uids' },
    ...(number % 4 === 1 ? { slots: 2 } : {}),
    ...(number % 3 === 2 ? { ceilings: { memoryBytes: 2 ** 30 } } : {}),
    resources: { machineId: `m${number}`, platform: 'linux', arch: 'x64', cpuModel: 'cpu', cores: 2, memoryBytes: 2 ** 30, kernel: '6', os: 'os', nodeVersion: '20' }
  }
}

export function newJob (world: World, number: number, workers: string[], masters: number): Job {
  const on = world.pick(['all', 'any', 'any', 'names'] as const)!
  const names = workers.filter(() => world.chance(0.5)).slice(0, 3)
  const placement: Placement = on === 'names' && names.length > 0 ? { on, names, where: [] } : { on: on === 'names' ? 'any' : on, where: [] }

  return {
    id: `01ARZ3NDEKTSV4RRFFQ69G5${String(number).padStart(3, '0')}`,
    client: peerIdOf('c', Math.floor(world.between(0, 3))),
    kind: on === 'any' ? 'exec' : 'run',
    commands: [{ argv: ['true'], program: { kind: 'name', name: 'true' } }],
    ...(on === 'any' && world.chance(0.4) ? { each: { items: Array.from({ length: Math.floor(world.between(2, 24)) }, (_, at) => String(at)) } } : {}),
    ...(world.chance(0.4) ? { payload: { id: 'aa', files: [], chunkSize: 1, chunks: [] } } : {}),
    env: {},
    limits: world.chance(0.1) ? { memoryBytes: 2 ** 31 } : {},
    ...(world.chance(0.15) ? { require: ['two-uids' as const] } : {}),
    placement,
    plan: { kind: 'once' },
    ...(world.chance(0.2) ? { replicas: 1 + Math.floor(world.between(0, masters)) } : {}),
    ...(world.chance(0.3) ? { retryLostMs: Math.floor(world.chance(0.7) ? world.between(500, 5_000) : world.between(5_000, 40_000)) } : {}),
    submittedAt: 0
  }
}

import { peerIdOf } from './ids.ts'
import { LEAST_SANDBOX } from '../model/sandbox-facts.ts'
import type { World } from './world.ts'
import type { Job } from '../../src/model/job.ts'
import type { WorkerInfo } from '../../src/model/machine.ts'
import type { JobMap } from '../../src/model/map.ts'
import type { Placement } from '../../src/model/placement.ts'
import type { RestartRule } from '../../src/model/restart.ts'

/** Some workers offer more protection, some allow less. */
export function workerInfo (peerId: string, name: string, number: number): WorkerInfo {
  return {
    peerId,
    name,
    labels: {},
    sandbox: number % 2 === 0 ? LEAST_SANDBOX : { ...LEAST_SANDBOX, uidMode: 'two-uids' },
    ...(number % 4 === 1 ? { slots: 2 } : {}),
    ...(number % 3 === 2 ? { ceilings: { memoryBytes: 2 ** 30 } } : {}),
    resources: { machineId: `m${number}`, platform: 'linux', arch: 'x64', cpuModel: 'cpu', cores: 2, memoryBytes: 2 ** 30, kernel: '6', os: 'os', nodeVersion: '20' }
  }
}

export function newJob (world: World, number: number, workers: string[], masters: number): Job {
  const kind = world.pick(['all', 'any', 'any', 'names', 'some', 'map'] as const)!
  const names = workers.filter(() => world.chance(0.5)).slice(0, 3)
  const on = kind === 'names' && names.length === 0 ? 'any' : kind === 'map' ? 'all' : kind
  const isExec = on === 'any' || on === 'some' || kind === 'map'

  return {
    id: `01ARZ3NDEKTSV4RRFFQ69G5${String(number).padStart(3, '0')}`,
    client: peerIdOf('c', Math.floor(world.between(0, 3))),
    kind: isExec ? 'exec' : 'run',
    commands: [{ argv: ['true'], program: { kind: 'name', name: 'true' } }],
    ...(kind === 'map' ? { map: newMap(world, names) } : {}),
    ...(isExec && kind !== 'map' && world.chance(0.4) ? { retry: newRule(world) } : {}),
    ...(world.chance(0.3) ? { priority: Math.floor(world.between(-100, 100)) } : {}),
    // a map waits for its workers for ever
    ...(kind === 'map' || world.chance(0.1) ? { deadlineMs: Math.floor(world.between(2_000, 150_000)) } : {}),
    ...(on === 'any' && world.chance(0.4) ? { each: { items: Array.from({ length: Math.floor(world.between(2, 24)) }, (_, at) => String(at)) } } : {}),
    ...(world.chance(0.4) ? { payload: { id: 'aa', files: [], chunkSize: 1, chunks: [] } } : {}),
    env: {},
    limits: world.chance(0.1) ? { memoryBytes: 2 ** 31 } : {},
    ...(world.chance(0.15) ? { require: ['two-uids' as const] } : {}),
    placement: placementOf(world, on, names),
    plan: { kind: 'once' },
    ...(world.chance(0.2) ? { replicas: 1 + Math.floor(world.between(0, masters)) } : {}),
    ...(world.chance(0.3) ? { retryLostMs: Math.floor(world.chance(0.7) ? world.between(500, 5_000) : world.between(5_000, 40_000)) } : {}),
    submittedAt: 0
  }
}

function placementOf (world: World, on: Placement['on'], names: string[]): Placement {
  switch (on) {
    case 'names': return { on, names, where: [] }
    case 'some': return { on, count: 1 + Math.floor(world.between(0, 3)), where: [] }
    default: return { on, where: [] }
  }
}

function newMap (world: World, names: string[]): JobMap {
  return {
    lists: [undefined, ...names].filter((_, at) => at === 0 || world.chance(0.5)).map(worker => ({
      ...(worker == null ? {} : { worker }),
      where: [],
      entries: Array.from({ length: 1 + Math.floor(world.between(0, 4)) }, () => ({ command: 0, ...(world.chance(0.5) ? { restart: newRule(world) } : {}) })),
      ...(world.chance(0.5) ? { keepGoing: true } : {})
    }))
  }
}

function newRule (world: World): RestartRule {
  return {
    when: world.chance(0.8) ? 'on-failure' : 'always',
    max: Math.floor(world.between(0, 4)),
    backoffMs: Math.floor(world.between(0, 1_000)),
    maxBackoffMs: 2_000
  }
}

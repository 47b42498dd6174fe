import { DEFAULT_LIMITS } from '../../../src/model/limits.ts'
import { executionId } from '../../../src/model/ids.ts'
import { emptyCoordinator } from '../../../src/roles/master/coordinator/state.ts'
import { stepCoordinator } from '../../../src/roles/master/coordinator/step.ts'
import { freezeTargets } from '../../../src/roles/master/coordinator/targets.ts'
import type { Job } from '../../../src/model/job.ts'
import type { WorkerInfo } from '../../../src/model/machine.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState } from '../../../src/roles/master/coordinator/state.ts'

export function workerInfo (name: string, init: Partial<WorkerInfo> = {}): WorkerInfo {
  return {
    peerId: `12D3${name}`,
    name,
    labels: {},
    resources: { machineId: name, platform: 'linux', arch: 'x64', cpuModel: 'cpu', cores: 2, memoryBytes: 2 ** 30, kernel: '6', os: 'os', nodeVersion: '20' },
    ...init
  }
}

export function exampleJob (number: number, init: Partial<Job> = {}): Job {
  return {
    id: `01ARZ3NDEKTSV4RRFFQ69G5F${String(number).padStart(2, '0')}`,
    client: 'alice',
    kind: 'exec',
    commands: [{ argv: ['true'], program: { kind: 'name', name: 'true' } }],
    // what has files is offered before it is started
    payload: { id: String(number).padStart(64, '0'), files: [], chunkSize: 1, chunks: [] },
    env: {},
    limits: DEFAULT_LIMITS,
    placement: { on: 'any', where: [] },
    plan: { kind: 'once' },
    submittedAt: 0,
    ...init
  }
}

/** A coordinator with words for what usually happens to it. */
export class Play {
  readonly state: CoordinatorState = emptyCoordinator()
  nowMs = 1_000

  constructor (mode: CoordinatorState['mode'] = 'reign') {
    if (mode === 'reign') {
      this.step({ kind: 'reign' })
    }
  }

  /** In the order in which they register. */
  static with (...names: string[]): Play {
    const play = new Play()
    names.forEach(name => play.register(workerInfo(name)))

    return play
  }

  step (event: CoordinatorEvent extends infer E ? E extends { nowMs: number } ? Omit<E, 'nowMs'> : never : never): CoordinatorEffect[] {
    return stepCoordinator(this.state, { ...event, nowMs: this.nowMs } as CoordinatorEvent)
  }

  register (info: WorkerInfo): CoordinatorEffect[] {
    return this.step({ kind: 'worker-registered', info, holds: [], draining: false })
  }

  accept (job: Job): CoordinatorEffect[] {
    return this.step({ kind: 'accept', job, acceptedAtMs: this.nowMs++, targets: freezeTargets(this.state, job) })
  }

  ready (job: Job, task: string, worker: string): CoordinatorEffect[] {
    return this.step({ kind: 'answer', worker, execution: this.execution(job, task, worker), reply: { kind: 'ready', leaseMs: 5_000, hasPayload: true } })
  }

  started (job: Job, task: string, worker: string): CoordinatorEffect[] {
    return this.step({ kind: 'outcomes', worker, outcomes: [{ execution: this.execution(job, task, worker), outcome: { kind: 'started' } }] })
  }

  done (job: Job, task: string, worker: string): CoordinatorEffect[] {
    return this.step({ kind: 'result', key: { job: job.id, task, worker, attempt: 0 }, outcome: 'done' })
  }

  execution (job: Job, task: string, worker: string): string {
    return executionId({ job: job.id, task, worker, attempt: 0 })
  }
}

/** Jobs and workers of the AVAILABLEs among these effects. */
export function asked (effects: CoordinatorEffect[]): Array<{ job: string, worker: string }> {
  return effects.flatMap(effect => effect.kind === 'ask' ? [{ job: effect.execution.split('/')[0]!, worker: effect.worker }] : [])
}

export function startsIn (effects: CoordinatorEffect[]): Array<{ workers: string[], together: boolean }> {
  return effects.flatMap(effect => effect.kind === 'start' ? [{ workers: effect.starts.map(start => start.worker), together: effect.together }] : [])
}

import { DEFAULT_LIMITS } from '../../src/model/limits.ts'
import type { CommandResult, ExecutionResult } from '../../src/model/result.ts'
import type { Sample } from '../../src/model/sample.ts'
import type { JobView, TaskView } from '../../src/node/protocol/submit/messages.ts'

export const JOB_ID = '01JD4QJ9K3V5W7X9Z1Q7X2M9KA'

export function sample (values: Partial<Sample>): Sample {
  return {
    command: 0,
    run: 0,
    startNs: 0,
    wallNs: 41_200_000,
    cpuNs: 41_000_000,
    userNs: 40_000_000,
    systemNs: 1_000_000,
    minorFaults: 100,
    majorFaults: 0,
    voluntarySwitches: 1,
    involuntarySwitches: 0,
    exit: { kind: 'code', code: 0 },
    leftovers: 0,
    ...values
  }
}

export function executionResult (values: Partial<ExecutionResult> & Partial<CommandResult>): ExecutionResult {
  const { samples = [], notRun, ...rest } = values

  return {
    key: { job: JOB_ID, task: 'w1', worker: 'w1', attempt: 0 },
    outcome: 'done',
    startedAt: 0,
    finishedAt: 1_000,
    waitedMs: 0,
    commands: [{ command: 0, samples, warmups: 0, memoryMethod: 'none', cpuMethod: 'rusage', ...(notRun == null ? {} : { notRun }) }],
    ...rest
  }
}

export function taskView (name: string, values: Partial<TaskView> = {}): TaskView {
  return { task: name, workerName: name, state: 'queued', attempt: 0, ...values }
}

export function jobView (tasks: TaskView[], values: Partial<JobView> = {}): JobView {
  return {
    job: {
      id: JOB_ID,
      client: 'c1',
      kind: 'run',
      commands: [{ argv: ['primes', '10'], program: { kind: 'name', name: 'primes' } }],
      env: {},
      limits: DEFAULT_LIMITS,
      placement: { on: 'all', where: [] },
      plan: { kind: 'fixed', runs: 10, warmup: 0 },
      submittedAt: 0
    },
    state: 'running',
    tasks,
    acceptedAt: 0,
    ...values
  }
}

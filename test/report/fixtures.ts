import { createHash } from 'node:crypto'
import { DEFAULT_LIMITS } from '../../src/model/limits.ts'
import { DEFAULT_PLAN } from '../../src/model/plan.ts'
import type { FinishedJob, FinishedWorker } from '../../src/model/finished.ts'
import type { CommandResult, ExecutionResult } from '../../src/model/result.ts'
import type { Exit, Sample } from '../../src/model/sample.ts'

export interface WorkerSketch {
  name: string
  cpu: string
  /** Per command: the wall time of each run in milliseconds. */
  runs: number[][]
  output?: string
  memory?: number
  /** Of every run of the first command. */
  exit?: Exit
  commands?: Array<Partial<CommandResult>>
  result?: Partial<ExecutionResult>
  worker?: Partial<FinishedWorker>
}

/** 40 ± 0.4 ms and the like: n runs evenly spread around a middle, in an order without a trend. */
export function around (middle: number, spread: number, n: number): number[] {
  const even = Array.from({ length: n }, (_, i) => middle + spread * (2 * i / (n - 1) - 1))

  // From both ends towards the middle.
  return even.map((_, i) => even[i % 2 === 0 ? i / 2 : n - (i + 1) / 2] ?? middle)
}

export function finished (workers: WorkerSketch[], change: Partial<FinishedJob['job']> = {}, rest: Partial<FinishedJob> = {}): FinishedJob {
  return {
    job: {
      id: '01HF7Z00000000000Q7X2M9KA7',
      client: '12D3KooWClient',
      kind: 'run',
      commands: [{ argv: ['primes', '200000'], program: { kind: 'name', name: 'primes' } }],
      env: {},
      limits: DEFAULT_LIMITS,
      placement: { on: 'all', where: [] },
      plan: DEFAULT_PLAN,
      submittedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
      ...change
    },
    workers: workers.map(worker),
    ...rest
  }
}

export function worker (sketch: WorkerSketch): FinishedWorker {
  const { name, cpu, runs } = sketch

  return {
    info: {
      peerId: `12D3KooW-${name}`,
      name,
      resources: {
        machineId: name,
        platform: 'linux',
        arch: cpu.startsWith('Cortex') ? 'arm64' : 'x64',
        cpuModel: cpu,
        cores: 4,
        memoryBytes: 8 * 1024 ** 3,
        kernel: '6.1.0',
        os: 'Debian GNU/Linux 12 (bookworm)',
        nodeVersion: 'v20.20.2'
      },
      labels: {}
    },
    task: `12D3KooW-${name}`,
    state: 'done',
    result: {
      key: { job: '01HF7Z00000000000Q7X2M9KA7', task: `12D3KooW-${name}`, worker: `12D3KooW-${name}`, attempt: 0 },
      outcome: 'done',
      commands: runs.map((times, command) => commandResult(sketch, command, times)),
      startedAt: 0,
      finishedAt: 1,
      waitedMs: 0,
      noise: { grade: 'A', reasons: [] },
      ...sketch.result
    },
    ...sketch.worker
  }
}

function commandResult (sketch: WorkerSketch, command: number, times: number[]): CommandResult {
  const output = sketch.output ?? '17984\n'

  return {
    command,
    samples: times.map((ms, run) => sample(command, run, ms, command === 0 ? sketch.exit : undefined)),
    warmups: 1,
    memoryBytes: sketch.memory ?? 2_202_010,
    memoryMethod: 'cgroup-v2-peak',
    cpuMethod: 'cgroup-v2',
    output: { stdoutDigest: createHash('sha256').update(output).digest('hex'), stdoutBytes: output.length, stderrBytes: 0, same: true, truncated: false },
    ...sketch.commands?.[command]
  }
}

function sample (command: number, run: number, ms: number, exit: Exit = { kind: 'code', code: 0 }): Sample {
  const wallNs = Math.round(ms * 1e6)

  return {
    command,
    run,
    startNs: run * 1e9,
    wallNs,
    cpuNs: wallNs - 200_000,
    userNs: wallNs - 300_000,
    systemNs: 100_000,
    minorFaults: 100,
    majorFaults: 0,
    voluntarySwitches: 1,
    involuntarySwitches: 0,
    exit,
    leftovers: 0
  }
}

export const LAB: WorkerSketch[] = [
  { name: 'lab-01', cpu: 'Intel Xeon Gold 6338', runs: [around(63, 3, 101)] },
  { name: 'lab-03', cpu: 'AMD Ryzen 9 7950X', runs: [around(41.2, 2, 96)] },
  {
    name: 'pi-kitchen',
    cpu: 'Cortex-A76',
    runs: [around(171.5, 9.5, 44)],
    memory: 1_992_294,
    result: { noise: { grade: 'C', reasons: ['other processes used 22 % of its cores while measuring'] } }
  }
]

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ChildProcess } from 'node:child_process'
import type { Collect } from '../../src/model/collect.ts'
import type { Comparison } from '../../src/model/comparison.ts'
import type { SandboxFacts } from '../../src/model/machine.ts'
import type { Limits } from '../../src/model/limits.ts'
import type { Plan } from '../../src/model/plan.ts'
import type { BoxEvent, BoxReport } from '../../src/sandbox/index.ts'
import type { Command, JobKind } from '../../src/model/job.ts'

export interface TestTask {
  kind: JobKind
  commands: Command[]
  /** The files' contents come as one descriptor. */
  together?: { missing?: number }
  files?: Record<string, string | { zeros: number } | { base64: string } | { base64: string, claimed: number }>
  stdin?: string
  env: Record<string, string>
  limits?: Partial<Limits>
  plan: Plan
  startAt?: number
  comparison?: Comparison
  ignoreFailure?: { codes: number[] }
  coldCache?: boolean
  counters?: boolean
  collect?: Collect
}

export interface ProcessSeen { pid: number, parent: number, name: string, uid: number, peakKiB: number }

export interface Seen {
  report?: BoxReport
  error?: { name: string, message: string }
  stdout: string
  stderr: string
  stdoutBytes: number
  stdoutDigest: string
  events: BoxEvent[]
  /** Kinds of all events. */
  order: BoxEvent['kind'][]
  samples: number
  /** Brought back, with the beginning of each. */
  files: Array<{ command: number, path: string, size: number, executable: boolean, start: string, received: number }>
  boxPid: number
  closed: { reason: string }
  /** Processes of the box that are still there after it was closed. */
  left: number
  processes?: ProcessSeen[]
  /** Of the worker's process. */
  peakKiB?: number
}

/** One after the other in one box. `clean`: the box may be used again. */
export interface Series {
  times: Array<{ report?: BoxReport, /** Paths. */ brought?: string[], error?: string, stdout: string, stderr: string, clean: boolean, /** Of the box, after it was cleared. */ processes?: number }>
  left: number
}

interface Actions {
  facts: () => SandboxFacts
  whoami: () => { uid: number, euid: number, groups: number[], status: string }
  run: (task: TestTask, options?: { until?: string, hold?: number }) => Seen
  series: (task: TestTask, commands: Command[]) => Series
  memory: () => number
  again: (task: TestTask) => string
  aborted: () => string
  frozen: (task: TestTask) => { message: string, left: number, closed: string }
  killed: (task: TestTask, whom: 'runner' | 'bwrap') => { message: string, closed: string, pids: number[] }
  many: (task: TestTask, count: number) => number[]
  stuck: (task: TestTask) => { outcome: unknown, closed: string, left: number, handles: number }
  ground: () => { cgroup: boolean, cgroups: string[], twoUids: boolean, reasons: (string | undefined)[], dir: string }
  floor: () => { floor: { minNs: number, medianNs: number } | undefined, left: number }
  begin: (task: TestTask, until?: 'started' | 'output') => number[]
  ahead: (measured: boolean) => { taken: number, later: number, after: number, left: string[] }
  leftFiles: () => { dir: string, all: string[] }
  log: () => string[]
  start: (task: TestTask) => number[]
}

/** The process in which boxes are built: as root it gives root up first. */
export class Host {
  readonly child: ChildProcess
  #next = 0

  private constructor (child: ChildProcess) {
    this.child = child
  }

  static async start (options: { uid?: number, script?: string, node?: string, nodeArguments?: string[], env?: NodeJS.ProcessEnv } = {}): Promise<Host> {
    const child = fork(options.script ?? fileURLToPath(new URL('host.mjs', import.meta.url)), [], {
      ...(options.node == null ? {} : { execPath: options.node }),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH: process.env['PATH'], BUILDER: process.env['BUILDER'], SECRET_TOKEN: 'hunter2', ...options.env },
      execArgv: options.nodeArguments ?? [],
      ...(options.uid == null ? {} : { uid: options.uid, gid: options.uid })
    })

    child.setMaxListeners(100)

    const [message] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => { throw new Error('the host did not start') })])

    if (message.ready !== true) {
      throw new Error('the host said something else')
    }

    return new Host(child)
  }

  async ask<A extends keyof Actions> (action: A, ...args: Parameters<Actions[A]>): Promise<ReturnType<Actions[A]>> {
    const id = this.#next++

    return new Promise((resolve, reject) => {
      const listen = (message: { id: number, value: ReturnType<Actions[A]>, error?: string }) => {
        if (message.id === id) {
          this.child.off('message', listen)

          if (message.error == null) {
            resolve(message.value)
          } else {
            reject(new Error(message.error))
          }
        }
      }

      this.child.on('message', listen)
      this.child.send({ id, action, args })
    })
  }

  async stop (): Promise<void> {
    if (this.child.exitCode == null && this.child.signalCode == null) {
      const exit = once(this.child, 'exit')

      this.child.disconnect()
      await exit
    }
  }
}

export const runs = (count: number): Plan => ({ kind: 'fixed', runs: count, warmup: 0 })

/** A measured command from PATH. */
export function measure (argv: string[], more: Partial<TestTask> = {}): TestTask {
  return { kind: 'run', commands: [named(argv)], env: {}, plan: runs(1), ...more }
}

export function execute (argv: string[], more: Partial<TestTask> = {}): TestTask {
  return { kind: 'exec', commands: [named(argv)], env: {}, plan: { kind: 'once' }, ...more }
}

export function named (argv: string[]): Command {
  return { argv, program: { kind: 'name', name: argv[0] ?? '' } }
}

/** A payload's file as the program. */
export function own (path: string, ...args: string[]): Command {
  return { argv: [path, ...args], program: { kind: 'payload', path } }
}

export const sh = (script: string): string[] => ['sh', '-c', script]

import { Host } from '../host.ts'
import type { SandboxFacts } from '../../../src/model/machine.ts'
import type { BoxReport } from '../../../src/sandbox/index.ts'
import type { Limits } from '../../../src/model/limits.ts'

export interface Settled { dir: string, methods?: { cpu: string, memory: string, processes: string }, bounds?: { memory: boolean, processes: boolean }, folders?: string[], reason?: string }

export interface RunMore { kind?: 'run' | 'exec', runs?: number, limits?: Partial<Limits>, killRunner?: boolean }

interface Actions {
  settle: (wanted?: { cgroups?: boolean, twoUids?: boolean }) => Settled
  home: () => { reason?: string, methods?: Settled['methods'], folders?: string[], caveats?: string[], cgroup?: string }
  closeHome: () => { left: string[], cgroup: string }
  run: (script: string, more?: RunMore) => BoxReport
  unreachable: () => SandboxFacts
  whole: () => void
  groups: () => string[]
  close: () => void
  alive: () => boolean
}

/** The process of worker.mjs. */
export class Worker {
  readonly #host: Host

  private constructor (host: Host) {
    this.#host = host
  }

  static async start (options: { uid?: number } = {}): Promise<Worker> {
    return new Worker(await Host.start({ ...options, script: new URL('worker.mjs', import.meta.url).pathname }))
  }

  get pid (): number {
    return this.#host.child.pid as number
  }

  async ask<A extends keyof Actions> (action: A, ...args: Parameters<Actions[A]>): Promise<ReturnType<Actions[A]>> {
    return this.#host.ask(action as never, ...args as never) as Promise<ReturnType<Actions[A]>>
  }

  async stop (): Promise<void> {
    await this.#host.stop()
  }

  /** As somebody's kill -9 would; resolves when it is gone. */
  async kill (): Promise<void> {
    const gone = new Promise(resolve => this.#host.child.once('exit', resolve))

    this.#host.child.kill('SIGKILL')
    await gone
  }
}

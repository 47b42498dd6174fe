import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** More would make one process' event loop the bottleneck instead of the coordinator. */
const WORKERS_PER_PROCESS = 250
const STOP_MS = 20_000

/** Any number of light workers, in a few processes. */
export class LightFleet {
  /** What workers said of trouble. */
  lines = []
  #children = []
  #registered = new Set()
  #wanted = Infinity
  #lastNs = 0n
  #onAll = () => {}
  #onFailure = () => {}

  /**
   * Starts them all at the same moment.
   *
   * @param {{ count: number, folder: string, master: string, token: string, env: object }} options
   */
  async start ({ count, folder, master, token, env }) {
    const path = join(import.meta.dirname, 'light-fleet-process.js')

    for (let first = 0; first < count; first += WORKERS_PER_PROCESS) {
      const child = fork(path, [], { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })

      this.#children.push(child)
      await once(child, 'message')
      child.on('message', message => { this.#hear(message) })
    }

    const all = this.all(count)
    const beganNs = process.hrtime.bigint()

    this.#children.forEach((child, index) => {
      const first = index * WORKERS_PER_PROCESS

      child.send({ kind: 'start', count: Math.min(WORKERS_PER_PROCESS, count - first), first, folder, master, token })
    })

    return ms(await all, beganNs)
  }

  /** Resolves with the moment (monotonic clock) at which so many have registered since this call. */
  async all (count) {
    this.#registered.clear()
    this.#wanted = count

    return new Promise((resolve, reject) => {
      this.#onAll = () => { resolve(this.#lastNs) }
      this.#onFailure = reject
    })
  }

  get pids () {
    return this.#children.map(({ pid }) => pid)
  }

  get registered () {
    return this.#registered.size
  }

  async stop () {
    await Promise.all(this.#children.map(async child => {
      const ended = child.exitCode == null && child.signalCode == null ? once(child, 'exit') : undefined
      const timer = setTimeout(() => { child.kill('SIGKILL') }, STOP_MS)

      if (child.connected) {
        child.send({ kind: 'stop' })
      }

      await ended
      clearTimeout(timer)
    }))
  }

  #hear (message) {
    switch (message.kind) {
      case 'registered':
        this.#registered.add(message.name)
        this.#lastNs = BigInt(message.atNs)

        if (this.#registered.size === this.#wanted) {
          this.#onAll()
        }
        break
      case 'log':
        this.lines.push(message.line)
        break
      case 'failed':
        this.#onFailure(new Error(`a worker gave up: ${message.reason}`))
    }
  }
}

export function ms (toNs, fromNs) {
  return Number(toNs - fromNs) / 1e6
}

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const STOP_MS = 10_000

/** One master, in its own process, that can be asked what it uses, killed, and started again where it was. */
export class WatchedMaster {
  address
  /** For workers. */
  token
  /** Its log. */
  lines = []
  #child
  #options

  /** @param {{ folder: string, env: object, nodeOptions?: string[] }} options */
  static async start (options) {
    const master = new WatchedMaster()

    master.#options = options
    await master.again()

    return master
  }

  /** Starts it; on the same address as before if it has had one. Resolves with the moment (monotonic clock) at which it was ready. */
  async again () {
    const { folder, env, nodeOptions = [] } = this.#options
    const options = { listen: this.address?.replace(/\/p2p\/.*/, '') ?? '/ip4/127.0.0.1/tcp/0', data: folder }
    const child = this.#child = fork(join(import.meta.dirname, 'watched-master-process.js'), [JSON.stringify(options)], { env: { ...process.env, ...env }, execArgv: ['--expose-gc', ...nodeOptions], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })

    child.on('message', ({ kind, line }) => {
      if (kind === 'log') {
        this.lines.push(line)
      }
    })

    const { address, token, atNs } = await this.#answer('ready')

    this.address = address
    this.token ??= token

    return BigInt(atNs)
  }

  /** Bytes in use after a collection, and CPU time since its start. */
  async usage () {
    this.#child.send({ kind: 'usage' })

    return this.#answer('usage')
  }

  get pid () {
    return this.#child.pid
  }

  async kill () {
    const ended = once(this.#child, 'exit')

    this.#child.kill('SIGKILL')
    await ended
  }

  async stop () {
    const child = this.#child

    if (child == null || child.exitCode != null || child.signalCode != null) {
      return
    }

    const ended = once(child, 'exit')
    const timer = setTimeout(() => { child.kill('SIGKILL') }, STOP_MS)

    child.send({ kind: 'stop' })
    await ended
    clearTimeout(timer)
  }

  async #answer (kind) {
    const child = this.#child

    return new Promise((resolve, reject) => {
      const end = () => {
        child.off('message', onMessage)
        child.off('exit', onExit)
      }
      const onMessage = message => {
        if (message.kind === kind) {
          end()
          resolve(message)
        }
      }
      const onExit = code => {
        end()
        reject(new Error(`the master ended with ${code}`))
      }

      child.on('message', onMessage)
      child.on('exit', onExit)
    })
  }
}

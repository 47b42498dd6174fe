import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ROOT, run } from '../../scripts/lib/process.js'

const STOP_MS = 10_000
/** USER_HZ, the same on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100

/** The command line that is measured: dist/main.js, or the build that MESHMARK_MAIN names. */
export const MAIN = process.env.MESHMARK_MAIN ?? join(ROOT, 'dist/main.js')

/** Masters and workers, as processes with folders of their own, and the command line to use them. */
export class LocalMesh {
  #folder = mkdtempSync(join(tmpdir(), 'meshmark-bench-'))
  #env
  /** In the order in which they started. */
  #nodes = new Map()
  #addresses = new Map()
  #urls = new Map()
  #masterArgs

  #network

  /**
   * @param masterArgs - further options of every master
   * @param workerArgs - further options of every worker
   * @param network - of namespaces, where each node runs in the one of its name; default: all on loopback
   */
  static async start ({ masters = 1, masterArgs = [], workers = 1, workerArgs = [], network } = {}) {
    const mesh = new LocalMesh()

    mesh.#network = network
    mesh.#masterArgs = masterArgs

    try {
      await mesh.#start(masters, workers, workerArgs)
    } catch (err) {
      await mesh.stop()
      throw err
    }

    return mesh
  }

  /** What a client of this mesh has in its environment. */
  get env () {
    return this.#env
  }

  /** Of the masters. */
  get addresses () {
    return [...this.#addresses.values()]
  }

  /** Where the masters answer over HTTP, of those that do. */
  get urls () {
    return [...this.#urls.values()]
  }

  async #start (masters, workers, workerArgs) {
    // A worker that has given up root must still reach its own folders.
    chmodSync(this.#folder, 0o711)

    for (const [name, mode] of [['data', 0o711], ['runtime', 0o700], ['locks', 0o777]]) {
      mkdirSync(join(this.#folder, name))
      chmodSync(join(this.#folder, name), mode)
    }

    this.#env = {
      MESHMARK_DATA: join(this.#folder, 'data'),
      XDG_RUNTIME_DIR: join(this.#folder, 'runtime'),
      MESHMARK_LOCK: join(this.#folder, 'locks', 'measure'),
      // Others do not wait either.
      MESHMARK_QUIET_WAIT: '0',
      NO_COLOR: '1'
    }

    for (let i = 1; i <= masters; i++) {
      await this.#master(`master-${i}`)
    }

    for (let i = 1; i <= workers; i++) {
      const name = workers === 1 ? 'here' : `worker-${i}`

      await this.#node(name, ['worker', '--listen', `${this.#host(name)}:0`, '--master', this.addresses.join(','), '--no-mdns', ...workerArgs])
    }
  }

  #host (name) {
    return this.#network?.addressOf(name) ?? '127.0.0.1'
  }

  /** On the same address as before, if it has had one; the first makes the mesh, the others join it. */
  async #master (name) {
    const [first] = this.#addresses.values()
    const listen = this.#addresses.get(name)?.replace(/^.ip4.([^/]+).tcp.(\d+).*$/, '$1:$2') ?? `${this.#host(name)}:0`
    // a folder each: otherwise the one that comes back first takes the first one's
    const { addresses, http } = await this.#node(name, ['master', '--listen', listen, '--no-mdns', '--data', join(this.#folder, name), ...(first == null ? [] : ['--peer', first]), ...this.#masterArgs])

    this.#addresses.set(name, addresses[0])

    if (http != null) {
      this.#urls.set(name, http)
    }
  }

  /** Of all nodes together, and what they have reaped, since they started. */
  processorSeconds () {
    const ticks = [...this.#nodes.values()].reduce((sum, { pid }) => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')

      // utime, stime, cutime, cstime; proc(5)
      return sum + fields.slice(11, 15).reduce((all, field) => all + Number(field), 0)
    }, 0)

    return ticks / TICKS_PER_SECOND
  }

  /** A command of Meshmark to its end, which may ask any of the masters. */
  async command (args, cwd) {
    const [word, ...rest] = args

    return run(process.execPath, [MAIN, word, '--master', [...this.#addresses.values()].join(','), '--no-mdns', ...rest], { quiet: true, env: this.#env, cwd })
  }

  /**
   * kill -9 of whoever coordinates, once everybody takes part; returns what
   * starts it again.
   */
  async killCoordinator ({ signal }) {
    const name = await this.#coordinator(signal)
    const node = this.#nodes.get(name)
    const ended = once(node, 'exit')

    node.kill('SIGKILL')
    await ended

    return async () => this.#master(name)
  }

  async #coordinator (signal) {
    for (;;) {
      signal.throwIfAborted()
      const { code, output } = await this.command(['nodes', '--format', 'json'])
      const rows = code === 0 ? JSON.parse(output) : []
      const masters = rows.filter(({ role, state }) => role === 'master' && state !== 'lost')
      const coordinators = masters.filter(({ state }) => state === 'coordinator')

      if (masters.length === this.#addresses.size && coordinators.length === 1 && rows.some(({ role, state }) => role === 'worker' && state === 'waiting')) {
        return coordinators[0].name
      }

      await delay(100, undefined, { signal })
    }
  }

  /** Resolves with the results of `run --format json ARGS`; rejects unless it exits with 0. */
  async measure (args, cwd) {
    const words = ['run', '--quiet', '--format', 'json', ...args]
    const { code, output } = await this.command(words, cwd)

    if (code !== 0) {
      throw new Error(`meshmark ${words.join(' ')} exited with ${code}: ${output.trim()}`)
    }

    return JSON.parse(output).results
  }

  /** Idempotent. */
  async stop () {
    // The worker first, so that it can say goodbye.
    const nodes = [...this.#nodes.values()].reverse()

    this.#nodes.clear()

    for (const node of nodes) {
      const ended = node.exitCode == null && node.signalCode == null ? once(node, 'exit') : undefined
      const timer = setTimeout(() => { node.kill('SIGKILL') }, STOP_MS)

      node.kill('SIGTERM')
      await ended
      clearTimeout(timer)
    }

    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #node (name, args) {
    const node = fork(MAIN, [...args, '--name', name, '--quiet'], { env: { ...process.env, ...this.#env }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'], ...this.#network?.fork(name) })

    this.#nodes.set(name, node)

    const [ready] = await Promise.race([
      once(node, 'message'),
      once(node, 'exit').then(([code]) => { throw new Error(`the ${args[0]} ended with ${code} before it was ready`) })
    ])

    return ready
  }
}

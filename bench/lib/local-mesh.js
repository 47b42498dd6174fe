import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT, run } from '../../scripts/lib/process.js'

const STOP_MS = 10_000

/** The command line that is measured: dist/main.js, or the build that MESHMARK_MAIN names. */
export const MAIN = process.env.MESHMARK_MAIN ?? join(ROOT, 'dist/main.js')

/** A master and one worker, as processes with folders of their own, and the command line to use them. */
export class LocalMesh {
  #folder = mkdtempSync(join(tmpdir(), 'meshmark-bench-'))
  #env
  #nodes = []
  #address

  static async start () {
    const mesh = new LocalMesh()

    try {
      await mesh.#start()
    } catch (err) {
      await mesh.stop()
      throw err
    }

    return mesh
  }

  async #start () {
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

    const { addresses: [address] } = await this.#node(['master', '--listen', '127.0.0.1:0', '--no-mdns', '--name', 'master'])

    this.#address = address
    await this.#node(['worker', '--master', address, '--no-mdns', '--name', 'here'])
  }

  /** Resolves with the results of `run --format json ARGS`; rejects unless it exits with 0. */
  async measure (args, cwd) {
    const words = ['run', '--master', this.#address, '--no-mdns', '--quiet', '--format', 'json', ...args]
    const { code, output } = await run(process.execPath, [MAIN, ...words], { quiet: true, env: this.#env, cwd })

    if (code !== 0) {
      throw new Error(`meshmark ${words.join(' ')} exited with ${code}: ${output.trim()}`)
    }

    return JSON.parse(output).results
  }

  /** Idempotent. */
  async stop () {
    // The worker first, so that it can say goodbye.
    for (const node of this.#nodes.splice(0).reverse()) {
      const ended = node.exitCode == null && node.signalCode == null ? once(node, 'exit') : undefined
      const timer = setTimeout(() => { node.kill('SIGKILL') }, STOP_MS)

      node.kill('SIGTERM')
      await ended
      clearTimeout(timer)
    }

    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #node (args) {
    const node = fork(MAIN, [...args, '--quiet'], { env: { ...process.env, ...this.#env }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })

    this.#nodes.push(node)

    const [ready] = await Promise.race([
      once(node, 'message'),
      once(node, 'exit').then(([code]) => { throw new Error(`the ${args[0]} ended with ${code} before it was ready`) })
    ])

    return ready
  }
}

import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import { MeshmarkError } from '../../model/errors.ts'
import type { ReadyMessage } from '../common/until-stopped.ts'

/** A worker that is still busy after this long is stopped hard, and killed after twice as long. */
const PATIENCE_MS = 5_000

/** A master or worker as a process of its own, which ends when this one does. */
export class NodeProcess {
  /** Resolves when the node says that it is ready. */
  readonly ready: Promise<ReadyMessage>
  /** Rejects when the node ends without having been told to; never resolves. */
  readonly failed: Promise<never>

  readonly #child: ChildProcess
  readonly #ended: Promise<NodeJS.Signals | null>
  #stopping = false

  constructor (main: string, args: string[], env: NodeJS.ProcessEnv, onLine: (line: string) => void) {
    const name = args[args.indexOf('--name') + 1] ?? args[0] ?? ''
    let lastLine = ''

    // A group of its own: Ctrl-C in the terminal reaches this process alone, which stops the nodes in order.
    this.#child = fork(main, args, { env, detached: true, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#ended = new Promise(resolve => { this.#child.once('close', (_, signal) => { resolve(signal) }) })

    if (this.#child.stderr != null) {
      createInterface({ input: this.#child.stderr }).on('line', line => {
        lastLine = line
        onLine(`${name}: ${line}`)
      })
    }

    this.failed = this.#ended.then(async signal => {
      if (this.#stopping) {
        return await new Promise<never>(() => {})
      }

      throw new MeshmarkError('failed', signal != null ? `${name} was ended by ${signal}` : `${name} ended by itself: ${lastLine.replace(/^meshmark: /, '') || 'it said nothing'}`)
    })
    this.ready = Promise.race([
      new Promise<ReadyMessage>(resolve => {
        this.#child.on('message', (message: ReadyMessage) => {
          if (message.kind === 'ready') {
            resolve(message)
          }
        })
      }),
      this.failed
    ])

    // Whoever waits for one of them hears of the failure; the other must not count as unhandled.
    this.failed.catch(() => {})
    this.ready.catch(() => {})
  }

  /** Stops in order, then hard, then for certain; resolves when the process is gone. */
  async stop (): Promise<void> {
    this.#stopping = true

    const timers = [
      setTimeout(() => { this.#child.kill('SIGTERM') }, PATIENCE_MS),
      setTimeout(() => { this.#child.kill('SIGKILL') }, 2 * PATIENCE_MS)
    ]

    this.#child.kill('SIGTERM')
    await this.#ended
    timers.forEach(timer => { clearTimeout(timer) })
  }
}

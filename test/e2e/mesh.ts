import '../../src/node/polyfill.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process'

export const MAIN = process.env.MESHMARK_MAIN ?? join(import.meta.dirname, '../../dist/main.js')

export interface CommandResult {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  /** As it came. */
  bytes: Buffer
  stderr: string
}

export type StartedCommand = ChildProcessWithoutNullStreams & {
  /** Its end, also when that is past. */
  closed: Promise<{ code: number | null, signal: NodeJS.Signals | null }>
}

/** No command of a test takes longer on a machine that is not overloaded. */
const PATIENCE_MS = 60_000

/** A real master or worker in a process of its own. */
export class NodeProcess {
  readonly lines: string[] = []
  readonly ready: Promise<{ name: string, meshId?: string, addresses: string[], http?: string }>
  readonly ended: Promise<{ code: number | null, signal: NodeJS.Signals | null }>
  readonly #child: ChildProcess
  readonly #watchers = new Set<() => void>()

  /** @param prefix - what its command line begins with, such as to run in another namespace; it must become the program */
  constructor (args: string[], env: NodeJS.ProcessEnv, prefix: string[] = []) {
    const [command = process.execPath, ...words] = [...prefix, process.execPath, MAIN, ...args]

    this.#child = spawn(command, words, { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.ended = new Promise(resolve => {
      this.#child.once('close', (code, signal) => {
        resolve({ code, signal })
        this.#tell()
      })
    })

    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream! }).on('line', line => {
        this.lines.push(line)
        this.#tell()
      })
    }

    // whatever fails because of it: its last words are the reason
    void this.ended.then(({ code, signal }) => {
      if (code !== 0 && signal == null) {
        console.error(`${args.join(' ')} ended with ${code}:\n${this.lines.slice(-20).join('\n')}`)
      }
    })

    this.ready = Promise.race([
      once(this.#child, 'message').then(([message]) => message),
      this.ended.then(({ code }) => { throw new Error(`${args[0]} ended with ${code}:\n${this.lines.join('\n')}`) })
    ])
    this.ready.catch(() => {})
  }

  get pid (): number {
    return this.#child.pid!
  }

  /** Resolves with the first line that matches, already printed or yet to come. */
  async line (pattern: RegExp): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const look = (): void => {
      const found = this.lines.find(line => pattern.test(line))

      if (found != null) {
        resolve(found)
      } else if (this.#child.exitCode != null || this.#child.signalCode != null) {
        reject(new Error(`it ended without a line like ${pattern}:\n${this.lines.join('\n')}`))
      }
    }

    this.#watchers.add(look)
    look()

    return promise.finally(() => { this.#watchers.delete(look) })
  }

  kill (signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async stop (signal: NodeJS.Signals = 'SIGTERM'): Promise<{ code: number | null, signal: NodeJS.Signals | null }> {
    this.kill(signal)

    return this.ended
  }

  #tell (): void {
    this.#watchers.forEach(look => { look() })
  }
}

/** A mesh of real processes on loopback, in folders of its own. */
export class TestMesh {
  readonly env: NodeJS.ProcessEnv
  readonly nodes: NodeProcess[] = []
  readonly #running = new Set<ChildProcess>()
  readonly #ports = new Map<string, number>()

  private constructor (readonly dir: string, readonly port: number) {
    this.env = {
      PATH: process.env.PATH,
      HOME: join(dir, 'home'),
      LANG: 'C.UTF-8',
      NO_COLOR: '1',
      MESHMARK_DATA: join(dir, 'data'),
      XDG_RUNTIME_DIR: join(dir, 'run'),
      MESHMARK_LOCK: join(dir, 'locks', 'measure'),
      // tests run side by side: no machine is quiet
      MESHMARK_QUIET_WAIT: '0'
    }
  }

  static async create (): Promise<TestMesh> {
    const dir = await mkdtemp(join(tmpdir(), 'meshmark-e2e-'))

    // a worker that has dropped root must be able to pass
    await chmod(dir, 0o711)
    await mkdir(join(dir, 'run'), { mode: 0o700 })
    // as /run/lock is: for every user
    await mkdir(join(dir, 'locks'))
    await chmod(join(dir, 'locks'), 0o1777)
    await mkdir(join(dir, 'home'))
    await mkdir(join(dir, 'work'))

    return new TestMesh(dir, await freePort())
  }

  get address (): string {
    return `/ip4/127.0.0.1/tcp/${this.port}`
  }

  /**
   * Started and ready; on the same port and data as the one of that name before.
   *
   * @param name - of one more master, which joins the first; default: the first, boss
   */
  async master (name: string, args?: string[]): Promise<NodeProcess>
  async master (args?: string[]): Promise<NodeProcess>
  async master (first: string | string[] = 'boss', more: string[] = []): Promise<NodeProcess> {
    const [name, args] = typeof first === 'string' ? [first, more] : ['boss', first]

    if (name === 'boss') {
      return this.#node(['--role', 'master', '--listen', `127.0.0.1:${this.port}`, '--no-mdns', '--name', name, ...args])
    }

    // with a folder of its own: the masters of one folder would take it in the order in which they start
    const port = (await this.addressOf(name)).split('/').at(-1)

    return this.#node(['--role', 'master', '--listen', `127.0.0.1:${port}`, '--no-mdns', '--name', name, '--data', this.dataOf(name), '--peer', this.address, ...args])
  }

  /** The data folder of one more master. */
  dataOf (name: string): string {
    return join(this.dir, `data-${name}`)
  }

  /** Where a master listens, started or not. */
  async addressOf (name: string): Promise<string> {
    const port = name === 'boss' ? this.port : this.#ports.get(name) ?? await freePort()

    this.#ports.set(name, port)

    return `/ip4/127.0.0.1/tcp/${port}`
  }

  /** @param master - another way to it than its own address */
  async worker (name: string, args: string[] = [], master = this.address): Promise<NodeProcess> {
    return this.#node(['--role', 'worker', '--no-mdns', ...(args.includes('--no-relay') ? [] : ['--listen', '127.0.0.1:0']), '--master', master, '--name', name, ...args])
  }

  /** A command line to its end. */
  async run (args: string[], options: { env?: NodeJS.ProcessEnv, input?: string, cwd?: string } = {}): Promise<CommandResult> {
    const result = await this.outcome(this.start(args, options), options.input)

    // said after a second, which a busy machine may take
    return { ...result, stderr: result.stderr.replace(/^waiting for a master\n/gm, '') }
  }

  /** The end of a command that has just been started. */
  async outcome (child: StartedCommand, input = ''): Promise<CommandResult> {
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []

    child.stdout.on('data', data => { stdout.push(data) })
    child.stderr.on('data', data => { stderr.push(data) })
    child.stdin.end(input)

    // the output of a test that fails says what it waited for
    const patience = setTimeout(() => {
      console.error(`${child.spawnargs.slice(2).join(' ')} goes on after ${PATIENCE_MS / 1_000} s: ${Buffer.concat(stderr).toString()}\n${this.nodes.map(node => `${node.pid}:\n${node.lines.slice(-20).join('\n')}`).join('\n')}`)
    }, PATIENCE_MS)
    const { code, signal } = await child.closed
    clearTimeout(patience)
    const bytes = Buffer.concat(stdout)

    return { code, signal, bytes, stdout: bytes.toString(), stderr: Buffer.concat(stderr).toString() }
  }

  /** A command line that the test watches or kills itself. */
  start (args: string[], options: { env?: NodeJS.ProcessEnv, cwd?: string } = {}): StartedCommand {
    const child = spawn(process.execPath, [MAIN, ...args], { env: { ...this.env, ...options.env }, cwd: options.cwd ?? join(this.dir, 'work') })
    const closed = once(child, 'close').then(([code, signal]) => ({ code, signal }))

    this.#running.add(child)
    child.once('close', () => { this.#running.delete(child) })

    return Object.assign(child, { closed })
  }

  /** Ends whatever a test has left, and removes the folders. */
  async close (): Promise<void> {
    for (const child of this.#running) {
      child.kill('SIGKILL')
      await once(child, 'close')
    }

    // workers first, so that they can say goodbye
    for (const node of this.nodes.reverse()) {
      node.kill('SIGTERM')
      const patience = setTimeout(() => { node.kill('SIGKILL') }, 15_000)
      await node.ended
      clearTimeout(patience)
    }

    await rm(this.dir, { recursive: true, force: true })
  }

  async #node (args: string[]): Promise<NodeProcess> {
    const node = new NodeProcess(args, this.env)

    this.nodes.push(node)
    await node.ready

    return node
  }
}

export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')

  return port
}

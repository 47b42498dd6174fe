import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MAIN, NodeProcess } from '../e2e/mesh.ts'
import { Namespaces } from '../e2e/namespaces.ts'
import { eventually } from '../e2e/processes.ts'
import type { ChildProcess } from 'node:child_process'

const CLIENT = 'client'
const PORT = 4747
const COMMAND_MS = 60_000

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** What the observer saw of one process of a job. */
export interface Seen {
  key: string
  mark: string
  ancestors: number[]
  fromMs: number
  toMs: number
}

export interface NodeRow {
  role: 'master' | 'worker'
  name: string
  state: string
}

export interface JobRow {
  id: string
  name?: string
  state: string
  tasks: number
  ended: number
  failed: number
}

/**
 * Machines with a network, a data folder and a lock each: masters m1, m2, …,
 * workers w1, w2, … and one machine for clients. Every process is real, and can
 * be killed, frozen, cut off, and started again on what it has on disk.
 */
export class Fleet {
  readonly masters: string[]
  readonly workers: string[]
  readonly net = new Namespaces()
  readonly #dir: string
  readonly #processes = new Map<string, NodeProcess>()
  readonly #commands = new Set<ChildProcess>()
  /** Workers by the process ids that they have had. */
  readonly #workerOf = new Map<number, string>()
  /** What `nodes` said last of each master. */
  readonly #said = new Map<string, string>()
  #observer?: ChildProcess
  #marks = 0

  private constructor (dir: string, masters: number, workers: number) {
    this.#dir = dir
    this.masters = Array.from({ length: masters }, (_, index) => `m${index + 1}`)
    this.workers = Array.from({ length: workers }, (_, index) => `w${index + 1}`)
  }

  static async create ({ masters, workers }: { masters: number, workers: number }): Promise<Fleet> {
    const fleet = new Fleet(await mkdtemp(join(tmpdir(), 'meshmark-faults-')), masters, workers)

    try {
      await fleet.#create()
    } catch (err) {
      await fleet.close()
      throw err
    }

    return fleet
  }

  async #create (): Promise<void> {
    await chmod(this.#dir, 0o711)
    this.net.make([...this.masters, ...this.workers, CLIENT])

    for (const machine of [...this.masters, ...this.workers, CLIENT]) {
      await mkdir(join(this.#dir, machine), { mode: 0o711 })

      for (const folder of ['data', 'run', 'home', 'locks', 'work']) {
        await mkdir(join(this.#dir, machine, folder))
      }

      await chmod(join(this.#dir, machine, 'data'), 0o711)
      await chmod(join(this.#dir, machine, 'run'), 0o700)
      await chmod(join(this.#dir, machine, 'locks'), 0o1777)
    }

    this.#observer = fork(fileURLToPath(new URL('observer.mjs', import.meta.url)), [], { execArgv: [] })
    await once(this.#observer, 'message')

    const [first, ...others] = this.masters

    await this.start(first!)

    for (const name of others) {
      await this.start(name, ['--token', await this.#token('master')])
    }

    for (const name of this.workers) {
      await this.start(name, ['--token', await this.#token('worker')])
    }

    await this.command(['join', await this.#token('admin'), '--no-mdns'])
    await this.settled()
  }

  /** `TOKEN@HOST` of the first master. */
  async #token (role: string): Promise<string> {
    const { stdout } = await this.command(['token', 'create', role, '--no-mdns'], { machine: this.masters[0] })

    return /\S+@\S+/.exec(stdout)![0]
  }

  address (master: string): string {
    return `${this.net.addressOf(master)}:${PORT}`
  }

  /** A program for a job that the observer tells from all others; prints two lines and lasts for this long. */
  program (seconds: number): { mark: string, argv: string[], output: string } {
    const mark = `mark-${++this.#marks}`

    return { mark, argv: ['sh', '-c', `echo begin; sleep ${seconds}; echo end`, mark], output: 'begin\nend\n' }
  }

  /** Starts a node, again on what it has on disk; resolves when it is ready. */
  async start (name: string, args: string[] = []): Promise<NodeProcess> {
    const words = this.masters.includes(name)
      ? ['master', '--listen', `0.0.0.0:${PORT}`, '--no-mdns', '--name', name]
      : ['worker', '--no-mdns', '--name', name]
    const node = new NodeProcess([...words, ...args], this.#env(name), this.net.on(name))

    this.#processes.set(name, node)

    if (this.workers.includes(name)) {
      this.#workerOf.set(node.pid, name)
    }

    await node.ready

    return node
  }

  process (name: string): NodeProcess {
    return this.#processes.get(name)!
  }

  /** kill -9; resolves when it is gone. */
  async kill (name: string): Promise<void> {
    await this.process(name).stop('SIGKILL')
  }

  freeze (name: string): void {
    this.process(name).kill('SIGSTOP')
  }

  thaw (name: string): void {
    this.process(name).kill('SIGCONT')
  }

  /** Nothing passes between the two groups, in either direction. */
  part (one: string[], other: string[]): void {
    for (const a of one) {
      for (const b of other) {
        this.net.cut(a, b)
        this.net.cut(b, a)
      }
    }
  }

  /** A command line that goes on; clients know every master. */
  startCommand (args: string[], { machine = CLIENT, masters = this.masters }: { machine?: string, masters?: string[] } = {}): { child: ChildProcess, ended: Promise<Ended>, stdout: () => string } {
    const [command, ...prefix] = this.net.on(machine)
    const [word, ...rest] = args
    const known = machine === CLIENT && word !== 'join' ? ['--no-mdns', '--master', masters.map(name => this.address(name)).join(',')] : []
    const child = spawn(command!, [...prefix, process.execPath, MAIN, word!, ...known, ...rest], { env: this.#env(machine), cwd: join(this.#dir, machine, 'work'), stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''

    child.stdout.on('data', data => { stdout += data })
    child.stderr.on('data', data => { stderr += data })
    this.#commands.add(child)

    const patience = setTimeout(() => { child.kill('SIGKILL') }, COMMAND_MS)
    const ended = once(child, 'close').then(([code]) => {
      clearTimeout(patience)
      this.#commands.delete(child)

      return { code, stdout, stderr }
    })

    return { child, ended, stdout: () => stdout }
  }

  /** A command line to its end, which must be a good one. */
  async command (args: string[], options?: { machine?: string, masters?: string[] }): Promise<Ended> {
    const ended = await this.startCommand(args, options).ended

    if (ended.code !== 0) {
      throw new Error(`${args.join(' ')} exited with ${ended.code}: ${ended.stderr}`)
    }

    return ended
  }

  /** As this master sees it; empty when it does not answer. */
  async nodes (master: string): Promise<NodeRow[]> {
    const { code, stdout, stderr } = await this.startCommand(['nodes', '--format', 'json'], { masters: [master] }).ended

    this.#said.set(master, code === 0 ? stdout : `exit ${code}: ${stderr}`)

    return code === 0 ? JSON.parse(stdout) : []
  }

  /** Who coordinates, once all of these masters say the same. */
  async coordinator (masters = this.masters): Promise<string> {
    let found = ''

    await eventually(`one coordinator of ${masters.join(', ')}`, async () => {
      const views = await Promise.all(masters.map(async master => this.nodes(master)))
      const names = views.map(rows => rows.filter(({ role, state }) => role === 'master' && state === 'coordinator').map(({ name }) => name).join(','))

      found = names[0]!

      return masters.includes(found) && names.every(name => name === found)
    }, () => this.#history())

    return found
  }

  /** What every master and its `nodes` have said. */
  #history (): string {
    return this.masters.map(master => `\n${master} nodes: ${this.#said.get(master)}\n${this.process(master).lines.slice(-30).map(line => `${master}: ${line}`).join('\n')}`).join('')
  }

  /** Every node of the fleet is there, seen from every master. */
  async settled (): Promise<string> {
    const coordinator = await this.coordinator()

    await eventually('everybody is there', async () => {
      const views = await Promise.all(this.masters.map(async master => this.nodes(master)))

      return views.every(rows => [...this.masters, ...this.workers].every(name => rows.some(row => row.name === name && row.state !== 'lost')))
    }, () => this.#history())

    return coordinator
  }

  /** What the observer has seen so far of the jobs with these marks. */
  async seen (...marks: string[]): Promise<Seen[]> {
    const answer = once(this.#observer!, 'message')

    this.#observer!.send('tell')

    const [all] = await answer as [Seen[]]

    return all.filter(({ mark }) => marks.length === 0 || marks.includes(mark))
  }

  /** The worker below which it ran. */
  workerOf ({ ancestors }: Seen): string | undefined {
    return ancestors.flatMap(pid => this.#workerOf.get(pid) ?? [])[0]
  }

  /** Pairs of processes that were there at the same time below one worker: there must be none. */
  async overlaps (): Promise<string[]> {
    const all = await this.seen()

    return all.flatMap((one, index) => all.slice(index + 1)
      .filter(other => this.workerOf(one) != null && this.workerOf(one) === this.workerOf(other) && one.fromMs < other.toMs && other.fromMs < one.toMs)
      .map(other => `${one.mark} and ${other.mark} on ${this.workerOf(one)}`))
  }

  /** Every job there is, as the master that answers knows it. */
  async jobs (): Promise<JobRow[]> {
    const { stdout } = await this.command(['jobs', '--limit', '1000', '--format', 'json'])

    return JSON.parse(stdout)
  }

  async close (): Promise<void> {
    for (const child of this.#commands) {
      child.kill('SIGKILL')
    }

    for (const name of [...this.workers, ...this.masters]) {
      const node = this.#processes.get(name)

      if (node != null) {
        node.kill('SIGCONT')
        node.kill('SIGTERM')
        const patience = setTimeout(() => { node.kill('SIGKILL') }, 20_000)
        await node.ended
        clearTimeout(patience)
      }
    }

    this.#observer?.kill('SIGTERM')
    this.net.remove()
    await rm(this.#dir, { recursive: true, force: true })
  }

  #env (machine: string): NodeJS.ProcessEnv {
    const of = (folder: string): string => join(this.#dir, machine, folder)

    return {
      PATH: process.env['PATH'],
      HOME: of('home'),
      LANG: 'C.UTF-8',
      NO_COLOR: '1',
      MESHMARK_DATA: of('data'),
      XDG_RUNTIME_DIR: of('run'),
      MESHMARK_LOCK: join(of('locks'), 'measure'),
      MESHMARK_QUIET_WAIT: '0'
    }
  }
}

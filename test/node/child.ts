import { fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { ChildProcess } from 'node:child_process'

const HERE = dirname(fileURLToPath(import.meta.url))

/**
 * Real processes out of TypeScript files in `children/`. They talk by IPC: each
 * `ask` is one message there and one back. They end with the test, and with us.
 */
export class Children {
  readonly #children: Child[] = []

  private constructor (private readonly folder: string) {}

  static async create (): Promise<Children> {
    // below the project, so that packages resolve
    return new Children(await mkdtemp(join(HERE, '..', '..', 'node_modules', '.meshmark-test-')))
  }

  async start (name: string, args: string[] = [], prefix: string[] = []): Promise<Child> {
    const outfile = join(this.folder, `${name}.mjs`)

    await build({ entryPoints: [join(HERE, 'children', `${name}.ts`)], outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' })

    const [execPath, ...execArgv] = [...prefix, process.execPath]
    const child = new Child(fork(outfile, args, { execPath, execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }))

    this.#children.push(child)

    return child
  }

  async stop (): Promise<void> {
    await Promise.all(this.#children.splice(0).map(async child => child.kill('SIGKILL')))
    await rm(this.folder, { recursive: true, force: true })
  }
}

export class Child {
  readonly exited: Promise<void>
  #nextId = 0

  constructor (readonly process: ChildProcess) {
    this.exited = new Promise(resolve => { process.once('exit', () => { resolve() }) })
  }

  /** Rejects when the child answers with an error, or ends. */
  async ask (what: string, value?: unknown): Promise<any> {
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<any>()
    const onMessage = (message: any): void => {
      if (message.id === id) {
        message.error == null ? resolve(message.value) : reject(new Error(message.error))
      }
    }
    const onExit = (): void => { reject(new Error(`the child ended before it answered '${what}'`)) }

    this.process.on('message', onMessage)
    this.process.once('exit', onExit)
    this.process.send({ id, what, value }, () => {})

    try {
      return await promise
    } finally {
      this.process.off('message', onMessage)
      this.process.off('exit', onExit)
    }
  }

  async kill (signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode == null && this.process.signalCode == null) {
      this.process.kill(signal)
      await this.exited
    }
  }
}

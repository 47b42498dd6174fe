import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../../scripts/lib/process.js'
import { PrivateSsh } from './private-ssh.js'

const PORT = 2222
const READY_MS = 20_000

/**
 * A private sshd in every namespace but that of the sender, each with a folder
 * of its own mounted where the copies go, and pdcp and clush beside the sender.
 */
export class CopyFleet {
  #ssh = new PrivateSsh('copy', PORT, ['pdcp', 'clush'])
  #network
  #sender
  #hosts
  #children = []

  constructor (network, sender, receivers) {
    this.#network = network
    this.#sender = sender
    this.#hosts = receivers.map(name => ({ name, address: network.addressOf(name), folder: this.#ssh.at(name) }))
  }

  /** Throws with what to install where something is missing. */
  static async start (network, sender, receivers, signal) {
    const fleet = new CopyFleet(network, sender, receivers)

    try {
      await fleet.#start(signal)
    } catch (err) {
      await fleet.stop()
      throw err
    }

    return fleet
  }

  async #start (signal) {
    mkdirSync(this.#ssh.at('copies'))

    for (const { name, address, folder } of this.#hosts) {
      mkdirSync(folder)

      const settings = this.#ssh.settings(`sshd-${name}`, [address])
      const [program, ...words] = [...this.#network.on(name), 'unshare', '--mount', 'sh', '-c', 'mount --bind "$1" "$2" && exec /usr/sbin/sshd -D -f "$3"', 'sh', folder, this.#ssh.at('copies'), settings]

      this.#children.push(spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'] }))
    }

    for (const { address } of this.#hosts) {
      await this.#connect(address, signal)
    }
  }

  /** Milliseconds until the file is on all. */
  async pdcp (file) {
    return this.#timed('pdcp', ['-f', String(this.#hosts.length), '-w', this.#hosts.map(({ address }) => address).join(','), file, this.#ssh.at('copies')])
  }

  /** Milliseconds until the file is on all. */
  async clush (file) {
    return this.#timed('clush', ['-q', '-S', '-f', String(this.#hosts.length), '-o', `-F ${this.#ssh.config}`, '-w', this.#hosts.map(({ address }) => address).join(','), '--copy', file, '--dest', this.#ssh.at('copies')])
  }

  /** Throws unless every host has just this; removes it. */
  verify (name, digest) {
    for (const { folder } of this.#hosts) {
      const path = join(folder, name)
      const here = existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('hex') : 'nothing'

      if (here !== digest) {
        throw new Error(`${path} should be ${digest}, and is ${here}`)
      }

      rmSync(path)
    }
  }

  async #connect (address, signal) {
    const untilMs = performance.now() + READY_MS

    for (;;) {
      signal?.throwIfAborted()

      const { code, output } = await this.#run('ssh', ['-F', this.#ssh.config, address, 'true'])

      if (code === 0) {
        return
      }

      if (performance.now() > untilMs) {
        throw new Error(`the private sshd at ${address} does not answer: ${output.trim()}`)
      }

      await delay(100)
    }
  }

  async #timed (program, args) {
    const from = performance.now()
    const { code, output } = await this.#run(program, args)

    if (code !== 0) {
      throw new Error(`${program} ended with ${code}: ${output.trim()}`)
    }

    return performance.now() - from
  }

  async #run (program, args) {
    const [first, ...words] = [...this.#network.on(this.#sender), program, ...args]

    return run(first, words, { quiet: true, env: this.#ssh.env, cwd: this.#ssh.folder })
  }

  /** Idempotent. */
  async stop () {
    await this.#ssh.stop(this.#hosts.map(({ address }) => address), this.#children, async args => this.#run('ssh', args))
  }
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../../scripts/lib/process.js'
import { PrivateSsh } from './private-ssh.js'

const READY_MS = 10_000

/**
 * Hosts that are this machine under several loopback addresses, one private
 * sshd for all, and a connection to each that is open already.
 */
export class SshFleet {
  #ssh
  #sshd = []
  #hosts

  constructor (ssh, count) {
    this.#ssh = ssh
    this.#hosts = Array.from({ length: count }, (_, i) => `127.0.0.${i + 1}`)
  }

  /** Throws with what to install where something is missing. */
  static async start (count, signal) {
    const port = await freePort()
    const fleet = new SshFleet(new PrivateSsh('ssh', port, ['pdsh', 'clush']), count)

    try {
      await fleet.#start(port, signal)
    } catch (err) {
      await fleet.stop()
      throw err
    }

    return fleet
  }

  async #start (port, signal) {
    this.#sshd.push(spawn('/usr/sbin/sshd', ['-D', '-f', this.#ssh.settings('sshd_config', this.#hosts)], { stdio: ['ignore', 'ignore', 'inherit'] }))

    await answers(port, signal)

    for (const host of this.#hosts) {
      await this.ssh(host)
    }
  }

  /** `true` on one host. */
  async ssh (host = this.#hosts[0]) {
    await this.#run('ssh', ['-F', this.#ssh.config, host, 'true'])
  }

  /** `true` on all hosts. */
  async pdsh () {
    await this.#run('pdsh', ['-f', String(this.#hosts.length), '-w', this.#hosts.join(','), 'true'])
  }

  /** `true` on all hosts. */
  async clush () {
    await this.#run('clush', ['-f', String(this.#hosts.length), '-o', `-F ${this.#ssh.config}`, '-w', this.#hosts.join(','), 'true'])
  }

  async #run (program, args) {
    const { code, output } = await run(program, args, { quiet: true, env: this.#ssh.env, cwd: this.#ssh.folder })

    if (code !== 0 || output !== '') {
      throw new Error(`${program} ended with ${code}: ${output.trim()}`)
    }
  }

  /** Idempotent. */
  async stop () {
    await this.#ssh.stop(this.#hosts, this.#sshd, async args => run('ssh', args, { quiet: true }))
  }
}

async function freePort () {
  const server = createServer().listen(0, '127.0.0.1')

  await once(server, 'listening')

  const { port } = server.address()

  server.close()
  await once(server, 'close')

  return port
}

async function answers (port, signal) {
  const untilMs = performance.now() + READY_MS

  for (;;) {
    signal?.throwIfAborted()

    const socket = connect(port, '127.0.0.1')
    const answered = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false)

    socket.destroy()

    if (answered) {
      return
    }

    if (performance.now() > untilMs) {
      throw new Error('the private sshd does not answer')
    }

    await delay(50)
  }
}

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inPath } from '../../scripts/lib/packages.js'
import { run } from '../../scripts/lib/process.js'

const PACKAGES = { sshd: 'openssh-server', ssh: 'openssh-client', pdcp: 'pdsh', clush: 'clustershell' }
const PORT = 2222
const READY_MS = 20_000

/**
 * A private sshd in every namespace but that of the sender, each with a folder
 * of its own mounted where the copies go, and pdcp and clush beside the sender.
 */
export class CopyFleet {
  #folder = mkdtempSync(join(tmpdir(), 'meshmark-copy-'))
  #network
  #sender
  #hosts
  #config
  #env
  #children = []

  /** Throws with what to install where something is missing. */
  static async start (network, sender, receivers, signal) {
    const missing = Object.keys(PACKAGES).filter(program => !inPath(program)).map(program => PACKAGES[program])

    if (missing.length > 0) {
      throw new Error(`what is compared with is not installed: type apt-get install ${missing.join(' ')}`)
    }

    const fleet = new CopyFleet()

    try {
      await fleet.#start(network, sender, receivers, signal)
    } catch (err) {
      await fleet.stop()
      throw err
    }

    return fleet
  }

  async #start (network, sender, receivers, signal) {
    const at = name => join(this.#folder, name)

    this.#network = network
    this.#sender = sender
    this.#hosts = receivers.map(name => ({ name, address: network.addressOf(name), folder: at(name) }))
    this.#config = at('ssh_config')
    chmodSync(this.#folder, 0o700)
    mkdirSync(at('home'))
    mkdirSync(at('copies'))
    // where sshd locks itself in; an installed service makes it at its start
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })

    for (const name of ['host-key', 'user-key']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)])
    }

    writeFileSync(this.#config, [
      'Host *',
      `  Port ${PORT}`,
      `  User ${userInfo().username}`,
      `  IdentityFile ${at('user-key')}`,
      '  IdentitiesOnly yes',
      '  StrictHostKeyChecking no',
      `  UserKnownHostsFile ${at('known-hosts')}`,
      '  LogLevel ERROR',
      '  BatchMode yes',
      '  Compression no',
      // connections are open already, as those of the mesh are
      '  ControlMaster auto',
      `  ControlPath ${at('control-%h')}`,
      '  ControlPersist 600'
    ].join('\n'))

    this.#env = { ...process.env, HOME: at('home'), PDSH_SSH_ARGS_APPEND: `-F ${this.#config}`, PDSH_RCMD_TYPE: 'ssh' }

    for (const { name, address, folder } of this.#hosts) {
      mkdirSync(folder)
      writeFileSync(at(`sshd-${name}`), [
        `Port ${PORT}`,
        `ListenAddress ${address}`,
        `HostKey ${at('host-key')}`,
        `AuthorizedKeysFile ${at('user-key.pub')}`,
        'StrictModes no',
        'UsePAM no',
        'PidFile none',
        'PermitRootLogin prohibit-password',
        'PasswordAuthentication no',
        'PrintMotd no',
        'Subsystem sftp internal-sftp',
        'MaxStartups 100',
        'MaxSessions 100',
        `SetEnv HOME=${at('home')}`
      ].join('\n'))

      const [program, ...words] = [...network.on(name), 'unshare', '--mount', 'sh', '-c', 'mount --bind "$1" "$2" && exec /usr/sbin/sshd -D -f "$3"', 'sh', folder, at('copies'), at(`sshd-${name}`)]

      this.#children.push(spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'] }))
    }

    for (const { address } of this.#hosts) {
      await this.#connect(address, signal)
    }
  }

  /** Milliseconds until the file is on all. */
  async pdcp (file) {
    return this.#timed('pdcp', ['-f', String(this.#hosts.length), '-w', this.#hosts.map(({ address }) => address).join(','), file, join(this.#folder, 'copies')])
  }

  /** Milliseconds until the file is on all. */
  async clush (file) {
    return this.#timed('clush', ['-q', '-S', '-f', String(this.#hosts.length), '-o', `-F ${this.#config}`, '-w', this.#hosts.map(({ address }) => address).join(','), '--copy', file, '--dest', join(this.#folder, 'copies')])
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

      const { code, output } = await this.#run('ssh', ['-F', this.#config, address, 'true'])

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

    return run(first, words, { quiet: true, env: this.#env, cwd: this.#folder })
  }

  /** Idempotent. */
  async stop () {
    for (const { address } of this.#hosts ?? []) {
      if (existsSync(join(this.#folder, `control-${address}`))) {
        await this.#run('ssh', ['-F', this.#config, '-O', 'exit', address])
      }
    }

    for (const child of this.#children.splice(0)) {
      if (child.exitCode == null && child.signalCode == null) {
        const ended = once(child, 'exit')

        child.kill()
        await ended
      }
    }

    rmSync(this.#folder, { recursive: true, force: true })
  }
}

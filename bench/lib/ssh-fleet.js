import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inPath } from '../../scripts/lib/packages.js'
import { run } from '../../scripts/lib/process.js'

const PACKAGES = { sshd: 'openssh-server', ssh: 'openssh-client', pdsh: 'pdsh', clush: 'clustershell' }
const READY_MS = 10_000

/**
 * Hosts that are this machine under several loopback addresses, one private
 * sshd for all, and a connection to each that is open already. Start-up files
 * of the user's shell have no part in it: HOME is an empty folder there.
 */
export class SshFleet {
  #folder = mkdtempSync(join(tmpdir(), 'meshmark-ssh-'))
  #sshd
  #config
  #hosts
  #env

  /** Throws with what to install where something is missing. */
  static async start (count, signal) {
    const missing = Object.keys(PACKAGES).filter(program => !inPath(program)).map(program => PACKAGES[program])

    if (missing.length > 0) {
      throw new Error(`what is compared with is not installed: type apt-get install ${missing.join(' ')}`)
    }

    const fleet = new SshFleet()

    try {
      await fleet.#start(count, signal)
    } catch (err) {
      await fleet.stop()
      throw err
    }

    return fleet
  }

  async #start (count, signal) {
    const at = name => join(this.#folder, name)
    const port = await freePort()

    chmodSync(this.#folder, 0o700)
    mkdirSync(at('home'))
    // where sshd locks itself in; an installed service makes it at its start
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })

    for (const name of ['host-key', 'user-key']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)])
    }

    this.#hosts = Array.from({ length: count }, (_, i) => `127.0.0.${i + 1}`)

    writeFileSync(at('sshd_config'), [
      `Port ${port}`,
      ...this.#hosts.map(host => `ListenAddress ${host}`),
      `HostKey ${at('host-key')}`,
      `AuthorizedKeysFile ${at('user-key.pub')}`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'PrintMotd no',
      'MaxStartups 100',
      'MaxSessions 100',
      `SetEnv HOME=${at('home')}`
    ].join('\n'))

    this.#config = at('ssh_config')
    writeFileSync(this.#config, [
      'Host *',
      `  Port ${port}`,
      `  User ${userInfo().username}`,
      `  IdentityFile ${at('user-key')}`,
      '  IdentitiesOnly yes',
      '  StrictHostKeyChecking no',
      `  UserKnownHostsFile ${at('known-hosts')}`,
      '  LogLevel ERROR',
      '  BatchMode yes',
      '  ControlMaster auto',
      `  ControlPath ${at('control-%h')}`,
      '  ControlPersist 600'
    ].join('\n'))

    this.#env = { HOME: at('home'), PDSH_SSH_ARGS_APPEND: `-F ${this.#config}`, PDSH_RCMD_TYPE: 'ssh' }
    this.#sshd = spawn('/usr/sbin/sshd', ['-D', '-f', at('sshd_config')], { stdio: ['ignore', 'ignore', 'inherit'] })

    await answers(port, signal)

    for (const host of this.#hosts) {
      await this.ssh(host, signal)
    }
  }

  /** `true` on one host. */
  async ssh (host = this.#hosts[0]) {
    await this.#run('ssh', ['-F', this.#config, host, 'true'])
  }

  /** `true` on all hosts. */
  async pdsh () {
    await this.#run('pdsh', ['-f', String(this.#hosts.length), '-w', this.#hosts.join(','), 'true'])
  }

  /** `true` on all hosts. */
  async clush () {
    await this.#run('clush', ['-f', String(this.#hosts.length), '-o', `-F ${this.#config}`, '-w', this.#hosts.join(','), 'true'])
  }

  async #run (program, args) {
    const { code, output } = await run(program, args, { quiet: true, env: this.#env, cwd: this.#folder })

    if (code !== 0 || output !== '') {
      throw new Error(`${program} ended with ${code}: ${output.trim()}`)
    }
  }

  /** Idempotent. */
  async stop () {
    for (const host of this.#hosts ?? []) {
      if (existsSync(join(this.#folder, `control-${host}`))) {
        await run('ssh', ['-F', this.#config, '-O', 'exit', host], { quiet: true })
      }
    }

    if (this.#sshd?.exitCode === null && this.#sshd.signalCode == null) {
      const ended = once(this.#sshd, 'exit')

      this.#sshd.kill()
      await ended
    }

    rmSync(this.#folder, { recursive: true, force: true })
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

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { inPath } from '../../scripts/lib/packages.js'

/** Program -> the Debian package that it comes from. */
const PACKAGES = { sshd: 'openssh-server', ssh: 'openssh-client', pdsh: 'pdsh', pdcp: 'pdsh', clush: 'clustershell' }

/**
 * A folder with all that a private sshd and its clients need: keys, and
 * settings by which connections stay open. Start-up files of the user's shell
 * have no part in it: HOME is an empty folder.
 */
export class PrivateSsh {
  folder
  /** Path of the clients' settings. */
  config
  /** For pdsh, pdcp and clush. */
  env
  #port

  /** Throws with what to install where one of these programs, or ssh itself, is missing. */
  constructor (name, port, programs) {
    const missing = ['sshd', 'ssh', ...programs].filter(program => !inPath(program)).map(program => PACKAGES[program])

    if (missing.length > 0) {
      throw new Error(`what is compared with is not installed: type apt-get install ${missing.join(' ')}`)
    }

    this.folder = mkdtempSync(join(tmpdir(), `meshmark-${name}-`))
    this.config = this.at('ssh_config')
    this.#port = port
    this.env = { ...process.env, HOME: this.at('home'), PDSH_SSH_ARGS_APPEND: `-F ${this.config}`, PDSH_RCMD_TYPE: 'ssh' }
    chmodSync(this.folder, 0o700)
    mkdirSync(this.at('home'))
    // where sshd locks itself in; an installed service makes it at its start
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })

    for (const key of ['host-key', 'user-key']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', this.at(key)])
    }

    writeFileSync(this.config, [
      'Host *',
      `  Port ${port}`,
      `  User ${userInfo().username}`,
      `  IdentityFile ${this.at('user-key')}`,
      '  IdentitiesOnly yes',
      '  StrictHostKeyChecking no',
      `  UserKnownHostsFile ${this.at('known-hosts')}`,
      '  LogLevel ERROR',
      '  BatchMode yes',
      '  Compression no',
      // connections are open already, as those of the mesh are
      '  ControlMaster auto',
      `  ControlPath ${this.at('control-%h')}`,
      '  ControlPersist 600'
    ].join('\n'))
  }

  at (name) {
    return join(this.folder, name)
  }

  /** Writes the settings of an sshd that listens at these addresses; returns their path. */
  settings (name, addresses) {
    writeFileSync(this.at(name), [
      `Port ${this.#port}`,
      ...addresses.map(address => `ListenAddress ${address}`),
      `HostKey ${this.at('host-key')}`,
      `AuthorizedKeysFile ${this.at('user-key.pub')}`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'PrintMotd no',
      'Subsystem sftp internal-sftp',
      'MaxStartups 100',
      'MaxSessions 100',
      `SetEnv HOME=${this.at('home')}`
    ].join('\n'))

    return this.at(name)
  }

  /** Closes the connections to these hosts, ends these processes, and removes the folder. Idempotent. @param ssh - runs ssh with these arguments */
  async stop (hosts, children, ssh) {
    for (const host of hosts) {
      if (existsSync(this.at(`control-${host}`))) {
        await ssh(['-F', this.config, '-O', 'exit', host])
      }
    }

    for (const child of children.splice(0)) {
      if (child.exitCode == null && child.signalCode == null) {
        const ended = once(child, 'exit')

        child.kill()
        await ended
      }
    }

    rmSync(this.folder, { recursive: true, force: true })
  }
}

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inPath } from '../../scripts/lib/packages.js'
import { fail, run } from '../../scripts/lib/process.js'

/** A put that meets no leader waits for the whole of this: the shorter, the sooner it is tried again. */
const PUT_TIMEOUT = '300ms'

/** The one that is installed, or the end of this program with what to type. */
export function etcdVersion () {
  if (!inPath('etcd') || !inPath('etcdctl')) {
    fail('bench: etcd is not installed: type apt-get install etcd-server etcd-client')
  }

  return /Version: (\S+)/.exec(execFileSync('etcd', ['--version'], { encoding: 'utf8' }))?.[1]
}

/** Members of one etcd cluster on loopback, with the timeouts that etcd comes with, in folders of their own. */
export class EtcdCluster {
  #folder = mkdtempSync(join(tmpdir(), 'meshmark-bench-etcd-'))
  #members = []

  static async start (count, signal) {
    const cluster = new EtcdCluster()

    try {
      for (let i = 0; i < count; i++) {
        cluster.#members.push({ name: `m${i}`, client: `http://127.0.0.1:${await freePort()}`, peer: `http://127.0.0.1:${await freePort()}`, fresh: true })
      }

      cluster.#members.forEach(member => { cluster.#spawn(member) })
      await cluster.put('first', { signal })
    } catch (err) {
      await cluster.stop()
      throw err
    }

    return cluster
  }

  /** What `etcdctl put` writes, tried again at every endpoint until it is accepted; milliseconds from now. */
  async put (value, { signal }) {
    const beganMs = performance.now()

    for (;;) {
      signal.throwIfAborted()
      const { code } = await this.#etcdctl(['--dial-timeout', PUT_TIMEOUT, '--command-timeout', PUT_TIMEOUT, 'put', 'key', value])

      if (code === 0) {
        return performance.now() - beganMs
      }
    }
  }

  /** kill -9; returns what brings it back and waits until it takes part again. */
  async killLeader ({ signal }) {
    const leader = await this.#leader(signal)
    const ended = once(leader.child, 'exit')

    leader.child.kill('SIGKILL')
    await ended

    return async () => {
      this.#spawn(leader)

      for (;;) {
        signal.throwIfAborted()
        const { code } = await this.#etcdctl(['--command-timeout', '2s', 'endpoint', 'health'])

        if (code === 0) {
          return
        }

        await delay(100, undefined, { signal })
      }
    }
  }

  /** Idempotent. */
  async stop () {
    for (const { child } of this.#members) {
      if (child != null && child.exitCode == null && child.signalCode == null) {
        const ended = once(child, 'exit')

        child.kill('SIGKILL')
        await ended
      }
    }

    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #leader (signal) {
    for (;;) {
      signal.throwIfAborted()
      const { code, output } = await this.#etcdctl(['--command-timeout', '2s', '-w', 'json', 'endpoint', 'status'])
      const rows = code === 0 ? JSON.parse(output.slice(output.indexOf('['))) : []
      const row = rows.find(({ Status }) => Status.leader !== 0 && Status.leader === Status.header.member_id)

      if (row != null) {
        return this.#members.find(({ client }) => client === row.Endpoint)
      }

      await delay(100, undefined, { signal })
    }
  }

  async #etcdctl (args) {
    return run('etcdctl', ['--endpoints', this.#members.map(({ client }) => client).join(','), ...args], { quiet: true, env: { ETCDCTL_API: '3' } })
  }

  #spawn (member) {
    const { name, client, peer } = member

    member.child = spawn('etcd', [
      '--name', name, '--data-dir', join(this.#folder, name),
      '--listen-client-urls', client, '--advertise-client-urls', client,
      '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer,
      '--initial-cluster', this.#members.map(({ name, peer }) => `${name}=${peer}`).join(','),
      '--initial-cluster-state', member.fresh ? 'new' : 'existing', '--initial-cluster-token', this.#folder, '--logger', 'zap', '--log-level', 'error'
    ], { stdio: 'ignore' })
    member.fresh = false
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

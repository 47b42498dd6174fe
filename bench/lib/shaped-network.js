import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'

/** What may leave or enter at once: more than a large segment, and more than a tick of the kernel's clock brings. */
const BURST = { 200: '256k', 1000: '1m' }

/**
 * Machines on a network of their own: a namespace each on one bridge, the link
 * of each bounded in both directions by the kernel's token bucket. Nothing of
 * it touches the network of this machine, and it goes with the namespaces.
 */
export class ShapedNetwork {
  #id = randomBytes(3).toString('hex')
  #names
  #made = []

  /** Throws with the reason where the kernel or the user cannot make it. */
  constructor (names) {
    this.#names = names

    if (process.getuid?.() !== 0) {
      throw new Error('only root makes network namespaces')
    }

    try {
      this.#make()
    } catch (err) {
      this.remove()
      throw new Error(`network namespaces cannot be made here: ${String(err.stderr ?? err.message).trim()}`)
    }
  }

  #make () {
    const bridge = this.#add('bridge')

    ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0')
    ip('-n', bridge, 'link', 'set', 'br0', 'up')

    this.#names.forEach((name, index) => {
      const namespace = this.#add(name)

      ip('-n', namespace, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `port${index}`, 'netns', bridge)
      ip('-n', bridge, 'link', 'set', `port${index}`, 'master', 'br0', 'up')
      ip('-n', namespace, 'addr', 'add', `${this.addressOf(name)}/24`, 'dev', 'eth0')
      ip('-n', namespace, 'link', 'set', 'lo', 'up')
      ip('-n', namespace, 'link', 'set', 'eth0', 'up')
    })
  }

  /** Every link, from now on: megabits per second. Throws where the kernel has no token bucket. */
  shape (mbit) {
    const bridge = this.#namespace('bridge')
    const shape = (namespace, device) => {
      execFileSync('tc', ['-n', namespace, 'qdisc', 'replace', 'dev', device, 'root', 'tbf', 'rate', `${mbit}mbit`, 'burst', BURST[mbit] ?? '1m', 'latency', '50ms'], { stdio: 'pipe' })
    }

    this.#names.forEach((name, index) => {
      shape(this.#namespace(name), 'eth0')
      shape(bridge, `port${index}`)
    })
  }

  /** What a command line begins with to run there. `ip netns exec` would mount /sys anew. */
  on (name) {
    return ['nsenter', `--net=/run/netns/${this.#namespace(name)}`, '--']
  }

  /** For child_process.fork, to run there. */
  fork (name) {
    const [execPath, ...execArgv] = this.on(name)

    return { execPath, execArgv: [...execArgv, process.execPath] }
  }

  addressOf (name) {
    return `10.79.0.${this.#names.indexOf(name) + 1}`
  }

  /** Idempotent. */
  remove () {
    for (const name of this.#made.splice(0)) {
      ip('netns', 'del', name)
    }
  }

  #add (name) {
    const namespace = this.#namespace(name)

    ip('netns', 'add', namespace)
    this.#made.push(namespace)

    return namespace
  }

  #namespace (name) {
    return `mb-${name}-${this.#id}`
  }
}

function ip (...args) {
  execFileSync('ip', args, { stdio: 'pipe' })
}

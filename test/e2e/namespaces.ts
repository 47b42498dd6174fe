import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'

/**
 * Machines on a network of their own: a namespace each, all plugged into one
 * bridge in a namespace more. Nothing of it touches the network of this
 * machine, and the kernel takes it all away with the namespaces.
 */
export class Namespaces {
  readonly #id = randomBytes(3).toString('hex')
  readonly #made: string[] = []
  readonly #addresses = new Map<string, string>()

  /** Why namespaces cannot be made here; undefined = they can. */
  static refusal (): string | undefined {
    if (process.getuid?.() !== 0) {
      return 'only root makes network namespaces'
    }

    const namespaces = new Namespaces()

    try {
      namespaces.make(['probe'])
    } catch (err: any) {
      return `network namespaces cannot be made here (${String(err.stderr ?? err.message).trim()})`
    } finally {
      namespaces.remove()
    }
  }

  make (machines: string[]): void {
    const bridge = this.#add('bridge')

    ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0')
    ip('-n', bridge, 'link', 'set', 'br0', 'up')

    for (const [index, machine] of machines.entries()) {
      const name = this.#add(machine)

      this.#addresses.set(machine, `10.78.0.${index + 1}`)
      ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `port${index}`, 'netns', bridge)
      ip('-n', bridge, 'link', 'set', `port${index}`, 'master', 'br0', 'up')
      ip('-n', name, 'addr', 'add', `10.78.0.${index + 1}/24`, 'dev', 'eth0')
      ip('-n', name, 'link', 'set', 'lo', 'up')
      ip('-n', name, 'link', 'set', 'eth0', 'up')
      ip('-n', name, 'route', 'add', 'default', 'dev', 'eth0')
    }
  }

  /** What a command line begins with to run there. `ip netns exec` would mount /sys anew. */
  on (machine: string): string[] {
    return ['nsenter', `--net=/run/netns/${this.#name(machine)}`, '--']
  }

  /** Its address on their network. */
  addressOf (machine: string): string {
    return this.#addresses.get(machine)!
  }

  /** From now on nothing that `from` sends arrives at `to`; what is on its way is lost as well. */
  cut (from: string, to: string): void {
    nft(this.#name(to), `add table inet faults; add chain inet faults input { type filter hook input priority 0; }; add rule inet faults input ip saddr ${this.addressOf(from)} drop`)
  }

  /** This part of the packets that arrive there are lost, from 0 to 1. */
  lose (machine: string, part: number): void {
    nft(this.#name(machine), `add table inet faults; add chain inet faults input { type filter hook input priority 0; }; add rule inet faults input iifname eth0 numgen random mod 1000 < ${Math.round(part * 1_000)} drop`)
  }

  /** Takes back what `cut` and `lose` have done. */
  heal (): void {
    for (const machine of this.#addresses.keys()) {
      nft(this.#name(machine), 'add table inet faults; delete table inet faults')
    }
  }

  /** UDP datagrams of both families that were sent there since it was made. */
  datagrams (machine: string): number {
    const [command, ...args] = this.on(machine)
    const read = (path: string): string => execFileSync(command!, [...args, 'cat', path], { encoding: 'utf8' })
    const [names, values] = read('/proc/net/snmp').split('\n').filter(line => line.startsWith('Udp:')).map(line => line.split(' '))
    const v4 = Number(values![names!.indexOf('OutDatagrams')])
    const v6 = Number(/^Udp6OutDatagrams\s+(\d+)/m.exec(read('/proc/net/snmp6'))?.[1] ?? 0)

    return v4 + v6
  }

  remove (): void {
    for (const name of this.#made.splice(0)) {
      ip('netns', 'del', name)
    }
  }

  #add (machine: string): string {
    const name = this.#name(machine)

    ip('netns', 'add', name)
    this.#made.push(name)

    return name
  }

  #name (machine: string): string {
    return `mm-${machine}-${this.#id}`
  }
}

function ip (...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}

/** One transaction; needs Debian's nftables. */
function nft (namespace: string, commands: string): void {
  execFileSync('nsenter', [`--net=/run/netns/${namespace}`, '--', 'nft', commands], { stdio: 'pipe' })
}

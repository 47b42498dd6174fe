import { printable } from '../../model/text.ts'
import type { SandboxFacts } from '../../model/machine.ts'
import type { Check } from './system.ts'

/** Of the machine, for the advice. */
export interface Surroundings {
  root: boolean
  /** Who a worker is, or becomes, here. */
  user: string
  systemd: boolean
  /** newuidmap and newgidmap are there. */
  uidmap: boolean
}

/** The protections of a box that was built, one by one. */
export function factChecks (facts: SandboxFacts, surroundings: Surroundings): Check[] {
  const { builder, builderVersion, namespaces, filterHash, proc, canaries, caveats } = facts

  return [
    builder === 'bubblewrap'
      ? { name: 'sandbox', verdict: 'PASS', found: `a box by bubblewrap ${builderVersion}` }
      : { name: 'sandbox', verdict: 'CAUTION', found: `a box by unshare of util-linux ${builderVersion}, the substitute for bubblewrap`, mend: install('bubblewrap', surroundings) },
    { name: 'namespaces', verdict: 'PASS', found: namespaces.join(', ') },
    { name: 'system calls', verdict: 'PASS', found: `filtered, sha256 ${filterHash.slice(0, 16)}…` },
    proc
      ? { name: 'proc', verdict: 'PASS', found: 'the box has a /proc of its own' }
      : { name: 'proc', verdict: 'CAUTION', found: 'a fresh /proc cannot be mounted: boxes have none, and programs that read it fail', mend: 'start the container that this runs in with --security-opt systempaths=unconfined' },
    ...cgroupChecks(facts, surroundings),
    secondUid(facts, surroundings),
    ...Object.entries(canaries).map(([name, word]): Check => word === 'allowed'
      ? { name: `canary: ${printable(name, 60)}`, verdict: 'FAIL', found: 'was allowed' }
      : { name: `canary: ${printable(name, 60)}`, verdict: 'PASS', found: `refused, ${printable(word, 60)}` }),
    ...(caveats.length === 0 ? [] : [{ name: 'caveats', verdict: 'CAUTION' as const, found: `every result says: ${caveats.map(caveat => printable(caveat, 300)).join('; ')}` }])
  ]
}

/** Bill and bound of each quantity. */
function cgroupChecks ({ methods, bounds, kernel }: SandboxFacts, surroundings: Surroundings): Check[] {
  const mend = cgroupMend(surroundings)
  const bounded = { memory: bounds?.memory ?? isOfCgroup(methods.memory), processes: bounds?.processes ?? isOfCgroup(methods.processes) }

  return [
    isOfCgroup(methods.cpu)
      ? { name: 'cgroup: CPU time', verdict: 'PASS', found: methods.cpu }
      : { name: 'cgroup: CPU time', verdict: 'CAUTION', found: 'none: what the kernel bills to processes (rusage) is all that is known, and a program can hide some of it', mend },
    ...memoryChecks(methods.memory, bounded.memory, mend),
    bounded.processes
      ? { name: 'cgroup: processes', verdict: 'PASS', found: isOfCgroup(methods.processes) ? methods.processes : 'bounded' }
      : { name: 'cgroup: processes', verdict: isAtLeast(kernel, 5, 14) ? 'PASS' : 'CAUTION', found: isAtLeast(kernel, 5, 14) ? 'none, and not needed: the kernel counts the processes of each box (rlimit)' : 'none: the limit counts the processes of other boxes as well (rlimit, kernel older than 5.14)', ...(isAtLeast(kernel, 5, 14) ? {} : { mend }) }
  ]
}

function memoryChecks (method: string, bounded: boolean, mend: string): Check[] {
  const name = 'cgroup: memory'

  if (!bounded) {
    return [{ name, verdict: 'CAUTION', found: `none: memory is bounded for each process by the kernel, and for all together only by looking at it (${method})`, mend }]
  }

  return [isOfCgroup(method)
    ? { name, verdict: 'PASS', found: method }
    : { name, verdict: 'CAUTION', found: `bounded, but its peak is that of the largest process (${method})`, mend: 'install a newer kernel: cgroup v2 tells the peak of each run from 6.12 on' }]
}

function isOfCgroup (method: string): boolean {
  return method.startsWith('cgroup')
}

function isAtLeast (kernel: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = kernel.split('.').map(part => parseInt(part, 10))

  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

function cgroupMend ({ root, systemd }: Surroundings): string {
  if (root) {
    return 'make /sys/fs/cgroup writable: mount -o remount,rw /sys/fs/cgroup, or start the container with --cgroupns=private --volume /sys/fs/cgroup:/sys/fs/cgroup:rw'
  }

  return systemd
    ? 'start it (and meshmark doctor) with systemd-run --user --scope -p Delegate=yes meshmark worker'
    : 'start the worker as root: it makes its cgroups, then gives root up'
}

function secondUid ({ uidMode, caveats }: SandboxFacts, surroundings: Surroundings): Check {
  if (uidMode === 'two-uids') {
    return { name: 'second uid', verdict: 'PASS', found: 'programs have another uid than what watches and measures them' }
  }

  const { root, uidmap, user } = surroundings
  const reason = caveats.find(caveat => caveat.includes('share a uid'))

  return {
    name: 'second uid',
    verdict: 'CAUTION',
    found: printable(reason ?? 'programs share a uid with what watches and measures them', 300),
    mend: root
      ? 'report this with what stands here'
      : [
          ...(uidmap ? [] : [install('uidmap', surroundings)]),
          `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user}`
        ].join(' && ')
  }
}

export function install (name: string, { root }: Pick<Surroundings, 'root'>): string {
  return `${root ? '' : 'sudo '}apt-get install ${name}`
}

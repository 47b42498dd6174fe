import { parseTopology } from '../../src/machine/topology.ts'
import type { Topology, TopologyTexts } from '../../src/machine/topology.ts'

/** Whole numbers from `first` up to and without `end`. */
export function range (first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index)
}

/** A part of a machine: physical cores, each with the ids of its logical processors. */
export interface Part {
  cores: number[][]
  package?: number
  node?: number
  kHz?: number
  capacity?: number
}

export function textsOf (parts: readonly Part[], allowed?: string): TopologyTexts {
  const ids = parts.flatMap(part => part.cores.flat()).sort((a, b) => a - b)

  return {
    online: `${ids.join(',')}\n`,
    allowed,
    processors: new Map(parts.flatMap(part => part.cores.flatMap(siblings => siblings.map(id => [id, {
      siblings: `${[...siblings].sort((a, b) => a - b).join(',')}\n`,
      package: `${part.package ?? 0}\n`,
      capacity: part.capacity == null ? undefined : `${part.capacity}\n`,
      maxFrequency: part.kHz == null ? undefined : `${part.kHz}\n`
    }] as const)))),
    nodes: new Map([...new Set(parts.map(part => part.node ?? 0))].map(node => [node, `${parts.filter(part => (part.node ?? 0) === node).flatMap(part => part.cores.flat()).join(',')}\n`]))
  }
}

export function machine (parts: readonly Part[], allowed?: string): Topology {
  return parseTopology(textsOf(parts, allowed))
}

/** Sockets with consecutive processors; the second threads of all cores come after the first ones, as on most Intel servers. A NUMA node each. */
export function sockets (count: number, cores: number, threads: number): Topology {
  const total = count * cores

  return machine(range(0, count).map(socket => ({
    package: socket,
    node: socket,
    cores: range(socket * cores, (socket + 1) * cores).map(core => range(0, threads).map(thread => core + thread * total))
  })))
}

/** The machines of BenchExec's test_core_assignment.py. */
export const BENCHEXEC = {
  single: sockets(1, 8, 1),
  singleHt: sockets(1, 4, 2),
  dualHt: sockets(2, 8, 2),
  three: sockets(3, 5, 1),
  threeHt: sockets(3, 5, 2),
  quadHt: sockets(4, 8, 2),
  dualSmall: sockets(2, 4, 2),
  threeSmall: sockets(3, 3, 2),
  quadSmall: sockets(4, 4, 2),
  /** Three sockets of one core each, numbered with gaps. */
  threeGaps: machine([{ package: 0, cores: [[0, 1]] }, { package: 2, cores: [[2, 3]] }, { package: 3, cores: [[6, 7]] }]),
  /** AMD Opteron: two processors of a module are neighbours, of which only some may be used; nodes are numbered in another order. */
  opteron: machine([
    { node: 0, cores: [[0, 1], [8, 9]] },
    { node: 1, cores: [[32, 33], [40, 41]] },
    { node: 2, cores: [[48, 49], [56, 57]] },
    { node: 3, cores: [[16, 17], [24, 25]] }
  ]),
  /** Processors without any order. */
  mixed: machine([
    { package: 0, cores: [[0, 4], [9, 12], [15, 19], [21, 31]] },
    { package: 2, cores: [[10, 11], [8, 23], [27, 14], [1, 20]] }
  ])
}

const pairs = (first: number, end: number, distance: number): number[][] => range(first, end).map(id => [id, id + distance])
const neighbours = (count: number): number[][] => range(0, count).map(core => [2 * core, 2 * core + 1])
const singles = (first: number, end: number): number[][] => range(first, end).map(id => [id])

/** As their owners have published them. */
export const REAL = {
  /** Two Xeon E5-2680 v2 with their second threads off (autonomys/subspace issue 2456). */
  xeon: machine([{ package: 0, node: 0, kHz: 3_600_000, cores: singles(0, 10) }, { package: 1, node: 1, kHz: 3_600_000, cores: singles(10, 20) }]),
  /** AMD Threadripper 7970X: one socket, a NUMA node for each of its four dies (WildPixelGames/gdt-cpus issue 7). */
  threadripper: machine(range(0, 4).map(die => ({ package: 0, node: die, cores: pairs(die * 8, die * 8 + 8, 32) }))),
  /** Core i7-12700H, Alder Lake: 6 fast cores with two threads, 8 economical ones (sosy-lab/benchexec issue 850); two of the fast ones may go a little higher. */
  alderLake: machine([
    { cores: neighbours(6).slice(0, 4), kHz: 4_600_000 },
    { cores: neighbours(6).slice(4), kHz: 4_700_000 },
    { cores: singles(12, 20), kHz: 3_500_000 }
  ]),
  /** Core Ultra 9 185H: 6 fast cores with two threads, 8 economical ones, 2 very economical ones (util-linux issue 4595). */
  meteorLake: machine([
    { cores: neighbours(6), kHz: 5_100_000 },
    { cores: singles(12, 20), kHz: 3_800_000 },
    { cores: singles(20, 22), kHz: 2_500_000 }
  ]),
  /** RK3588: 4 Cortex-A55 up to 1.8 GHz, 4 Cortex-A76 up to 2.4 GHz, of which the kernel says its capacity. */
  rk3588: machine([
    { cores: singles(0, 4), kHz: 1_800_000, capacity: 397 },
    { cores: singles(4, 6), kHz: 2_400_000, capacity: 1_024 },
    { cores: singles(6, 8), kHz: 2_400_000, capacity: 1_024 }
  ]),
  /** Raspberry Pi 4. */
  pi: machine([{ cores: singles(0, 4), kHz: 1_800_000, capacity: 1_024 }])
}

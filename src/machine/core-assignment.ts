import { MeshmarkError } from '../model/errors.ts'
import { counted } from '../model/text.ts'
import { formatProcessorList } from './processor-list.ts'
import { coresOf } from './topology.ts'
import type { LogicalProcessor, Topology } from './topology.ts'

/** What one task has to itself. */
export interface CoreAssignment {
  /** Physical cores, ascending, named as in the topology. */
  cores: number[]
  /** All logical processors of these, ascending. */
  processors: number[]
  /** NUMA nodes whose memory is near to them. */
  nodes: number[]
}

export interface AssignmentRequest {
  /** How many tasks run at the same time. */
  tasks: number
  /** Whole physical cores of each. */
  coresEach: number
  /** Physical cores that somebody else has. */
  taken?: readonly number[]
}

/** Cores whose speed is at least this share of the fastest of their class belong to it: turbo frequencies differ by less, P and E cores by more. */
const SAME_SPEED = 0.95

/** A physical core that this process may use as a whole. */
interface Core {
  id: number
  processors: number[]
  package: number
  node: number
  speed: number
}

/** Cores of one socket and one NUMA node, within which caches and memory are near, and what of them is free. */
interface Unit {
  package: number
  node: number
  cores: Core[]
  free: Core[]
}

/**
 * Gives every task whole physical cores of its own, so that no two share an
 * execution unit, as BenchExec does it (Beyer, Löwe, Wendler: Reliable
 * benchmarking, STTT 2019, section 5):
 *
 * - cores of a task are alike: of the fastest class, with as many threads each
 * - they lie in one unit, a NUMA node or a socket if that is smaller; only a
 *   task that is larger than any unit has several, and these alone
 * - tasks are spread evenly over units, so that each has as much of the shared
 *   cache and of the memory's bandwidth as can be
 *
 * Throws one line that says what does not fit and what would.
 */
export function assignCores (topology: Topology, { tasks, coresEach, taken = [] }: AssignmentRequest): CoreAssignment[] {
  const { cores, slower, halves } = usableCores(topology)
  const units = unitsOf(cores, new Set(taken))
  const largest = Math.max(0, ...units.map(unit => unit.cores.length))
  const free = units.reduce((sum, unit) => sum + unit.free.length, 0)
  const wanted = `${tasks === 1 ? '' : `${tasks} times `}${count(coresEach)}`
  const refuse = (reason: string): never => { throw new MeshmarkError('refused', `${wanted} cannot be had: ${reason}`) }

  if (tasks * coresEach > free) {
    refuse([
      free === cores.length ? `there ${free === 1 ? 'is' : 'are'} ${free === 0 ? 'none' : `only ${free}`} here` : `${free === 0 ? 'none' : `only ${free}`} of the ${cores.length} here ${free < 2 ? 'is' : 'are'} free`,
      ...(slower.length === 0 ? [] : [`${count(slower.length)} of another kind (processors ${formatProcessorList(slower.flatMap(core => core.processors))}) must be named one by one`]),
      ...(halves.length === 0 ? [] : [`cores of which this process may use only a part (processors ${formatProcessorList(halves)}) do not count`])
    ].join('; '))
  }

  if (coresEach > largest) {
    const each = Math.ceil(coresEach / largest)
    const empty = units.filter(unit => unit.free.length === unit.cores.length).sort((a, b) => b.cores.length - a.cores.length)

    return Array.from({ length: tasks }, () => {
      const chosen: Core[] = []

      while (chosen.length < coresEach) {
        const unit = nearest(empty, chosen)

        if (unit == null) {
          return refuse(`it takes ${each} NUMA nodes or sockets of ${count(largest)} which nobody else uses`)
        }

        empty.splice(empty.indexOf(unit), 1)
        chosen.push(...unit.free.slice(0, coresEach - chosen.length))
      }

      return assignment(chosen)
    })
  }

  const fit = units.reduce((sum, unit) => sum + Math.floor(unit.free.length / coresEach), 0)

  if (tasks > fit) {
    refuse(`no more than ${fit} such ${fit === 1 ? 'part' : 'parts'} can be had without one that lies in several NUMA nodes or sockets`)
  }

  return Array.from({ length: tasks }, () => {
    // Which has most has enough, since all take equally many. The sort is stable: the first of those that have most.
    const [unit] = [...units].sort((a, b) => b.free.length - a.free.length)

    return assignment(unit?.free.splice(0, coresEach) ?? [])
  })
}

/**
 * What somebody has chosen, logical processor by logical processor. Throws one
 * line when one cannot be used, when a core would be split, or when cores of
 * different speed would be mixed.
 */
export function chosenCores (topology: Topology, processors: readonly number[]): CoreAssignment {
  const allowed = new Set(topology.allowed)
  const chosen = new Set(processors)
  const refuse = (reason: string): never => { throw new MeshmarkError('refused', `the processors ${formatProcessorList(chosen)} cannot be used: ${reason}`) }
  const missing = [...chosen].filter(id => !allowed.has(id))

  if (missing.length > 0) {
    refuse(`this process may use ${formatProcessorList(allowed)}, and not ${formatProcessorList(missing)}`)
  }

  const cores = coresFrom(coresOf(topology, processors), topology)

  for (const core of cores) {
    const absent = core.processors.filter(id => !chosen.has(id))

    if (absent.length > 0) {
      const present = core.processors.filter(id => chosen.has(id))
      const add = absent.every(id => allowed.has(id)) ? `add ${formatProcessorList(absent)}, or ` : 'this process may use only a part of it, '

      refuse(`${formatProcessorList(core.processors)} are one core: ${add}leave out ${formatProcessorList(present)}`)
    }
  }

  const [, other] = classesOf(cores)

  if (other != null) {
    refuse(`cores of different kinds would be mixed: leave out ${formatProcessorList(other.flatMap(core => core.processors))}`)
  }

  return assignment(cores)
}

/** The class of cores that tasks are given, and what is left out. */
function usableCores (topology: Topology): { cores: Core[], slower: Core[], halves: number[] } {
  const allowed = new Set(topology.allowed)
  const all = coresFrom(coresOf(topology, topology.allowed), topology)
  const whole = all.filter(core => core.processors.every(id => allowed.has(id)))
  const [cores = [], ...slower] = classesOf(whole)

  return {
    cores,
    slower: slower.flat(),
    halves: all.filter(core => !whole.includes(core)).flatMap(core => core.processors).filter(id => allowed.has(id))
  }
}

function coresFrom (ids: readonly number[], { processors }: Topology): Core[] {
  const groups = groupBy(processors, ({ core }) => core)

  return ids.map(id => {
    const members = groups.get(id) as [LogicalProcessor, ...LogicalProcessor[]]
    const [{ node, package: socket, speed = 0 }] = members

    return { id, processors: members.map(member => member.id), package: socket, node, speed }
  })
}

/** The fastest first. Cores with another number of threads are of another class. */
function classesOf (cores: readonly Core[]): Core[][] {
  const classes: Core[][] = []

  for (const core of [...cores].sort((a, b) => b.speed - a.speed || b.processors.length - a.processors.length || a.id - b.id)) {
    const alike = classes.find(([first]) => first != null && core.speed >= SAME_SPEED * first.speed && core.processors.length === first.processors.length)

    if (alike == null) {
      classes.push([core])
    } else {
      alike.push(core)
    }
  }

  return classes.map(members => members.sort((a, b) => a.id - b.id))
}

function unitsOf (cores: readonly Core[], taken: ReadonlySet<number>): Unit[] {
  return [...groupBy(cores, core => `${core.package}/${core.node}`).values()]
    .map(members => ({ package: members[0]?.package ?? 0, node: members[0]?.node ?? 0, cores: members, free: members.filter(({ id }) => !taken.has(id)) }))
    .sort((a, b) => a.package - b.package || a.node - b.node)
}

/** One in a socket that the task has already, if there is one. */
function nearest (units: readonly Unit[], chosen: readonly Core[]): Unit | undefined {
  return units.find(unit => chosen.some(core => core.package === unit.package)) ?? units[0]
}

function assignment (cores: readonly Core[]): CoreAssignment {
  return {
    cores: cores.map(({ id }) => id).sort((a, b) => a - b),
    processors: cores.flatMap(core => core.processors).sort((a, b) => a - b),
    nodes: [...new Set(cores.map(({ node }) => node))].sort((a, b) => a - b)
  }
}

function groupBy<T, K> (values: readonly T[], keyOf: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()

  for (const value of values) {
    const key = keyOf(value)
    const group = groups.get(key)

    if (group == null) {
      groups.set(key, [value])
    } else {
      group.push(value)
    }
  }

  return groups
}

function count (cores: number): string {
  return counted(cores, 'physical core')
}

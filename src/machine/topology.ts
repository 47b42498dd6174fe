import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseProcessorList } from './processor-list.ts'

/** What runs one thread at a time. */
export interface LogicalProcessor {
  id: number
  /** The physical core that it is part of, named by the lowest of its logical processors that are online. */
  core: number
  /** The socket. */
  package: number
  /** The NUMA node: memory that is near to it. */
  node: number
  /**
   * How fast it can be, comparable within one machine only: the kernel's
   * cpu_capacity where it gives one, else the highest frequency in kHz.
   * Absent when not every processor of the machine says it.
   */
  speed?: number
}

/** Logical processors of a machine. Those that are offline are not in it. */
export interface Topology {
  /** In ascending order, with those that this process must not use. */
  processors: LogicalProcessor[]
  /** Ids of those that this process may use. */
  allowed: number[]
}

/** As the kernel's files say it; what is missing is undefined. */
export interface TopologyTexts {
  /** /sys/devices/system/cpu/online */
  online?: string
  /** Cpus_allowed_list of /proc/self/status: affinity and cpuset together. */
  allowed?: string
  processors: Map<number, ProcessorTexts>
  /** cpulist of each /sys/devices/system/node/node* */
  nodes: Map<number, string>
}

/** Of /sys/devices/system/cpu/cpu* */
export interface ProcessorTexts {
  /** topology/core_cpus_list, which kernels before 5.3 call thread_siblings_list */
  siblings?: string
  /** topology/physical_package_id */
  package?: string
  /** cpu_capacity */
  capacity?: string
  /** cpufreq/cpuinfo_max_freq */
  maxFrequency?: string
}

/**
 * Who shares a core is taken from the list of siblings and never from core_id,
 * which is unique only within a cluster on some ARM machines. Where the kernel
 * says nothing of siblings, each processor is a core of its own.
 */
export function parseTopology (texts: TopologyTexts): Topology {
  const ids = listOf(texts.online) ?? listOf(texts.allowed) ?? [...texts.processors.keys()].sort((a, b) => a - b)
  const online = new Set(ids)
  const nodes = new Map([...texts.nodes].flatMap(([node, list]) => (listOf(list) ?? []).map(id => [id, node] as const)))
  const speeds = speedsOf(ids.map(id => texts.processors.get(id) ?? {}))
  const allowed = (listOf(texts.allowed) ?? ids).filter(id => online.has(id))

  return {
    allowed,
    processors: ids.map((id, index) => {
      const { siblings, package: socket } = texts.processors.get(id) ?? {}

      return {
        id,
        core: Math.min(id, ...(listOf(siblings) ?? []).filter(sibling => online.has(sibling))),
        // -1 on machines whose firmware does not say
        package: Math.max(0, numberOf(socket) ?? 0),
        node: nodes.get(id) ?? 0,
        speed: speeds?.[index]
      }
    })
  }
}

/** Of this machine and this process. Nothing that is missing fails it. */
export async function readTopology (sys = '/sys/devices/system', status = '/proc/self/status'): Promise<Topology> {
  const cpu = join(sys, 'cpu')
  const [online, allowed, ids, nodeIds] = await Promise.all([
    read(join(cpu, 'online')),
    read(status).then(text => /^Cpus_allowed_list:\s*(\S+)$/m.exec(text ?? '')?.[1]),
    numbered(cpu, 'cpu'),
    numbered(join(sys, 'node'), 'node')
  ])

  return parseTopology({
    online,
    allowed,
    processors: new Map(await Promise.all(ids.map(async id => [id, await readProcessor(join(cpu, `cpu${id}`))] as const))),
    nodes: new Map(await Promise.all(nodeIds.map(async id => [id, await read(join(sys, 'node', `node${id}`, 'cpulist')) ?? ''] as const)))
  })
}

/** Physical cores of which at least one logical processor is among those given, ascending. */
export function coresOf (topology: Topology, processors: readonly number[]): number[] {
  const wanted = new Set(processors)

  return [...new Set(topology.processors.filter(({ id }) => wanted.has(id)).map(({ core }) => core))].sort((a, b) => a - b)
}

/** NUMA nodes of the processors given, ascending. */
export function nodesOf (topology: Topology, processors: readonly number[]): number[] {
  const wanted = new Set(processors)

  return [...new Set(topology.processors.filter(({ id }) => wanted.has(id)).map(({ node }) => node))].sort((a, b) => a - b)
}

/** A figure that some lack compares nothing. */
function speedsOf (processors: readonly ProcessorTexts[]): number[] | undefined {
  for (const key of ['capacity', 'maxFrequency'] as const) {
    const speeds = processors.map(texts => numberOf(texts[key]) ?? 0)

    if (speeds.every(speed => speed > 0)) {
      return speeds
    }
  }

  return undefined
}

async function readProcessor (dir: string): Promise<ProcessorTexts> {
  const [cores, threads, socket, capacity, maxFrequency] = await Promise.all([
    'topology/core_cpus_list', 'topology/thread_siblings_list', 'topology/physical_package_id', 'cpu_capacity', 'cpufreq/cpuinfo_max_freq'
  ].map(async name => read(join(dir, name))))

  return { siblings: cores ?? threads, package: socket, capacity, maxFrequency }
}

async function numbered (dir: string, prefix: string): Promise<number[]> {
  const names = await readdir(dir).catch(() => [])

  return names.filter(name => name.startsWith(prefix)).map(name => name.slice(prefix.length)).filter(rest => /^\d{1,5}$/.test(rest)).map(Number)
}

async function read (path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

/** An empty list says nothing. */
function listOf (text: string | undefined): number[] | undefined {
  const list = text == null ? undefined : parseProcessorList(text)

  return list == null || list.length === 0 ? undefined : list
}

function numberOf (text: string | undefined): number | undefined {
  const value = text?.trim() ?? ''

  return /^-?\d{1,15}$/.test(value) ? Number(value) : undefined
}

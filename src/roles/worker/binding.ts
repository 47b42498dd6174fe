import { assignCores, chosenCores } from '../../machine/core-assignment.ts'
import { formatProcessorList } from '../../machine/processor-list.ts'
import { coresOf, readTopology } from '../../machine/topology.ts'
import { MeshmarkError } from '../../model/errors.ts'
import { whyNoMemoryOf } from '../../sandbox/index.ts'
import { claimCores } from '../../store/core-claims.ts'
import { lockPath, MachineLock } from '../../store/lock.ts'
import type { CoreAssignment } from '../../machine/core-assignment.ts'
import type { Topology } from '../../machine/topology.ts'
import type { Affinity } from '../../sandbox/index.ts'

/** What a worker's programs are bound to: so many physical cores, or these logical processors. */
export type BindingRequest = { cores: number } | { processors: number[] }

export interface Binding {
  affinity: Affinity
  /** Over the cores that it is bound to, alone. */
  lock: MachineLock
  release: () => Promise<void>
}

/**
 * Binds this worker's programs to whole cores that no other bound worker of
 * the machine has, until it is released or this process ends. The worker
 * itself runs where it likes.
 */
export async function bind (request: BindingRequest, log: (line: string) => void): Promise<Binding> {
  const path = await lockPath()
  const topology = await readTopology()
  let found: CoreAssignment | undefined

  const claims = await claimCores(path, coresOf(topology, topology.allowed), taken => {
    found = choose(topology, request, taken)

    return found.cores
  })

  const { processors = [], nodes = [] } = found ?? {}

  log(`programs are bound to the processors ${formatProcessorList(processors)}`)

  return {
    affinity: { processors, nodes: bindableNodes(topology, nodes, log) },
    lock: new MachineLock(path, claims.cores),
    release: claims.release
  }
}

function choose (topology: Topology, request: BindingRequest, taken: readonly number[]): CoreAssignment {
  if ('cores' in request) {
    return assignCores(topology, { tasks: 1, coresEach: request.cores, taken })[0] as CoreAssignment
  }

  const chosen = chosenCores(topology, request.processors)
  const common = chosen.cores.filter(core => taken.includes(core))

  if (common.length > 0) {
    const theirs = topology.processors.filter(({ core }) => common.includes(core)).map(({ id }) => id)

    throw new MeshmarkError('conflict', `the processors ${formatProcessorList(chosen.processors)} cannot be used: another worker of this machine is bound to ${formatProcessorList(theirs)}`)
  }

  return chosen
}

/** Memory of a machine with one node is always near. */
function bindableNodes (topology: Topology, nodes: readonly number[], log: (line: string) => void): readonly number[] | undefined {
  if (new Set(topology.processors.map(({ node }) => node)).size < 2) {
    return undefined
  }

  const reason = whyNoMemoryOf(nodes)

  if (reason != null) {
    log(`${reason}: it may come from distant ones`)
  }

  return reason == null ? nodes : undefined
}

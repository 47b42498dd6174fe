import { assignCores } from '../../machine/core-assignment.ts'
import { formatProcessorList } from '../../machine/processor-list.ts'
import { coresOf, readTopology } from '../../machine/topology.ts'
import { toError } from '../../model/errors.ts'
import type { Affinity } from '../../sandbox/index.ts'

/**
 * Where each of several places runs: on whole cores that no other place has,
 * where there are enough; else all of them wherever the worker may.
 *
 * @param within - what the worker is bound to; undefined = all that it may use
 */
export async function affinitiesOf (slots: number, within: Affinity | undefined, log: (line: string) => void): Promise<Array<Affinity | undefined>> {
  if (slots === 1) {
    return [within]
  }

  try {
    const topology = await readTopology()
    const own = coresOf(topology, within?.processors ?? topology.allowed)
    const taken = coresOf(topology, topology.allowed).filter(core => !own.includes(core))
    const places = assignCores(topology, { tasks: slots, coresEach: Math.max(1, Math.floor(own.length / slots)), taken })

    log(`the places of this worker are bound to the processors ${places.map(({ processors }) => formatProcessorList(processors)).join(' / ')}`)

    // memory comes from where that of the whole worker does
    return places.map(({ processors }) => ({ processors, ...(within?.nodes == null ? {} : { nodes: within.nodes }) }))
  } catch (err) {
    log(`the ${slots} places of this worker share its cores: ${toError(err).message}`)

    return Array.from({ length: slots }, () => within)
  }
}

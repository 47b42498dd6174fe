import { unitFor } from '../quantities.ts'
import type { Metric } from '../../model/comparison.ts'
import type { TimeUnit } from '../quantities.ts'

/** What the axis of a chart of runs is of. */
export interface Quantity {
  title: string
  /** One in which a value has few digits; its `ns` is what it counts of the value's own. */
  unitOf: (value: number) => TimeUnit
}

/** 1024-based, as everywhere here. */
const BYTES: TimeUnit[] = [{ name: 'GB', ns: 1024 ** 3 }, { name: 'MB', ns: 1024 ** 2 }, { name: 'KB', ns: 1024 }, { name: 'B', ns: 1 }]

export const QUANTITIES: Record<Metric, Quantity> = {
  wall: { title: 'wall time of a run', unitOf: unitFor },
  cpu: { title: 'CPU time of a run', unitOf: unitFor },
  memory: { title: 'peak memory of a run', unitOf: bytes => BYTES.find(({ ns }) => bytes >= ns) ?? { name: 'B', ns: 1 } }
}

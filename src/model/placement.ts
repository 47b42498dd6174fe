/** A condition on a worker's resources or labels, e.g. arch=arm64, cores=8.., label.zone=lab. */
export interface Selector {
  /** `name`, `arch`, `platform`, `cores`, `memory`, `label.KEY` or a tool, as `python`. */
  key: string
  /** Exact text, or a range `low..high` with either end open; of a tool's versions both. */
  value: string
}

export type Placement =
  /** A task for every matching worker; the targets are frozen when the job is accepted. */
  | { on: 'all', where: Selector[] }
  /** One task for one free worker, queued while all are busy. */
  | { on: 'any', where: Selector[] }
  /** A task for each of so many different free workers, queued while there are fewer. */
  | { on: 'some', count: number, where: Selector[] }
  /** A task for each of these workers, by name. */
  | { on: 'names', names: string[], where: Selector[] }

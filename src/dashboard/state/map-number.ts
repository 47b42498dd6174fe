import { parseMapTask } from '../../model/map.ts'

/** The number of a task of a map in its worker's list, from 1, over all lists of that worker: as a master is asked for its output. Pure. */
export function numberInList (tasks: Iterable<string>, task: string): number {
  const own = parseMapTask(task)

  return 1 + [...tasks].map(parseMapTask).filter(({ worker, list, entry }) => worker === own.worker && (list < own.list || (list === own.list && entry < own.entry))).length
}

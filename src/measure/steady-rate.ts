/** One task as its client saw it. Milliseconds; starts are by the clock of the worker, ends by the client's. */
export interface LoadTask {
  /** From 0. */
  client: number
  worker: string
  startedAtMs: number
  /** Its client knew of the end. */
  endedAtMs: number
}

/**
 * The most tasks a second that there can be: workers that are always busy, or
 * clients that never wait. Times are in seconds, `workers` are places.
 */
export function possibleRate ({ workers, clients, taskS, pauseS }: { workers: number, clients: number, taskS: number, pauseS: number }): number {
  return taskS + pauseS <= 0 || taskS <= 0 ? Infinity : Math.min(workers / taskS, clients / (taskS + pauseS))
}

/**
 * Tasks a second while all clients have work: of those who are always busy,
 * workers or clients, from the first to the last of each one's own tasks, so
 * that clocks of different machines are never compared. Undefined when nobody
 * did two.
 *
 * @param limit - who is always busy: `possibleRate`'s smaller part
 */
export function steadyRate (tasks: readonly LoadTask[], limit: 'workers' | 'clients'): number | undefined {
  const clients = new Set(tasks.map(({ client }) => client))
  // when the first client has no more to do, workers may have less, too
  const until = Math.min(...[...clients].map(one => Math.max(...tasks.filter(({ client }) => client === one).map(({ endedAtMs }) => endedAtMs))))
  const whose = ({ client, worker }: LoadTask): number | string => limit === 'workers' ? worker : client
  const groups = [...new Set(tasks.map(whose))].map(one => tasks
    .filter(task => whose(task) === one && (limit === 'clients' || task.endedAtMs <= until))
    .map(({ startedAtMs, endedAtMs }) => limit === 'workers' ? startedAtMs : endedAtMs))
  const rates = groups.filter(times => times.length > 1).map(times => (times.length - 1) / (Math.max(...times) - Math.min(...times)) * 1_000)

  return rates.length === 0 ? undefined : rates.reduce((sum, rate) => sum + rate, 0)
}

import { possibleRate, steadyRate } from '../measure/steady-rate.ts'
import { median } from '../stats/quantile.ts'
import { changeRecord, parseProfileOf, PROFILE_FORMAT } from './profile-file.ts'
import { toJson } from './to-json.ts'
import type { LoadedTask } from '../roles/client/load.ts'
import type { ForeignValue } from './foreign-json.ts'
import type { Profile } from './profile-file.ts'

export const LOAD_FORMAT = 'meshmark load'
const LOAD_VERSION = 1
const MAX_PLACES = 10_000

/** One place of the grid: so many clients on so many workers. */
export interface LoadPlace {
  clients: number
  workers: number
  tasks: number
  /** Of them, how many did not end well. */
  failed: number
  /** In the steady state; undefined with less than two tasks of anyone. */
  perSecond?: number
  /** At most: min(places / T, clients / (T + pause)). */
  possible: number
  /** Median of what the program took, seconds. */
  taskS: number
  /** Median from the submission to the end as the client knows it, without the program's own time: what Meshmark and waiting for a worker took. Seconds. */
  aroundS: number
}

/** @param places - of all these workers together, what they run at the same time */
export function placeOf (tasks: readonly LoadedTask[], { clients, workers, places, pauseMs }: { clients: number, workers: number, places: number, pauseMs: number }): LoadPlace {
  const walls = tasks.flatMap(({ wallNs }) => wallNs == null ? [] : [wallNs / 1e9])
  const taskS = walls.length === 0 ? 0 : median(walls)
  const pauseS = pauseMs / 1_000
  const perSecond = steadyRate(tasks, places / taskS < clients / (taskS + pauseS) ? 'workers' : 'clients')

  return {
    clients,
    workers,
    tasks: tasks.length,
    failed: tasks.filter(({ outcome }) => outcome !== 'done').length,
    ...perSecond == null ? {} : { perSecond },
    possible: possibleRate({ workers: places, clients, taskS, pauseS }),
    taskS,
    aroundS: tasks.length === 0 ? 0 : median(tasks.map(({ submittedAtMs, endedAtMs, wallNs = 0 }) => (endedAtMs - submittedAtMs) / 1_000 - wallNs / 1e9))
  }
}

/** The grid of a load, and the recording of it. */
export interface Load {
  command: string
  /** Of each client. */
  tasks: number
  pauseMs: number
  grid: LoadPlace[]
  recording: Profile
}

export function renderLoad ({ command, tasks, pauseMs, grid, recording }: Load): string {
  return toJson({
    format: LOAD_FORMAT,
    version: LOAD_VERSION,
    command,
    tasks_per_client: tasks,
    pause: pauseMs / 1_000,
    grid: grid.map(gridRecord),
    recording: { format: PROFILE_FORMAT, version: 1, from: new Date(recording.fromMs).toISOString(), until: new Date(recording.untilMs).toISOString(), changes: recording.changes.map(changeRecord) }
  })
}

/** Reads what `renderLoad` wrote; errors name the file and the field. */
export function parseLoad (content: ForeignValue): Load {
  const version = content.at('version')

  if (version.value !== LOAD_VERSION) {
    version.fail(`${LOAD_VERSION}, the only version that this Meshmark reads`)
  }

  return {
    command: content.at('command').text(100_000),
    tasks: content.at('tasks_per_client').count(),
    pauseMs: content.at('pause').amount() * 1_000,
    grid: content.at('grid').items(MAX_PLACES).map(place => {
      const perSecond = place.find('tasks_per_second')

      return {
        clients: place.at('clients').count(100_000),
        workers: place.at('workers').count(100_000),
        tasks: place.at('tasks').count(),
        failed: place.at('failed').count(),
        ...perSecond == null ? {} : { perSecond: perSecond.amount() },
        possible: place.at('possible_per_second').amount(),
        taskS: place.at('task').amount(),
        aroundS: place.at('around').number()
      }
    }),
    recording: parseProfileOf(content.at('recording'))
  }
}

/** As files have it; times are seconds. */
export function gridRecord ({ clients, workers, tasks, failed, perSecond, possible, taskS, aroundS }: LoadPlace): Record<string, number | null> {
  return { clients, workers, tasks, failed, tasks_per_second: perSecond ?? null, possible_per_second: possible, share: perSecond == null ? null : perSecond / possible, task: taskS, around: aroundS }
}

import { MeshmarkError } from '../../model/errors.ts'
import { counted } from '../../model/text.ts'
import { formatDuration } from '../../model/units.ts'
import { plainTime } from '../quantities.ts'
import { median } from '../../stats/quantile.ts'
import { lineChart } from './scaling.ts'
import type { Load, LoadPlace } from '../load.ts'
import type { Look, Spec } from './look.ts'
import type { Point } from './scaling.ts'

/** Tasks a second against workers, a line for each number of clients; where only clients differ, against those. What could be at best is dashed. */
export function loadChart ({ grid, tasks, pauseMs }: Load, title: string, look: Look): Spec {
  const [workers, clients] = [new Set(grid.map(place => place.workers)), new Set(grid.map(place => place.clients))]
  const byWorkers = workers.size >= clients.size && workers.size > 1

  if (workers.size < 2 && clients.size < 2) {
    throw new MeshmarkError('usage', 'one number of clients and of workers is no line: --kind busy or throughput shows what happened')
  }

  const point = (place: LoadPlace, y: number): Point => byWorkers
    ? { series: counted(place.clients, 'client'), x: place.workers, y }
    : { series: `on ${counted(place.workers, 'worker')}`, x: place.clients, y }
  const reached = grid.flatMap(place => place.perSecond == null ? [] : [point(place, place.perSecond)])
  const bound = grid.map(place => point(place, place.possible))
  const most = Math.max(...[...reached, ...bound].map(({ y }) => y).filter(Number.isFinite), 0) || 1

  return lineChart(reached, {
    title,
    subtitle: `${counted(tasks, 'task')} of ${plainTime(median(grid.map(({ taskS }) => taskS)) * 1e9)} for each client, ${pauseMs === 0 ? 'without a pause' : `${formatDuration(pauseMs)} apart`}. Points are tasks a second while all clients have work; dashed is the most that is possible, min(workers / T, clients / (T + pause)).`,
    axes: { x: byWorkers ? 'workers' : 'clients', y: 'tasks per second' },
    yScale: { scale: { type: 'linear', domain: [0, most * 1.05], nice: true } },
    join: true,
    bound: bound.filter(({ y }) => Number.isFinite(y))
  }, look)
}

import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { Figures } from '../roles/master/figures.ts'

export interface Metrics {
  /** Text that Prometheus reads. */
  render: () => Promise<string>
  contentType: string
  /** One request that was answered; `route` is a pattern, never a path. */
  count: (route: string, method: string, status: number) => void
  close: () => void
}

/** Numbers of this master and its process; read when they are asked for, and nothing of them names a job, a client or a token. */
export function createMetrics (figures: () => Figures, sessions: () => number): Metrics {
  const register = new Registry()
  const requests = new Counter({ name: 'meshmark_http_requests_total', help: 'Requests that were answered over HTTP', labelNames: ['route', 'method', 'status'], registers: [register] })

  collectDefaultMetrics({ register })

  const gauge = (name: string, help: string, read: (figures: Figures) => number): void => {
    void new Gauge({ name, help, registers: [register], collect () { this.set(read(figures())) } })
  }
  const byState = (name: string, help: string, read: (figures: Figures) => Record<string, number>): void => {
    void new Gauge({
      name,
      help,
      labelNames: ['state'],
      registers: [register],
      collect () {
        // a state in which there is none any more must not keep its number
        this.reset()
        Object.entries(read(figures())).forEach(([state, count]) => { this.set({ state }, count) })
      }
    })
  }

  byState('meshmark_workers', 'Workers by state', ({ workers }) => workers)
  byState('meshmark_jobs', 'Jobs that have not ended', ({ jobs }) => jobs)
  byState('meshmark_tasks', 'Tasks of jobs that have not ended, by state', ({ tasks }) => tasks)
  gauge('meshmark_queued_tasks', 'Tasks that wait for a worker', ({ tasks }) => tasks.queued ?? 0)
  gauge('meshmark_payload_bytes', 'Payloads on disk', ({ payloadBytes }) => payloadBytes)
  gauge('meshmark_payload_limit_bytes', 'Room for payloads', ({ payloadLimitBytes }) => payloadLimitBytes)
  gauge('meshmark_coordinator', '1 = this master coordinates', ({ coordinates }) => Number(coordinates))
  gauge('meshmark_term', 'Number of the reign of the coordinator', ({ term }) => term)
  void new Gauge({ name: 'meshmark_http_sessions', help: 'Tokens in use over HTTP', registers: [register], collect () { this.set(sessions()) } })

  return {
    render: async () => register.metrics(),
    contentType: register.contentType,
    count: (route, method, status) => { requests.inc({ route, method, status: String(status) }) },
    close: () => { register.clear() }
  }
}

export type Route =
  | { view: 'mesh', worker?: string }
  | { view: 'jobs' }
  | { view: 'job', id: string }
  /** Each a job, or `JOB.N`: its command N, counted from 0. */
  | { view: 'compare', base?: string, other?: string }
  /** Jobs of one name. */
  | { view: 'history', name?: string }
  | { view: 'activity' }
  /** Of nothing, or filled from a job. */
  | { view: 'submit', from?: string }
  | { view: 'unknown' }

/** `#/mesh`, `#/mesh/PEER`, `#/jobs`, `#/jobs/ID`, `#/submit`, `#/submit/ID`; nothing is the mesh. */
export function parseRoute (fragment: string): Route {
  const [first = '', second, third, ...more] = fragment.replace(/^#\/?/, '').split('/').map(decoded)

  if (more.length > 0 || (third != null && first !== 'compare')) {
    return { view: 'unknown' }
  }

  switch (first) {
    case '':
    case 'mesh':
      return second == null || second === '' ? { view: 'mesh' } : { view: 'mesh', worker: second }
    case 'jobs':
      return second == null || second === '' ? { view: 'jobs' } : { view: 'job', id: second }
    case 'compare':
      return { view: 'compare', ...(second == null || second === '' ? {} : { base: second }), ...(third == null || third === '' ? {} : { other: third }) }
    case 'history':
      return second == null || second === '' ? { view: 'history' } : { view: 'history', name: second }
    case 'activity':
      return second == null || second === '' ? { view: 'activity' } : { view: 'unknown' }
    case 'submit':
      return second == null || second === '' ? { view: 'submit' } : { view: 'submit', from: second }
    default:
      return { view: 'unknown' }
  }
}

/** What a view is of: of the same, only a part changes. */
export function placeOf (route: Route): string {
  switch (route.view) {
    case 'job': return `job ${route.id}`
    case 'submit': return `submit ${route.from ?? ''}`
    default: return route.view
  }
}

export function hrefOf (route: Exclude<Route, { view: 'unknown' }>): string {
  switch (route.view) {
    case 'mesh': return route.worker == null ? '#/mesh' : `#/mesh/${encodeURIComponent(route.worker)}`
    case 'jobs': return '#/jobs'
    case 'job': return `#/jobs/${encodeURIComponent(route.id)}`
    case 'compare': return `#/compare${route.base == null ? '' : `/${encodeURIComponent(route.base)}${route.other == null ? '' : `/${encodeURIComponent(route.other)}`}`}`
    case 'history': return route.name == null ? '#/history' : `#/history/${encodeURIComponent(route.name)}`
    case 'activity': return '#/activity'
    case 'submit': return route.from == null ? '#/submit' : `#/submit/${encodeURIComponent(route.from)}`
  }
}

function decoded (part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

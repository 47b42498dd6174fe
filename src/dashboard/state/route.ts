export type Route =
  | { view: 'mesh', worker?: string }
  | { view: 'jobs' }
  | { view: 'job', id: string }
  | { view: 'unknown' }

/** `#/mesh`, `#/mesh/PEER`, `#/jobs`, `#/jobs/ID`; nothing is the mesh. */
export function parseRoute (fragment: string): Route {
  const [first = '', second, ...more] = fragment.replace(/^#\/?/, '').split('/').map(decoded)

  if (more.length > 0) {
    return { view: 'unknown' }
  }

  switch (first) {
    case '':
    case 'mesh':
      return second == null || second === '' ? { view: 'mesh' } : { view: 'mesh', worker: second }
    case 'jobs':
      return second == null || second === '' ? { view: 'jobs' } : { view: 'job', id: second }
    default:
      return { view: 'unknown' }
  }
}

export function hrefOf (route: Exclude<Route, { view: 'unknown' }>): string {
  switch (route.view) {
    case 'mesh': return route.worker == null ? '#/mesh' : `#/mesh/${encodeURIComponent(route.worker)}`
    case 'jobs': return '#/jobs'
    case 'job': return `#/jobs/${encodeURIComponent(route.id)}`
  }
}

function decoded (part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

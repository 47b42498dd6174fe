import { isIP } from 'node:net'
import { HttpProblem } from './problem.ts'

export interface GuardOptions {
  /** Names under which a proxy or a tunnel passes requests on, without a port. */
  hosts: readonly string[]
  /** Pages of these origins may ask, as `https://lab.example`. */
  origins: readonly string[]
}

/**
 * Refuses what a page of somebody else has a browser send: a name that has been
 * made to mean this machine (DNS rebinding), and requests of other origins.
 * Programs send neither. Pure.
 */
export function guard (headers: Headers, { hosts, origins }: GuardOptions): void {
  const { host, name } = guardHost(headers, hosts)
  const origin = headers.get('origin')
  const isOwn = origin != null && (origins.includes(origin) || origin === `http://${host}` || (hosts.includes(name) && origin === `https://${host}`))

  if ((origin != null && !isOwn) || (origin == null && headers.get('sec-fetch-site') === 'cross-site')) {
    throw new HttpProblem(403, 'refused', `pages of ${origin?.slice(0, 200) ?? 'other sites'} may not ask here: allow them with --http-origin`)
  }
}

/** Only the name by which it was asked: for what tells nothing, such as the page before anyone has signed in. */
export function guardHost (headers: Headers, hosts: readonly string[]): { host: string, name: string } {
  const host = headers.get('host') ?? ''
  const name = hostName(host)

  // an address cannot be made to mean another one
  if (name !== 'localhost' && isIP(name) === 0 && !hosts.includes(name)) {
    throw new HttpProblem(421, 'refused', `Host '${host.slice(0, 200)}' is not a name of this master: allow it with --http-host`)
  }

  return { host, name }
}

/** Without the port, and without the brackets of an IPv6 address. */
function hostName (host: string): string {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::\d{1,5})?$/i.exec(host) ?? []

  return (bracketed ?? plain ?? '').toLowerCase().replace(/\.$/, '')
}

/** The token of `Authorization: Bearer …`; a token anywhere else is not looked at. */
export function bearerToken (headers: Headers): string {
  const [, token] = /^bearer +(\S{1,200}) *$/i.exec(headers.get('authorization') ?? '') ?? []

  if (token == null) {
    throw new HttpProblem(401, 'refused', 'no token: send Authorization: Bearer TOKEN, with one of meshmark token create client --http', { 'www-authenticate': 'Bearer realm="meshmark"' })
  }

  return token
}

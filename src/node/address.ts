import { isIPv4, isIPv6 } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { MeshmarkError, toError } from '../model/errors.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

export const DEFAULT_PORT = 4747

/** Letters, digits, dots, hyphens and, as container networks use them, underscores (RFC 1123 otherwise). */
const HOST = /^(?=.{1,253}\.?$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$/
const HINT = 'write HOST, HOST:PORT, [IPV6]:PORT or a multiaddr such as /ip4/192.0.2.7/tcp/4747'

/** HOST, HOST:PORT, [IPV6], [IPV6]:PORT, a bare IPv6 address, or a TCP multiaddr with or without /p2p/ID. */
export function parseAddress (text: string): Multiaddr {
  const trimmed = text.trim()

  return trimmed.startsWith('/') ? parseMultiaddr(trimmed) : parseHostPort(trimmed)
}

/** How people know it: HOST:PORT, or the multiaddr when it is no plain TCP address. */
export function formatAddress (address: Multiaddr | string): string {
  const components = (typeof address === 'string' ? multiaddr(address) : address).getComponents()
  const [host, port] = components

  if (host?.value == null || port?.name !== 'tcp' || components.some(({ name }) => !PLAIN.has(name))) {
    return address.toString()
  }

  return host.name === 'ip6' ? `[${host.value}]:${port.value}` : `${host.value}:${port.value}`
}

const PLAIN = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6', 'tcp', 'p2p'])

function parseMultiaddr (text: string): Multiaddr {
  let address: Multiaddr

  try {
    address = multiaddr(text)
  } catch (err) {
    throw new MeshmarkError('usage', `address '${text}' is not a multiaddr (${toError(err).message}): ${HINT}`, { cause: err })
  }

  const names = address.getComponents().map(({ name }) => name).join('/')

  if (!/^(ip4|ip6|dns|dns4|dns6)\/tcp(\/p2p)?$/.test(names)) {
    throw new MeshmarkError('usage', `address '${text}' is not a TCP address: ${HINT}`)
  }

  checkPort(address.getComponents()[1]?.value ?? '', text)

  return address
}

function parseHostPort (text: string): Multiaddr {
  // more than one colon and no brackets: a bare IPv6 address
  const match = isIPv6(text) ? [text, text] : /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? /^([^:]*)(?::(.*))?$/.exec(text)
  const host = match?.[1] ?? ''
  const port = match?.[2] ?? String(DEFAULT_PORT)

  if (match == null || host === '' || (text.startsWith('[') && !isIPv6(host))) {
    throw new MeshmarkError('usage', `address '${text}' is not understood: ${HINT}`)
  }

  checkPort(port, text)

  if (isIPv4(host)) {
    return multiaddr(`/ip4/${host}/tcp/${port}`)
  }

  if (isIPv6(host)) {
    if (host.includes('%')) {
      throw new MeshmarkError('usage', `address '${text}': a link-local address with a zone cannot be used: take a global or a private one`)
    }

    return multiaddr(`/ip6/${host}/tcp/${port}`)
  }

  // four numbers that are no IPv4 address are a typo, not a name
  if (!HOST.test(host) || /^[\d.]+$/.test(host)) {
    throw new MeshmarkError('usage', `address '${text}': '${host}' is neither a host name nor an IP address: ${HINT}`)
  }

  return multiaddr(`/dns/${host}/tcp/${port}`)
}

function checkPort (port: string, text: string): void {
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new MeshmarkError('usage', `address '${text}': '${port}' is not a port from 1 to 65535`)
  }
}

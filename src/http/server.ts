import { once } from 'node:events'
import { isIP, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { serve } from '@hono/node-server'
import { MeshmarkError } from '../model/errors.ts'
import { VERSION } from '../node/version.ts'
import { createApp } from './app.ts'
import { loadPage } from './page.ts'
import type { GuardOptions } from './exchange/guard.ts'
import type { RunningMaster } from '../roles/master/master.ts'
import type { Server } from 'node:http'

export const DEFAULT_HTTP_PORT = 4748

export interface HttpOptions extends GuardOptions {
  /** `ADDR:PORT`, `ADDR` or `PORT`. @default 127.0.0.1:4748 */
  listen?: string
  /** Listen where other machines can reach it, unencrypted. */
  insecure?: boolean
  /** Until the headers of a request are there, milliseconds. @default 10_000 */
  headersMs?: number
  log: (line: string) => void
}

export interface RunningHttp {
  url: string
  /** Streams end, requests under way are answered. */
  close: () => Promise<void>
}

/** What lasts is ended first; who does not take the rest of an answer then is cut off. */
const CLOSE_MS = 2_000

/** Told of one master. */
const MAX_URLS = 8

/** Serves the interface of a master until it is closed. Throws `usage` for an address that does not do. */
export async function serveHttp (master: Pick<RunningMaster, 'http' | 'name' | 'peerId' | 'meshId'>, options: HttpOptions): Promise<RunningHttp> {
  const { host, port } = readListen(options.listen ?? '')
  const { headersMs = 10_000 } = options

  if (!isLoopback(host) && options.insecure !== true) {
    throw new MeshmarkError('usage', `--http=${options.listen}: other machines would reach it unencrypted, and could read its tokens on the way; let it listen on 127.0.0.1 behind a tunnel or a proxy with TLS, or add --http-insecure where the network itself is trusted`)
  }

  const { bearers, addresses, figures, openPayload, uploadDir } = master.http
  const app = createApp({
    bearers,
    figures,
    openPayload,
    uploadDir,
    facts: { name: master.name, peerId: master.peerId, meshId: master.meshId, version: VERSION, urlsOf: peerId => addresses.of(peerId) },
    hosts: options.hosts,
    origins: options.origins,
    fellows: () => addresses.all().map(originOf),
    page: await loadPage(),
    log: options.log
  })
  const server = serve({
    fetch: app.hono.fetch,
    hostname: host,
    port,
    // a request that is cut off is nobody's error
    overrideGlobalObjects: false,
    serverOptions: {
      // who sends a header slowly, or stays without asking, does not hold a connection
      headersTimeout: headersMs,
      requestTimeout: 15 * 60_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: Math.min(2_000, headersMs),
      // positions of many streams are long
      maxHeaderSize: 64 * 1024
    }
  }) as Server

  server.maxConnections = 512

  await Promise.race([once(server, 'listening'), once(server, 'error').then(([err]) => { throw listenError(err, host, port) })])

  const taken = (server.address() as AddressInfo).port
  const urls = reachedAt(host).map(host => `http://${host.includes(':') ? `[${host}]` : host}:${taken}`)
  const [url = ''] = urls

  await addresses.announce(urls)

  return {
    url,
    close: async () => {
      const closed = new Promise<void>(resolve => { server.close(() => { resolve() }) })

      await app.close()
      server.closeIdleConnections()

      const cut = setTimeout(() => { server.closeAllConnections() }, CLOSE_MS)

      await closed
      clearTimeout(cut)
    }
  }
}

/** Of a master that listens everywhere, the addresses of this machine: 0.0.0.0 would mean the reader's own. */
function reachedAt (host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') {
    return [host]
  }

  const outside = Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .filter(({ internal, family, address }) => !internal && (family === 'IPv4' || (host === '::' && !address.startsWith('fe80:'))))
    .map(({ address }) => address)

  return [...outside, '127.0.0.1'].slice(0, MAX_URLS)
}

function originOf (url: string): string {
  return URL.canParse(url) ? new URL(url).origin : ''
}

function readListen (text: string): { host: string, port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*))?(?::?(\d{1,5}))?$/.exec(/^\d{1,5}$/.test(text) ? `:${text}` : text) ?? []
  const host = bracketed ?? (plain == null || plain === '' ? '127.0.0.1' : plain === 'localhost' ? '127.0.0.1' : plain)

  if (isIP(host) === 0 || Number(port ?? 0) > 65_535) {
    throw new MeshmarkError('usage', `--http='${text}' is not ADDR:PORT: write e.g. --http=127.0.0.1:${DEFAULT_HTTP_PORT}`)
  }

  return { host, port: port == null ? DEFAULT_HTTP_PORT : Number(port) }
}

function isLoopback (host: string): boolean {
  return /^127\./.test(host) || host === '::1'
}

function listenError (err: NodeJS.ErrnoException, host: string, port: number): Error {
  return new MeshmarkError('failed', err.code === 'EADDRINUSE'
    ? `--http=${host}:${port} is in use: name another port, --http=${host}:PORT`
    : `--http=${host}:${port} cannot be listened at: ${err.message}`, { cause: err })
}

import { createApp } from '../../src/http/app.ts'
import type { App, AppOptions } from '../../src/http/app.ts'
import type { Client } from '../../src/roles/client/types.ts'

/** The interface over a client of which only these are asked. Every token may do everything; what it says is whose it is. */
export function appOf (client: Partial<Client>, options: Partial<AppOptions> = {}): { ask: (path: string, init?: RequestInit) => Promise<Response>, fetch: App['hono']['fetch'], close: App['close'], logged: string[] } {
  const logged: string[] = []
  const app = createApp({
    bearers: {
      check: id => ({ id, role: 'client', access: 'full', expiresAt: Date.now() + 60_000 }),
      connect: async () => ({ close: async () => {}, ...client }) as Client,
      onRevoked: () => {}
    },
    facts: { name: 'boss', peerId: 'P', meshId: 'M', version: '1', urlsOf: () => [] },
    figures: () => ({ coordinates: true, term: 3, workers: {}, jobs: { queued: 0, running: 0 }, tasks: {}, payloadBytes: 0, payloadLimitBytes: 0 }),
    hosts: [],
    origins: [],
    fellows: () => [],
    openPayload: async () => { throw new Error('nobody asks for a payload') },
    log: line => { logged.push(line) },
    ...options
  })

  return {
    ask: async (path, init = {}) => app.hono.request(`http://127.0.0.1${path}`, { ...init, headers: { host: '127.0.0.1:4748', authorization: 'Bearer x', ...init.headers as Record<string, string> } }),
    fetch: app.hono.fetch,
    close: app.close,
    logged
  }
}

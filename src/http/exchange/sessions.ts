import { onAbort } from '../../node/wait.ts'
import { RateLimiter } from '../../node/rate.ts'
import { HttpProblem } from './problem.ts'
import type { Bearer } from '../../roles/master/bearers.ts'
import type { Client } from '../../roles/client/types.ts'

/** What stands behind a token, as the sessions need it of a master. */
export interface BearerSource {
  connect: (bearer: Bearer) => Promise<Client>
  onRevoked: (listener: (id: string) => void) => void
}

export interface SessionLimits {
  /** Tokens in use at once. */
  sessions: number
  /** Without a request for so long, its client is closed. */
  idleMs: number
  /** Requests at once of one token, and of them those that last: a master takes 16 streams of one client. */
  requests: number
  lasting: number
  rate: { perSecond: number, burst: number }
}

export const SESSION_LIMITS: SessionLimits = { sessions: 64, idleMs: 60_000, requests: 32, lasting: 8, rate: { perSecond: 50, burst: 100 } }

/** One token in use: a client of the mesh of its own. */
export class Session {
  readonly bearer: Bearer
  readonly #connect: () => Promise<Client>
  readonly #limits: SessionLimits
  readonly #rate: RateLimiter
  readonly #stop = new AbortController()
  #client?: Promise<Client>
  #requests = 0
  #lasting = 0
  #usedMs = performance.now()

  constructor (bearer: Bearer, connect: () => Promise<Client>, limits: SessionLimits, rate: RateLimiter) {
    this.bearer = bearer
    this.#connect = connect
    this.#limits = limits
    this.#rate = rate
  }

  /** Fires when the token counts no more, or this master stops. */
  get signal (): AbortSignal {
    return this.#stop.signal
  }

  get idleMs (): number {
    return this.#requests > 0 ? 0 : performance.now() - this.#usedMs
  }

  /** Connected when it is asked for first. */
  async client (): Promise<Client> {
    this.#client ??= this.#connect()
    this.#client.catch(() => { this.#client = undefined })

    return this.#client
  }

  /** Counts a request until what is returned is called. Throws 429 for one too many. */
  enter (lasting: boolean): () => void {
    const waitMs = this.#rate.take(this.bearer.id, this.#limits.rate, performance.now())

    if (waitMs > 0) {
      throw tooMuch(`more than ${this.#limits.rate.perSecond} requests a second of one token`, waitMs)
    }

    if (this.#requests >= this.#limits.requests || (lasting && this.#lasting >= this.#limits.lasting)) {
      throw tooMuch(lasting ? `more than ${this.#limits.lasting} lasting requests of one token at once` : `more than ${this.#limits.requests} requests of one token at once`, 1_000)
    }

    let isIn = true

    this.#requests++
    this.#lasting += lasting ? 1 : 0

    return () => {
      if (isIn) {
        isIn = false
        this.#requests--
        this.#lasting -= lasting ? 1 : 0
        this.#usedMs = performance.now()
      }
    }
  }

  async close (reason: HttpProblem): Promise<void> {
    this.#stop.abort(reason)
    await (await this.#client?.catch(() => undefined))?.close()
  }
}

/** The tokens that are in use. */
export class Sessions {
  readonly #source: BearerSource
  readonly #limits: SessionLimits
  readonly #rate = new RateLimiter()
  readonly #byToken = new Map<string, Session>()
  readonly #sweeping: NodeJS.Timeout
  readonly #closing = new Set<Promise<void>>()
  #isStopped = false

  constructor (source: BearerSource, limits: SessionLimits = SESSION_LIMITS) {
    this.#source = source
    this.#limits = limits
    this.#sweeping = setInterval(() => { this.#sweep() }, Math.min(limits.idleMs, 5_000)).unref()
    source.onRevoked(id => { this.#end(id, ended('this token was revoked')) })
  }

  get size (): number {
    return this.#byToken.size
  }

  of (bearer: Bearer): Session {
    if (this.#isStopped) {
      throw stopping()
    }

    const known = this.#byToken.get(bearer.id)

    if (known != null) {
      return known
    }

    if (this.#byToken.size >= this.#limits.sessions) {
      this.#closeIdlest()
    }

    const session = new Session(bearer, async () => this.#source.connect(bearer), this.#limits, this.#rate)

    this.#byToken.set(bearer.id, session)

    return session
  }

  async close (): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#sweeping)
    ;[...this.#byToken.keys()].forEach(id => { this.#end(id, stopping()) })
    await Promise.all(this.#closing)
  }

  #sweep (): void {
    for (const [id, session] of this.#byToken) {
      if (session.bearer.expiresAt <= Date.now()) {
        this.#end(id, ended('this token has expired'))
      } else if (session.idleMs > this.#limits.idleMs) {
        this.#end(id, ended('idle'))
      }
    }
  }

  #closeIdlest (): void {
    const [idlest] = [...this.#byToken].filter(([, { idleMs }]) => idleMs > 0).sort(([, a], [, b]) => b.idleMs - a.idleMs)

    if (idlest == null) {
      throw tooMuch(`more than ${this.#limits.sessions} tokens in use at once`, 5_000)
    }

    this.#end(idlest[0], ended('idle'))
  }

  #end (id: string, reason: HttpProblem): void {
    const session = this.#byToken.get(id)

    if (session != null) {
      this.#byToken.delete(id)

      const closing = session.close(reason).catch(() => {}).finally(() => { this.#closing.delete(closing) })

      this.#closing.add(closing)
    }
  }
}

function ended (why: string): HttpProblem {
  return new HttpProblem(401, 'refused', why)
}

/** Of no token: whoever is told so goes on elsewhere with the same. */
function stopping (): HttpProblem {
  return new HttpProblem(503, 'unreachable', 'this master is stopping: ask another one')
}

/** A signal that fires with the first of these, until it is forgotten. */
export function firstOf (...signals: AbortSignal[]): { signal: AbortSignal, forget: () => void } {
  const controller = new AbortController()
  const forgets = signals.map(signal => onAbort(signal, reason => { controller.abort(reason) }))

  return { signal: controller.signal, forget: () => { forgets.forEach(forget => { forget() }) } }
}

export function tooMuch (what: string, waitMs: number): HttpProblem {
  return new HttpProblem(429, 'quota', `${what}: try again later`, { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1_000))) })
}

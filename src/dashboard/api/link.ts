import { ApiError, problemOf } from './error.ts'
import { initialLink, reduceLink, waitMs, type LinkEvent, type LinkState } from './link-state.ts'
import { pause } from './pause.ts'
import { SseParser, type SseMessage } from './sse.ts'
import { transfer, type TransferOptions } from './transfer.ts'

export { ApiError }

export interface LinkOptions {
  /** Origin of the master that served the page. */
  origin: string
  token: string
  onState: (state: LinkState) => void
  fetch?: typeof fetch
  /** A master that has not answered yet, at an address that may lead nowhere from here, is asked whether it is there: so long. @default 4_000 */
  knockMs?: number
}

export interface FollowOptions {
  signal: AbortSignal
  /** Silent for so long, a master counts as dead. Milliseconds. */
  quietMs: number
  /** Each time that a stream begins, here or at another master. */
  onBegin?: () => void
  /** Returns true when nothing more is wanted. */
  onMessage: (message: SseMessage) => boolean | void
}

/** One master, for requests that belong together: what was sent to it is not at another one. */
export interface OneMaster {
  /** Its origin. */
  base: string
  get: <T>(path: string, signal?: AbortSignal) => Promise<T>
  send: <T>(method: 'POST' | 'DELETE', path: string, body?: unknown) => Promise<T>
  transfer: <T>(path: string, bytes: ArrayBuffer, options: Omit<TransferOptions, 'token'>) => Promise<T>
}

/** No answer to a request within this is no answer. */
const REQUEST_MS = 30_000

/** A master that is asked too often says when to ask again: so often in a row that is done, unless it takes longer than this, as with a store that is full. */
const MAX_RETRIES = 3
const MAX_RETRY_MS = 5_000

const NEVER = new AbortController().signal

/** A job is accepted when it and its files are on all masters. */
const SUBMIT_MS = 15 * 60_000

/**
 * Requests to the mesh, whichever master answers: one that does not is left for
 * the next, and streams go on there.
 */
export class Link {
  #state: LinkState
  #token: string
  /** Streams that wait for another token. */
  readonly #refused = new Set<() => void>()
  readonly #closing = new AbortController()
  readonly #options: LinkOptions
  readonly #fetch: typeof fetch

  constructor (options: LinkOptions) {
    this.#options = options
    this.#token = options.token
    this.#state = initialLink(options.origin)
    this.#fetch = options.fetch ?? fetch.bind(globalThis)
  }

  get state (): LinkState {
    return this.#state
  }

  /** Fires when whoever was signed in has signed out. */
  get closed (): AbortSignal {
    return this.#closing.signal
  }

  close (): void {
    this.#closing.abort()
  }

  /** From now on with this token; streams that were refused go on. */
  renew (token: string): void {
    this.#token = token
    this.#dispatch({ kind: 'renewed' })
    this.#refused.forEach(goOn => { goOn() })
  }

  /** Where masters answer, so that there is somewhere to go. */
  learn (urls: readonly string[]): void {
    this.#dispatch({ kind: 'masters', urls })
  }

  async get<T> (path: string, signal?: AbortSignal): Promise<T> {
    return await (await this.#ask('GET', path, { signal })).json() as T
  }

  /** Every one of our requests may be said twice: another master is asked when the first does not answer. */
  async send<T> (method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
    return await (await this.#ask(method, path, { body })).json() as T
  }

  /**
   * One master and no other, whichever is in use. Throws ApiError with what it
   * refuses, and another error when it does not answer. A token that counts no
   * more is told as everywhere; see `renewed`.
   */
  at (base: string): OneMaster {
    const patiently = async (ask: () => Promise<any>, signal?: AbortSignal): Promise<any> => this.#patiently(ask, signal).catch(err => { throw this.#told(err) })
    const ask = async (method: string, path: string, { body, signal, timeoutMs = REQUEST_MS }: { body?: unknown, signal?: AbortSignal, timeoutMs?: number }): Promise<any> => patiently(async () => {
      return (await this.#request(base, method, path, { body, signal: within(timeoutMs, signal) })).json()
    }, signal)

    return {
      base,
      get: async (path, signal) => ask('GET', path, { signal }),
      send: async (method, path, body) => ask(method, path, { body, ...(path === '/v1/jobs' ? { timeoutMs: SUBMIT_MS } : {}) }),
      transfer: async (path, bytes, options) => patiently(async () => transfer(`${base}${path}`, bytes, { ...options, token: this.#token }), options.signal)
    }
  }

  /** Resolves when there is another token than the one that was refused, or the signal fires. */
  async renewed (signal: AbortSignal): Promise<void> {
    if (this.#state.phase === 'refused') {
      await this.#renewed(signal)
    }
  }

  async blob (path: string, signal?: AbortSignal): Promise<Blob> {
    return (await this.#ask('GET', path, { signal })).blob()
  }

  /**
   * Takes a stream of events until `onMessage` has enough or the signal fires;
   * a stream that breaks goes on behind the last event, here or at another
   * master. When the token counts no more it waits for the next one. Throws
   * ApiError for what a master refuses besides.
   */
  async follow (path: string, { signal, quietMs, onBegin, onMessage }: FollowOptions): Promise<void> {
    let last: string | undefined

    while (!signal.aborted) {
      const { base } = this.#state

      try {
        const isDone = await this.#stream(base, path, last, { quietMs, signal, onBegin }, message => {
          last = message.id ?? last

          return onMessage(message) === true
        })

        if (isDone) {
          return
        }

        this.#dispatch({ kind: 'failed', base, detail: `${hostOf(base)} has ended the connection` })
      } catch (err) {
        if (signal.aborted) {
          return
        }

        if (err instanceof ApiError && err.status === 401) {
          this.#dispatch({ kind: 'refused', detail: err.message })
          await this.#renewed(signal)
          continue
        }

        this.#takeError(err, base)
      }

      await pause(waitMs(this.#state), signal)
    }
  }

  async #renewed (signal: AbortSignal): Promise<void> {
    await new Promise<void>(resolve => {
      const goOn = (): void => {
        this.#refused.delete(goOn)
        signal.removeEventListener('abort', goOn)
        resolve()
      }

      this.#refused.add(goOn)
      signal.addEventListener('abort', goOn)
    })
  }

  async #stream (base: string, path: string, last: string | undefined, { quietMs, signal, onBegin }: Omit<FollowOptions, 'onMessage'>, take: (message: SseMessage) => boolean): Promise<boolean> {
    const attempt = new AbortController()
    const stop = (): void => { attempt.abort() }
    let watch = setTimeout(stop, quietMs)

    signal.addEventListener('abort', stop)

    try {
      const response = await this.#request(base, 'GET', path, { signal: attempt.signal, accept: 'text/event-stream', last })
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      const parser = new SseParser()

      onBegin?.()

      for (;;) {
        const { done, value } = await reader.read()

        if (done) {
          return false
        }

        clearTimeout(watch)
        watch = setTimeout(stop, quietMs)

        if (parser.push(value).some(take)) {
          await reader.cancel()

          return true
        }
      }
    } finally {
      clearTimeout(watch)
      signal.removeEventListener('abort', stop)
      attempt.abort()
    }
  }

  async #ask (method: string, path: string, { body, signal }: { body?: unknown, signal?: AbortSignal }): Promise<Response> {
    const attempts = this.#state.bases.length

    for (let attempt = 1; ; attempt++) {
      const { base } = this.#state

      try {
        return await this.#patiently(async () => this.#request(base, method, path, { body, signal: within(REQUEST_MS, signal) }), signal)
      } catch (err) {
        signal?.throwIfAborted()
        this.#takeError(err, base)

        if (attempt >= attempts) {
          throw new ApiError(503, 'unreachable', 'no master answers at the moment: try again')
        }
      }
    }
  }

  /** Many small files, say, are more requests than one token may have in a second. */
  async #patiently<T> (ask: () => Promise<T>, signal = NEVER): Promise<T> {
    for (let retries = 0; ; retries++) {
      try {
        return await ask()
      } catch (err) {
        if (!(err instanceof ApiError) || err.status !== 429 || retries === MAX_RETRIES || err.retryMs == null || err.retryMs > MAX_RETRY_MS) {
          throw err
        }

        await pause(err.retryMs, signal)
        signal.throwIfAborted()
      }
    }
  }

  async #request (base: string, method: string, path: string, { body, signal, accept, last }: { body?: unknown, signal: AbortSignal, accept?: string, last?: string }): Promise<Response> {
    const { home, answered } = this.#state

    if (base !== home && !answered.includes(base)) {
      const answer = await this.#send(base, 'GET', '/v1/health', { signal: AbortSignal.any([signal, AbortSignal.timeout(this.#options.knockMs ?? 4_000)]) })

      await answer.body?.cancel()
    }

    return this.#send(base, method, path, { body, signal, accept, last })
  }

  async #send (base: string, method: string, path: string, { body, signal, accept = 'application/json', last }: { body?: unknown, signal: AbortSignal, accept?: string, last?: string }): Promise<Response> {
    const response = await this.#fetch(`${base}${path}`, {
      method,
      signal,
      headers: {
        authorization: `Bearer ${this.#token}`,
        accept,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(last == null ? {} : { 'last-event-id': last })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      cache: 'no-store',
      credentials: 'omit',
      referrerPolicy: 'no-referrer'
    })

    if (!response.ok) {
      throw await errorOf(response)
    }

    this.#dispatch({ kind: 'answered', base })

    return response
  }

  /** What another master would say as well is thrown on; the rest is this master's trouble. */
  #takeError (err: unknown, base: string): void {
    if (err instanceof ApiError && err.status === 401) {
      this.#dispatch({ kind: 'refused', detail: err.message })
      throw err
    }

    if (err instanceof ApiError && err.status !== 503 && err.status !== 429) {
      throw err
    }

    this.#dispatch({ kind: 'failed', base, detail: err instanceof ApiError ? err.message : `${hostOf(base)} does not answer` })
  }

  /** Whoever is signed in is asked for another token. */
  #told (err: unknown): unknown {
    if (err instanceof ApiError && err.status === 401) {
      this.#dispatch({ kind: 'refused', detail: err.message })
    }

    return err
  }

  #dispatch (event: LinkEvent): void {
    const before = this.#state

    this.#state = reduceLink(before, event)

    if (this.#state !== before) {
      this.#options.onState(this.#state)
    }
  }
}

function within (ms: number, signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(ms)

  return signal == null ? timeout : AbortSignal.any([signal, timeout])
}

async function errorOf (response: Response): Promise<ApiError> {
  const { detail, code } = await response.json().catch(() => ({})) as { detail?: string, code?: string }

  return problemOf(response.status, { code, detail }, response.headers.get('retry-after'))
}

function hostOf (base: string): string {
  return new URL(base).host
}

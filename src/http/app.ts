import { Hono, type Context } from 'hono'
import { toError } from '../model/errors.ts'
import { RateLimiter } from '../node/rate.ts'
import { Bodies } from './exchange/body.ts'
import { bearerToken, guard, type GuardOptions } from './exchange/guard.ts'
import { packed, takesGzip } from './exchange/packed.ts'
import { createMetrics } from './metrics.ts'
import { servePage, type Page } from './page.ts'
import { openapiDocument } from './openapi.ts'
import { HttpProblem, problemResponse } from './exchange/problem.ts'
import { json, queryOf, route, validate, type Route } from './exchange/route.ts'
import { collectedRoutes } from './routes/collected.ts'
import { compareRoutes } from './routes/compare.ts'
import { eventRoutes } from './routes/events.ts'
import { fileRoutes, ownerOf } from './routes/files.ts'
import { jobRoutes } from './routes/jobs.ts'
import { meshRoutes, type MeshFacts } from './routes/mesh.ts'
import { meshEventRoutes } from './routes/mesh-events.ts'
import { profileRoutes } from './routes/profile.ts'
import { resultRoutes } from './routes/results.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { firstOf, type Session, Sessions, tooMuch, type BearerSource, type SessionLimits } from './exchange/sessions.ts'
import { whenOver } from './exchange/stream.ts'
import { Uploads } from './exchange/uploads.ts'
import type { OpenPayload } from './exchange/kept-job.ts'
import type { UploadLimits } from './exchange/upload-room.ts'
import type { Bearer } from '../roles/master/bearers.ts'
import type { Figures } from '../roles/master/figures.ts'

/** Tokens that were wrong, from one address. */
const WRONG_TOKENS = { perSecond: 2, burst: 20 }

/** Requests of all tokens at once. */
const MAX_REQUESTS = 256

export interface AppOptions extends GuardOptions {
  bearers: BearerSource & { check: (text: string) => Bearer }
  facts: Omit<MeshFacts, 'coordinates' | 'uploads'>
  figures: () => Figures
  openPayload: OpenPayload
  /** Origins of all masters of the mesh: a page that was loaded from one goes on at another. */
  fellows: () => string[]
  /** The dashboard; absent = none is served. */
  page?: Page
  log: (line: string) => void
  sessionLimits?: SessionLimits
  uploadLimits?: UploadLimits
  /** Where uploads are found again when this master is started anew. @default none */
  uploadDir?: string
}

export interface App {
  hono: Hono
  /** What the routes are, as they are served. */
  document: Record<string, unknown>
  /** Ends what lasts, and closes every client. */
  close: () => Promise<void>
}

/** The interface without a socket. */
export function createApp (options: AppOptions): App {
  const { bearers, facts, figures, log } = options
  const sessions = new Sessions(bearers, options.sessionLimits)
  const uploads = new Uploads({ limits: options.uploadLimits, dir: options.uploadDir })
  const bodies = new Bodies()
  const wrong = new RateLimiter()

  // whoever asks for one is told what is wrong with the folder
  if (options.uploadDir != null) {
    uploads.open().catch(err => { log(`http: uploads: ${toError(err).message}`) })
  }

  const metrics = createMetrics(figures, () => sessions.size)
  const routes: Route[] = [
    ...jobRoutes({ uploads, openPayload: options.openPayload }),
    ...eventRoutes(),
    ...resultRoutes(),
    ...collectedRoutes(),
    ...compareRoutes(),
    ...fileRoutes({ uploads }),
    ...meshRoutes({ ...facts, coordinates: () => figures().coordinates, uploads: uploads.limits }),
    ...meshEventRoutes(facts),
    ...profileRoutes(),
    ...tokenRoutes(),
    route({
      method: 'get',
      path: '/v1/metrics',
      id: 'metrics',
      summary: 'Numbers of this master, as Prometheus reads them',
      access: 'read',
      answers: { 200: { description: 'The numbers', content: { 'text/plain': undefined } } },
      handle: async () => new Response(await metrics.render(), { headers: { 'content-type': metrics.contentType } })
    }),
    route({
      method: 'get',
      path: '/v1/openapi.json',
      id: 'openapi',
      summary: 'This interface as an OpenAPI document',
      access: 'read',
      packed: true,
      answers: { 200: { description: 'The document', content: { 'application/json': undefined } } },
      handle: async () => json(document)
    })
  ]
  const document = openapiDocument(routes)
  const hono = new Hono()
  let requests = 0

  const identify = (context: Context): Session => {
    const from = context.env?.incoming?.socket?.remoteAddress ?? ''

    try {
      return sessions.of(bearers.check(bearerToken(context.req.raw.headers)))
    } catch (err) {
      if (err instanceof HttpProblem && err.status !== 401) {
        throw err
      }

      const waitMs = wrong.take(from, WRONG_TOKENS, performance.now())

      if (waitMs > 0) {
        throw tooMuch('too many requests without a valid token', waitMs)
      }

      throw err instanceof HttpProblem ? err : new HttpProblem(401, 'refused', toError(err).message, { 'www-authenticate': 'Bearer realm="meshmark", error="invalid_token"' })
    }
  }

  const serve = async (context: Context, route: Route): Promise<Response> => {
    const request = context.req.raw

    refuseTokenIn(request.url)

    const session = identify(context)

    checkAccess(session, route)

    if (requests >= MAX_REQUESTS) {
      throw tooMuch(`more than ${MAX_REQUESTS} requests at once`, 1_000)
    }

    const leave = session.enter(route.lasting === true)
    const { signal, forget } = firstOf(request.signal, session.signal)
    const over = (): void => {
      requests--
      leave()
      forget()
    }

    requests++

    try {
      const response = await route.handle({
        params: context.req.param(),
        query: route.query == null ? {} : validate(route.query, queryOf(new URL(request.url)), 'the query'),
        body: route.body == null ? undefined : validate(route.body, await bodies.json(request, ownerOf(session.bearer), signal), 'the body'),
        session,
        signal,
        headers: request.headers,
        stream: () => route.raw === true ? request.body : null
      })

      if (route.packed === true) {
        response.headers.append('vary', 'Accept-Encoding')
      }

      return whenOver(route.packed === true && takesGzip(request.headers.get('accept-encoding')) ? packed(response) : response, over)
    } catch (err) {
      over()
      // whoever is gone, or may not ask any more, is no failure of this master
      throw !signal.aborted ? err : signal.reason instanceof HttpProblem ? signal.reason : new HttpProblem(400, 'failed', 'whoever asked is gone')
    }
  }

  // before the guard of the interface: a link to it may stand on any page, and it tells nothing
  servePage(hono, { page: options.page, hosts: options.hosts, connect: options.fellows })

  hono.use('*', async (context, next) => {
    const origins = [...options.origins, ...options.fellows().flatMap(namesOf)]

    try {
      guard(context.req.raw.headers, { hosts: options.hosts, origins })
    } catch (err) {
      context.res = problemResponse(err)
      harden(context.res.headers)

      return
    }

    await next()
    harden(context.res.headers)

    const origin = context.req.header('origin')

    if (origin != null && origins.includes(origin)) {
      context.res.headers.set('access-control-allow-origin', origin)
      context.res.headers.set('access-control-expose-headers', 'Location, Retry-After, Content-Disposition, Meshmark-Exit-Code, Meshmark-Truncated')
      context.res.headers.append('vary', 'Origin')
    }
  })

  // a browser asks first; nothing is answered to origins that are not allowed, for the guard has turned them away
  hono.options('*', context => context.body(null, 204, {
    'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers': 'Authorization, Content-Type, Content-Digest, Last-Event-ID',
    'access-control-max-age': '600'
  }))

  for (const route of routes) {
    hono.on(route.method.toUpperCase(), route.path.replace(/\{(\w+)\}/g, ':$1'), async context => {
      try {
        const response = await serve(context, route)

        metrics.count(route.path, route.method, response.status)

        return response
      } catch (err) {
        const response = answerError(err, log)

        metrics.count(route.path, route.method, response.status)

        return response
      }
    })
  }

  hono.notFound(context => {
    // who has no token learns nothing of what there is
    identify(context)

    return problemResponse(new HttpProblem(404, 'usage', `there is no ${context.req.method} ${context.req.path.slice(0, 200)}: see /v1/openapi.json`))
  })
  hono.onError(err => answerError(err, log))

  return {
    hono,
    document,
    close: async () => {
      await sessions.close()
      await uploads.close()
      metrics.close()
    }
  }
}

/** A page that was opened at 127.0.0.1 may have been opened as localhost: the same place to every browser. */
function namesOf (origin: string): string[] {
  return [origin, ...origin.startsWith('http://127.0.0.1:') ? [origin.replace('127.0.0.1', 'localhost')] : []]
}

/** No answer is a page: what a program has printed is in some of them. */
function harden (headers: Headers): void {
  headers.set('x-content-type-options', 'nosniff')
  headers.set('cache-control', 'no-store')
  headers.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'; sandbox")
  headers.set('cross-origin-resource-policy', 'same-origin')
  headers.set('referrer-policy', 'no-referrer')
}

/** An address stands in logs and histories. */
function refuseTokenIn (url: string): void {
  if (/\bmmh1-/i.test(decoded(url))) {
    throw new HttpProblem(400, 'usage', 'a token does not belong into an address, where logs keep it: send Authorization: Bearer TOKEN, and revoke this one')
  }
}

function decoded (url: string): string {
  try {
    return decodeURIComponent(url)
  } catch {
    return url
  }
}

function checkAccess ({ bearer }: Session, { access }: Route): void {
  if (bearer.access === 'read' && access !== 'read') {
    throw new HttpProblem(403, 'refused', 'this token is to read only')
  }

  if (access === 'admin' && bearer.role !== 'admin') {
    throw new HttpProblem(403, 'refused', 'this is for administrators: use a token of meshmark token create admin --http')
  }
}

/** What is our own fault is logged; what it was about, such as a token or a path, is not. */
function answerError (err: unknown, log: (line: string) => void): Response {
  const response = problemResponse(err)

  if (response.status === 500) {
    log(`http: ${toError(err).message}`)
  }

  return response
}

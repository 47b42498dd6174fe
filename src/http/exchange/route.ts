import { z } from 'zod'
import { HttpProblem, usage } from './problem.ts'
import type { Session } from './sessions.ts'

/** Who may call it: whoever has a token, whoever may change something, administrators. */
export type Access = 'read' | 'write' | 'admin'

/** What one answer may be: by content type the schema of its body, none = bytes. */
export interface Answer {
  description: string
  content?: Record<string, z.ZodType | undefined>
  headers?: Record<string, string>
}

/** A request that has been let in and validated. */
export interface Ask<P = Record<string, string>, Q = Record<string, never>, B = undefined> {
  params: P
  query: Q
  body: B
  session: Session
  /** Fires when whoever asked is gone, the token is revoked or this master stops. */
  signal: AbortSignal
  headers: Headers
  /** Of requests with raw bytes. Once it is asked for, whoever sends them waits until they are read. */
  stream: () => ReadableStream<Uint8Array> | null
}

/** One entry of the interface: the router and the OpenAPI document are made of the same. */
export interface Route {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** As in OpenAPI: `/v1/jobs/{id}`. */
  path: string
  id: string
  summary: string
  description?: string
  access: Access
  /** Path parameters and what they mean. */
  params?: Record<string, string>
  query?: z.ZodObject
  body?: z.ZodType
  /** The body is raw bytes. */
  raw?: boolean
  /** It lasts: counted against the few that one token may have. */
  lasting?: boolean
  /** In gzip for those who take it: nothing in an answer is a secret, and nothing repeats what was asked. */
  packed?: boolean
  headers?: Record<string, string>
  answers: Record<number, Answer>
  handle: (ask: Ask<any, any, any>) => Promise<Response>
}

/** Types of a handler follow from what its route declares. */
export function route<Q extends z.ZodObject = z.ZodObject<Record<never, never>>, B extends z.ZodType = z.ZodUndefined> (
  definition: Omit<Route, 'query' | 'body' | 'handle'> & { query?: Q, body?: B, handle: (ask: Ask<Record<string, string>, z.infer<Q>, z.infer<B>>) => Promise<Response> }
): Route {
  return definition
}

/** Throws `usage` that names the first place which is wrong. */
export function validate<T extends z.ZodType> (schema: T, value: unknown, what: string): z.infer<T> {
  const result = schema.safeParse(value)

  if (result.success) {
    return result.data
  }

  throw usage(explain(result.error.issues, what))
}

function explain (issues: readonly z.core.$ZodIssue[], what: string): string {
  const [issue] = issues

  if (issue == null) {
    return `${what} is not as it should be`
  }

  // of alternatives, those of the deepest mistake are meant
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const deepest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0]!

    if (depth(deepest) > 0 && issue.errors.some(other => depth(other) !== depth(deepest))) {
      return explain(deepest.map(inner => ({ ...inner, path: [...issue.path, ...inner.path] })), what)
    }
  }

  const place = issue.path.map(part => typeof part === 'number' ? `[${part}]` : `.${String(part)}`).join('').replace(/^\./, '')

  return `${place === '' ? what : `${what}: '${place}'`}: ${issue.message}; see /v1/openapi.json`
}

function depth (issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map(({ path }) => path.length))
}

/** Query parameters as an object; one that is there twice is a mistake. */
export function queryOf (url: URL): Record<string, string> {
  const query: Record<string, string> = {}

  for (const [key, value] of url.searchParams) {
    if (Object.hasOwn(query, key)) {
      throw usage(`query parameter '${key}' is there twice`)
    }

    query[key] = value
  }

  return query
}

export function json (value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(`${JSON.stringify(value)}\n`, { status, headers: { 'content-type': 'application/json', ...headers } })
}

/** @param header - what the client can take; absent = anything */
export function accepts (header: string | null, types: readonly string[]): string {
  const wanted = (header ?? '*/*').split(',').map(part => part.split(';')[0]!.trim().toLowerCase())
  const found = wanted.flatMap(type => type === '*/*' ? types[0] ?? [] : types.find(own => own === type || type === `${own.split('/')[0]}/*`) ?? [])[0]

  if (found == null) {
    throw new HttpProblem(406, 'usage', `Accept: ${header ?? ''} is none of ${types.join(', ')}`)
  }

  return found
}

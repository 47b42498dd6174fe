import { z } from 'zod'
import { VERSION } from '../node/version.ts'
import { TITLES } from './exchange/problem.ts'
import { problem } from './schema/views.ts'
import type { Answer, Route } from './exchange/route.ts'

/** Of every operation: who asks, how, and how much is the same for all. */
const STATUSES = Object.keys(TITLES).map(Number)

/** An OpenAPI 3.1 document of these routes; what they validate by is what it says. */
export function openapiDocument (routes: readonly Route[]): Record<string, unknown> {
  const schemas: Record<string, unknown> = {}
  const paths: Record<string, Record<string, unknown>> = {}

  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: operation(route, schemas) }
  }

  return {
    openapi: '3.1.0',
    info: {
      title: 'Meshmark',
      version: VERSION,
      description: 'Runs a program on every machine of a mesh, sandboxed and measured. Every request has a bearer token: meshmark token create client --http.',
      license: { name: 'MIT OR Apache-2.0' }
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'mmh1-…' } }
    }
  }
}

function operation (route: Route, schemas: Record<string, unknown>): Record<string, unknown> {
  const parameters = [
    ...Object.entries(route.params ?? {}).map(([name, description]) => ({ name, in: 'path', required: true, description, schema: { type: 'string' } })),
    ...Object.entries(route.query?.shape ?? {}).map(([name, schema]) => ({
      name,
      in: 'query',
      required: !(schema as z.ZodType).safeParse(undefined).success,
      description: (schema as z.ZodType).description ?? name,
      schema: schemaOf(schema as z.ZodType, schemas, 'input')
    })),
    ...Object.entries(route.headers ?? {}).map(([name, description]) => ({ name, in: 'header', required: false, description, schema: { type: 'string' } }))
  ]

  return {
    operationId: route.id,
    summary: route.summary,
    description: [route.description, route.access === 'admin' ? 'For administrators.' : route.access === 'write' ? 'Not for tokens that only read.' : undefined].filter(part => part != null).join('\n\n'),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body == null ? {} : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, schemas, 'input') } } } }),
    ...(route.raw === true ? { requestBody: { required: true, content: { 'application/octet-stream': {} } } } : {}),
    responses: {
      ...Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, response(answer, schemas)])),
      ...Object.fromEntries(STATUSES.map(status => [status, response({ description: TITLES[status] ?? '', content: { 'application/problem+json': problem } }, schemas)]))
    }
  }
}

function response ({ description, content, headers }: Answer, schemas: Record<string, unknown>): Record<string, unknown> {
  return {
    description,
    ...(headers == null ? {} : { headers: Object.fromEntries(Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }])) }),
    ...(content == null ? {} : { content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, schema == null ? {} : { schema: schemaOf(schema, schemas, 'output') }])) })
  }
}

/** Schemas with an id of their own are collected, and referred to. */
function schemaOf (schema: z.ZodType, schemas: Record<string, unknown>, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, $defs = {}, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' }) as Record<string, unknown> & { $defs?: Record<string, Record<string, unknown>> }

  for (const [id, definition] of Object.entries($defs)) {
    const { id: _id, ...inner } = definition

    schemas[id] = relocate(inner)
  }

  const { id, ...own } = rest

  if (typeof id === 'string') {
    schemas[id] = relocate(own)

    return { $ref: `#/components/schemas/${id}` }
  }

  return relocate(rest) as Record<string, unknown>
}

function relocate (value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(relocate)
  }

  return value === null || typeof value !== 'object'
    ? value
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === '$ref' && typeof inner === 'string' ? inner.replace('#/$defs/', '#/components/schemas/') : relocate(inner)]))
}

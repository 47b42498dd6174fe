import { z } from 'zod'
import { ROLES } from '../../model/roles.ts'
import { HTTP_ACCESS } from '../../node/protocol/admin/messages.ts'

/*
 * What is answered. Objects may have more keys than are named here: a client
 * passes over those it does not know, and new ones are no new version.
 */

const millis = z.number().describe('Milliseconds since 1970')
const named = <T extends z.ZodRawShape>(id: string, shape: T): z.ZodObject<T, z.core.$loose> => z.looseObject(shape).meta({ id })

export const problem = named('Problem', {
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('One line: what is wrong, and what to do'),
  code: z.enum(['usage', 'unreachable', 'no-worker', 'refused', 'conflict', 'quota', 'not-found', 'not-executable', 'failed'])
})

export const submitted = named('Submitted', {
  id: z.string().describe('ULID of the job'),
  short: z.string().describe('How it is shown to people; any of both finds it'),
  masters: z.array(z.string()).describe('Names of the masters on which it is durable'),
  existing: z.boolean().describe('This very job was accepted before'),
  leftOut: z.array(z.string()).optional(),
  hints: z.array(z.string())
})

export const jobState = z.enum(['queued', 'running', 'finished', 'cancelled'])

export const jobRow = named('JobRow', {
  id: z.string(),
  name: z.string().optional(),
  title: z.string(),
  kind: z.enum(['run', 'exec']),
  state: jobState,
  acceptedAt: millis,
  finishedAt: millis.optional(),
  tasks: z.int(),
  ended: z.int(),
  failed: z.int(),
  mine: z.boolean()
})

const taskView = named('Task', {
  task: z.string(),
  worker: z.string().optional().describe('Peer id'),
  workerName: z.string(),
  state: z.string(),
  reason: z.string().optional(),
  attempt: z.int()
})

export const jobView = named('JobView', {
  job: z.looseObject({ id: z.string(), kind: z.string(), commands: z.array(z.looseObject({ title: z.string() })) }),
  state: jobState,
  tasks: z.array(taskView).describe('Empty for a job with items: see counts'),
  counts: z.array(z.looseObject({ state: z.string(), count: z.int() })).optional(),
  acceptedAt: millis,
  finishedAt: millis.optional(),
  startSkewNs: z.number().optional()
})

/** Bytes: as text where they are UTF-8, else in base 64. */
export const data = z.union([z.strictObject({ text: z.string() }), z.strictObject({ base64: z.string() })]).meta({ id: 'Bytes' })

export const outcome = named('Outcome', {
  id: z.string(),
  state: jobState,
  code: z.int().optional().describe('Once it has ended, what meshmark exec would exit with, of several tasks the highest; of a map what meshmark map would'),
  tasks: z.array(z.looseObject({
    task: z.string(),
    worker: z.string(),
    number: z.int().optional().describe("Of a map: its place in the worker's list, from 1"),
    title: z.string().optional().describe('Of a map: the command'),
    restarts: z.int().optional().describe('Of a map: how often it was run again'),
    state: z.string(),
    code: z.int().optional(),
    message: z.string().optional(),
    wallNs: z.number().optional(),
    stdout: data,
    stderr: data
  })).describe('Of a map those of each worker in the order in which they are done'),
  truncated: z.boolean().describe('There is more output than fits here: see /v1/jobs/{id}/output')
})

export const event = z.looseObject({
  kind: z.enum(['job', 'task', 'phase', 'transfer', 'progress', 'output', 'result', 'counts', 'items', 'end']),
  id: z.string().optional().describe('For Last-Event-ID')
}).meta({ id: 'Event' })

export const collected = named('Collected', {
  files: z.array(z.looseObject({
    path: z.string().describe('For /collected/file: WORKER/…, no two are the same'),
    worker: z.string(),
    peerId: z.string(),
    task: z.string(),
    attempt: z.int(),
    size: z.int(),
    executable: z.boolean()
  })),
  count: z.int().describe('How many there are, whatever `limit` and `offset` say'),
  skipped: z.array(z.looseObject({ worker: z.string(), peerId: z.string(), task: z.string(), reasons: z.array(z.string()) })).describe('What was left out, in words'),
  open: z.int().describe('Tasks that may still bring something back')
})

export const nodeRow = named('Node', {
  role: z.enum(['master', 'worker']),
  peerId: z.string(),
  name: z.string(),
  state: z.string(),
  detail: z.string().optional(),
  draining: z.boolean(),
  sinceMs: z.number(),
  lastHeardMs: z.number(),
  info: z.looseObject({}).optional(),
  term: z.int().optional(),
  version: z.string(),
  addresses: z.array(z.string())
})

export const masterRow = named('Master', {
  peerId: z.string(),
  name: z.string(),
  state: z.string(),
  urls: z.array(z.string()).describe('Where it answers over HTTP; empty = nowhere')
})

const nodeState = nodeRow.omit({ sinceMs: true, lastHeardMs: true }).extend({
  sinceAt: millis.describe('In this state since, milliseconds since 1970'),
  heardAt: millis.describe('Heard last, milliseconds since 1970')
}).meta({ id: 'NodeState' })

const nowMs = millis.describe('The clock of this master')

export const meshEvent = z.discriminatedUnion('kind', [
  z.looseObject({ kind: z.literal('mesh'), nowMs, master: z.string().describe('Name of the master that tells'), peerId: z.string(), masters: z.array(masterRow) }),
  z.looseObject({
    kind: z.literal('nodes'),
    nowMs,
    all: z.boolean().describe('Everything there is, instead of what has changed'),
    nodes: z.array(nodeState),
    changed: z.record(z.string(), z.looseObject({})).describe('Of others what has changed of it, by peer id: state, detail, draining, term, sinceAt, heardAt; null = it has none any more'),
    gone: z.array(z.string()).describe('Peer ids'),
    heard: z.record(z.string(), z.number()).describe('Of those that have not changed otherwise: peer id and when they were heard last')
  }),
  z.looseObject({ kind: z.literal('jobs'), nowMs, all: z.boolean(), jobs: z.array(jobRow).describe('New ones; with `all` every one'), changed: z.record(z.string(), z.looseObject({})).describe('Of others what has changed of it, by id: state, finishedAt, tasks, ended, failed'), gone: z.array(z.string()).describe('Ids of jobs that are not listed any more'), more: z.boolean().describe('There are more jobs that have not ended than are told: see open') })
]).meta({ id: 'MeshEvent' })

const instant = z.string().describe('ISO 8601, in UTC')

const profileChange = z.discriminatedUnion('kind', [
  z.looseObject({ kind: z.literal('state'), at: instant, worker: z.string(), peer_id: z.string(), state: z.string().describe('From here on, until the next one of this worker'), slots: z.int() }),
  z.looseObject({
    kind: z.literal('task'),
    at: instant.describe('When its record came'),
    worker: z.string(),
    peer_id: z.string(),
    outcome: z.string(),
    started_at: instant,
    ended_at: instant,
    job: z.string().nullable().describe("null = another client's"),
    task: z.string().nullable()
  })
]).meta({ id: 'ProfileChange' })

export const profile = named('Profile', {
  format: z.string(),
  version: z.int(),
  from: instant,
  until: instant,
  truncated: z.boolean().describe('There were more changes than `limit`'),
  changes: z.array(profileChange)
})

export const profileChanges = z.looseObject({ kind: z.literal('changes'), nowMs, changes: z.array(profileChange) }).meta({ id: 'ProfileChanges' })

export const tokenRow = named('Token', {
  id: z.string(),
  role: z.enum(ROLES),
  name: z.string().optional(),
  createdAt: millis,
  expiresAt: millis,
  usesLeft: z.int().optional(),
  revoked: z.boolean(),
  http: z.enum(HTTP_ACCESS).optional()
})

export const uploaded = named('Upload', {
  id: z.string(),
  size: z.int().optional().describe('Bytes of the whole file'),
  received: z.int().describe('How many of them are there: where the next piece begins'),
  complete: z.boolean().describe('A job may refer to it'),
  sha256: z.string().optional().describe('Of a complete file'),
  expiresAt: millis
})

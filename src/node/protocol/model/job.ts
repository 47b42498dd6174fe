import { METRICS } from '../../../model/comparison.ts'
import { MAX_ITEM_BYTES, MAX_ITEMS } from '../../../model/each.ts'
import { MAX_COLLECT_BYTES, MAX_PATTERNS } from '../../../model/collect.ts'
import { MAX_DATA_SETS } from '../../../model/data.ts'
import { MAX_MASTERS } from '../../../model/job.ts'
import { MAX_ENTRIES, MAX_LISTS, MAX_REPORT_MS, MIN_REPORT_MS } from '../../../model/map.ts'
import { CHUNK_SIZE, MAX_CHUNKS, MAX_FILES } from '../../../model/payload.ts'
import { MAX_VARIANTS } from '../../../model/variants.ts'
import { REQUIREMENTS } from '../../../model/requirements.ts'
import { RESTARTS } from '../../../model/restart.ts'
import { ROLES } from '../../../model/roles.ts'
import { MAX_JOB_MS } from '../../../model/units.ts'
import { codec } from '../schema/codec.ts'
import { field, list, map, message, optional, optionalList, optionalMap } from '../schema/message.ts'
import { bool, bytes, double, fraction, int, oneOf, text, uint } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import { someLimits } from './limits.ts'
import { environmentName, environmentValue } from './machine.ts'
import { jobId, millis, name, payloadId, payloadPath, peerId, selector, size, word } from './words.ts'
import type { Build } from '../../../model/build.ts'
import type { Collect } from '../../../model/collect.ts'
import type { Comparison } from '../../../model/comparison.ts'
import type { DataSet } from '../../../model/data.ts'
import type { Command, Hooks, Job, Program } from '../../../model/job.ts'
import type { JobMap, MapEntry, MapList } from '../../../model/map.ts'
import type { PayloadFile, PayloadManifest } from '../../../model/payload.ts'
import type { Placement, Selector } from '../../../model/placement.ts'
import type { Plan } from '../../../model/plan.ts'
import type { RestartRule } from '../../../model/restart.ts'
import type { Variant, Variants } from '../../../model/variants.ts'

/** Measured runs of all commands of a job on one worker, so that a result stays within one message. */
export const MAX_RUNS = 100_000

const MAX_WORDS = 4_096
const MAX_VARIABLES = 1_024

const path = text({ min: 1, max: 4096 })
const condition = message<Selector>('Selector', { key: field(1, name), value: field(2, name) })
const duration = uint({ min: 1, max: MAX_JOB_MS })
const runs = uint({ max: MAX_RUNS })

export const role = oneOf('Role', ROLES)

export const payloadManifest = message<PayloadManifest>('PayloadManifest', {
  id: field(1, payloadId),
  files: list(2, message<PayloadFile>('PayloadFile', {
    path: field(1, payloadPath),
    size: field(2, size),
    executable: field(3, bool)
  }), MAX_FILES),
  chunkSize: field(3, uint({ min: 1, max: CHUNK_SIZE })),
  chunks: list(4, bytes({ min: 32, max: 32 }), MAX_CHUNKS)
})

const program = union<Program, 'kind'>('Program', 'kind', {
  payload: variant(1, { path: field(1, payloadPath) }),
  name: variant(2, { name: field(1, path) }),
  worker: variant(3, { path: field(1, path) })
})

const command = message<Command>('Command', {
  argv: list(1, word, MAX_WORDS),
  program: field(2, program),
  name: optional(3, name),
  hooks: optional(4, message<Hooks>('Hooks', {
    setup: optional(1, word),
    prepare: optional(2, word),
    conclude: optional(3, word),
    cleanup: optional(4, word)
  })),
  parameters: optionalMap(5, name, word, 64),
  env: optionalMap(6, environmentName, environmentValue, MAX_VARIABLES),
  limits: optional(7, someLimits),
  stdin: optional(8, payloadPath)
})

const comparison = message<Comparison>('Comparison', {
  metric: field(1, oneOf('Metric', METRICS)),
  margin: field(2, fraction),
  failIfSlower: optional(3, fraction),
  failIfUndecided: field(4, bool),
  baseline: optional(5, name)
})

export const plan = union<Plan, 'kind'>('Plan', 'kind', {
  fixed: variant(1, { runs: field(1, uint({ min: 1, max: MAX_RUNS })), warmup: field(2, runs) }),
  precision: variant(2, {
    precision: field(1, double),
    budgetMs: field(2, uint({ max: MAX_JOB_MS })),
    minRuns: field(3, runs),
    maxRuns: field(4, uint({ min: 1, max: MAX_RUNS })),
    warmup: field(5, runs)
  }),
  once: variant(3, {})
})

const selectors = (number: number): ReturnType<typeof list<Selector>> => list(number, condition, 64)
const where = selectors(1)

export const placement = union<Placement, 'on'>('Placement', 'on', {
  all: variant(1, { where }),
  any: variant(2, { where }),
  names: variant(3, { where, names: list(2, selector, 10_000) }),
  some: variant(4, { where, count: field(2, uint({ min: 1, max: 10_000 })) })
})

const restartRule = message<RestartRule>('RestartRule', {
  when: field(1, oneOf('Restarts', RESTARTS)),
  max: optional(2, uint({ max: 1_000_000 })),
  backoffMs: field(3, uint({ max: MAX_JOB_MS })),
  maxBackoffMs: field(4, uint({ max: MAX_JOB_MS }))
})

const jobMap = message<JobMap>('JobMap', {
  lists: list(1, message<MapList>('MapList', {
    where: selectors(1),
    worker: optional(2, selector),
    entries: list(3, message<MapEntry>('MapEntry', { command: field(1, uint({ max: MAX_ENTRIES - 1 })), restart: optional(2, restartRule) }), MAX_ENTRIES),
    keepGoing: optional(4, bool)
  }), MAX_LISTS),
  reportMs: optional(2, uint({ min: MIN_REPORT_MS, max: MAX_REPORT_MS }))
})

export const job = message<Job>('Job', {
  id: field(1, jobId),
  client: field(2, peerId),
  name: optional(3, name),
  kind: field(4, oneOf('JobKind', ['run', 'exec'] as const)),
  commands: list(5, command, MAX_ENTRIES),
  payload: optional(6, payloadManifest),
  stdin: optional(7, payloadPath),
  env: map(8, environmentName, environmentValue, MAX_VARIABLES),
  limits: field(9, someLimits),
  placement: field(10, placement),
  plan: field(11, plan),
  submittedAt: field(12, millis),
  require: optionalList(13, oneOf('Requirement', REQUIREMENTS), 64),
  comparison: optional(14, comparison),
  ignoreFailure: optional(15, message<NonNullable<Job['ignoreFailure']>>('IgnoreFailure', { codes: list(1, uint({ max: 255 }), 255) })),
  coldCache: optional(16, bool),
  counters: optional(17, bool),
  quietMs: optional(18, uint({ max: MAX_JOB_MS })),
  replicas: optional(19, uint({ min: 1, max: MAX_MASTERS })),
  retryLostMs: optional(20, uint({ min: 1, max: MAX_JOB_MS })),
  each: optional(21, message<NonNullable<Job['each']>>('Each', { items: list(1, text({ max: MAX_ITEM_BYTES }), MAX_ITEMS) })),
  map: optional(22, jobMap),
  retry: optional(23, restartRule),
  priority: optional(24, int),
  deadlineMs: optional(25, duration),
  data: optionalList(26, message<DataSet>('DataSet', { name: field(1, payloadPath), payload: field(2, payloadManifest), file: optional(3, bool) }), MAX_DATA_SETS),
  collect: optional(27, message<Collect>('Collect', { patterns: list(1, text({ min: 1, max: 512 }), MAX_PATTERNS), maxBytes: field(2, uint({ min: 1, max: MAX_COLLECT_BYTES })) })),
  build: optional(28, message<Build>('Build', { line: field(1, word), limits: field(2, someLimits) })),
  variants: optional(29, message<Variants>('Variants', {
    program: field(1, payloadPath),
    choices: list(2, message<Variant>('Variant', { where: selectors(1), path: field(2, payloadPath), payload: optional(3, payloadManifest) }), MAX_VARIANTS)
  }))
})

/** The bytes that a client seals; the same job always has the same. */
export const jobCodec = codec('job', job)

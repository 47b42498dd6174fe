import fc from 'fast-check'
import { MAX_COLLECT_BYTES } from '../../../src/model/collect.ts'
import { METRICS } from '../../../src/model/comparison.ts'
import { COUNTERS } from '../../../src/model/counters.ts'
import { LIMIT_KEYS, LIMIT_NAMES, LIMIT_RULES } from '../../../src/model/limits.ts'
import { CPU_METHODS, MEMORY_METHODS, PROCESS_METHODS } from '../../../src/model/methods.ts'
import { CHUNK_SIZE, MAX_CHUNKS, isPayloadPath } from '../../../src/model/payload.ts'
import { REQUIREMENTS } from '../../../src/model/requirements.ts'
import { GRANTS } from '../../../src/model/machine.ts'
import { RESTARTS } from '../../../src/model/restart.ts'
import { ROLES } from '../../../src/model/roles.ts'
import type { BuildFacts } from '../../../src/model/build.ts'
import type { Collected } from '../../../src/model/collect.ts'
import type { Comparison } from '../../../src/model/comparison.ts'
import type { Counter, Counts } from '../../../src/model/counters.ts'
import type { Command, Hooks, Job } from '../../../src/model/job.ts'
import type { Limits, SomeLimits } from '../../../src/model/limits.ts'
import type { Resources, SandboxFacts, WorkerInfo } from '../../../src/model/machine.ts'
import { MAX_REPORT_MS, MIN_REPORT_MS } from '../../../src/model/map.ts'
import type { JobMap, MapEntry, MapList } from '../../../src/model/map.ts'
import type { Membership } from '../../../src/model/membership.ts'
import type { PayloadManifest } from '../../../src/model/payload.ts'
import type { Placement } from '../../../src/model/placement.ts'
import type { Plan } from '../../../src/model/plan.ts'
import type { Variant } from '../../../src/model/variants.ts'
import type { RestartRule } from '../../../src/model/restart.ts'
import type { CommandResult, ExecutionResult, Outcome } from '../../../src/model/result.ts'
import type { Sample } from '../../../src/model/sample.ts'
import type { JobState, TaskState, WorkerState } from '../../../src/model/states.ts'
import type { AdminReply, AdminRequest, TokenRow } from '../../../src/node/protocol/admin/messages.ts'
import type { ClockReply, ClockRequest } from '../../../src/node/protocol/clock/messages.ts'
import type { Hello, HelloReply } from '../../../src/node/protocol/hello/messages.ts'
import type { JoinReply, JoinRequest } from '../../../src/node/protocol/join/messages.ts'
import type { AskReply, AskRequest, Beat, FactEntry, FollowReply, FollowRequest } from '../../../src/node/protocol/masters/messages.ts'
import type { Blame, RelayReply, RelayRequest } from '../../../src/node/protocol/relay/messages.ts'
import type { PayloadReply, PayloadRequest, Ticket } from '../../../src/node/protocol/payload/messages.ts'
import type { Claim, ListedMaster, MasterMessage, WorkerMessage } from '../../../src/node/protocol/register/messages.ts'
import type { CancelWord, SlotReply, SlotRequest, StartOutcome } from '../../../src/node/protocol/slot/messages.ts'
import type { Duplicate, ItemEnd, JobRow, JobView, NodeRow, SubmitReply, SubmitRequest, TaskView } from '../../../src/node/protocol/submit/messages.ts'
import type { Receipt, Receipts, Results } from '../../../src/node/protocol/results/messages.ts'
import type { OutputStream, TaskConfirm, TaskReport } from '../../../src/node/protocol/task/messages.ts'
import type { Arbitrary } from 'fast-check'

/** Values that any node may say: within every bound, and strange otherwise. */

/** Every field but these is required. */
function partly<T extends object, K extends keyof T> (fields: { [P in keyof T]-?: Arbitrary<NonNullable<T[P]>> }, ...optional: K[]): Arbitrary<T> {
  const requiredKeys = (Object.keys(fields) as Array<keyof T>).filter(key => !optional.includes(key as K))

  return fc.record(fields as any, { requiredKeys, noNullPrototype: true } as any) as unknown as Arbitrary<T>
}

/** One of a union, by its tag. */
function kind<K extends string, T extends object> (name: K, fields: { [P in keyof T]: Arbitrary<T[P]> }, ...optional: Array<keyof T>): Arbitrary<T & { kind: K }> {
  return partly<any, any>(fields, ...optional).map(rest => ({ kind: name, ...rest }) as unknown as T & { kind: K })
}

/** A variant that says nothing but its kind. */
function bare<K extends string> (name: K): Arbitrary<{ kind: K }> {
  return fc.constant({ kind: name })
}

const whole = fc.maxSafeNat()
const small = fc.nat({ max: 100_000 })
const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
const bytes = (max: number): Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: max })
const text = (maxLength: number, minLength = 0): Arbitrary<string> => fc.string({ unit: 'grapheme', minLength, maxLength }).filter(value => !/\p{Cc}/u.test(value))
const of = (alphabet: string, minLength: number, maxLength = minLength): Arbitrary<string> => fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength })

/** As the kernel takes it: anything but NUL. */
const word = fc.string({ unit: 'binary', maxLength: 40 }).map(value => value.replaceAll('\0', ''))
const name = text(24, 1)
const sentence = fc.oneof(text(80), word)
const fact = text(24)
const base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const digest = of('0123456789abcdef', 64)
const address = fc.tuple(fc.ipV4(), fc.nat({ max: 65_535 })).map(([host, port]) => `/ip4/${host}/tcp/${port}`)
const version = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)).map(parts => parts.join('.'))

export const peerId = of(base58, 44).map(tail => `12D3KooW${tail}`)
export const jobId = fc.ulid()
export const taskName = of('ABCxyz019._-', 1, 100)
export const executionId = fc.tuple(jobId, taskName, peerId, fc.nat(999_999_999)).map(parts => parts.join('/'))
const payloadPath = fc.array(text(12, 1), { minLength: 1, maxLength: 4 }).map(parts => parts.join('/')).filter(isPayloadPath)
const dictionary = (key: Arbitrary<string>, value: Arbitrary<string>): Arbitrary<Record<string, string>> => fc.dictionary(key, value, { maxKeys: 5, noNullPrototype: true })

export const claim: Arbitrary<Claim> = partly<Claim, 'proof'>({ term: whole, master: peerId, proof: fc.uint8Array({ minLength: 1, maxLength: 128 }) }, 'proof')
const stream = fc.constantFrom<OutputStream[]>('stdout', 'stderr')
const phase = fc.constantFrom('waiting-for-machine' as const, 'running' as const)
const role = fc.constantFrom(...ROLES)

export const manifest: Arbitrary<PayloadManifest> = fc.record({
  id: digest,
  files: fc.array(fc.record({ path: payloadPath, size: whole, executable: fc.boolean() }), { maxLength: 5 }),
  chunkSize: fc.integer({ min: 1, max: CHUNK_SIZE }),
  chunks: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 5 })
})

const hooks: Arbitrary<Hooks> = partly<Hooks, keyof Hooks>({ setup: word, prepare: word, conclude: word, cleanup: word }, 'setup', 'prepare', 'conclude', 'cleanup')

/** An entry at least: an empty one is absent. */
const parameters = fc.dictionary(name, word, { minKeys: 1, maxKeys: 4, noNullPrototype: true })

const anyLimits = Object.fromEntries(LIMIT_KEYS.map(key => [key, fc.integer({ min: LIMIT_RULES[key].min, max: LIMIT_RULES[key].max })])) as { [K in keyof Limits]-?: Arbitrary<number> }
const limits: Arbitrary<Limits> = partly<Limits, 'cpuMs'>(anyLimits, 'cpuMs')
export const someLimits: Arbitrary<SomeLimits> = partly<SomeLimits, keyof Limits>(anyLimits, ...LIMIT_KEYS)

const command: Arbitrary<Command> = partly<Command, 'name' | 'hooks' | 'parameters' | 'env' | 'limits' | 'stdin'>({
  argv: fc.array(word, { minLength: 1, maxLength: 5 }),
  program: fc.oneof(
    kind('payload', { path: payloadPath }),
    kind('name', { name }),
    kind('worker', { path: payloadPath.map(path => `/${path}`) })
  ),
  name,
  hooks,
  parameters,
  env: dictionary(of('ABC_abc019', 1, 10), word).filter(env => Object.keys(env).length > 0),
  limits: someLimits,
  stdin: payloadPath
}, 'name', 'hooks', 'parameters', 'env', 'limits', 'stdin')

const outcome = fc.constantFrom<Outcome[]>('done', 'failed', 'limit', 'not-run', 'cancelled', 'interrupted')
const share = fc.double({ min: 0, max: 1_000, noNaN: true })

const comparison: Arbitrary<Comparison> = partly<Comparison, 'failIfSlower' | 'baseline'>({
  metric: fc.constantFrom(...METRICS),
  margin: share,
  failIfSlower: share,
  failIfUndecided: fc.boolean(),
  baseline: name
}, 'failIfSlower', 'baseline')

const where = fc.array(fc.record({ key: name, value: name }), { maxLength: 3 })

const placement: Arbitrary<Placement> = fc.oneof(
  fc.record({ on: fc.constant('all' as const), where }),
  fc.record({ on: fc.constant('any' as const), where }),
  fc.record({ on: fc.constant('names' as const), names: fc.array(name, { maxLength: 5 }), where }),
  fc.record({ on: fc.constant('some' as const), count: fc.integer({ min: 1, max: 10_000 }), where })
)

const plan: Arbitrary<Plan> = fc.oneof(
  kind('fixed', { runs: fc.integer({ min: 1, max: 1_000 }), warmup: fc.nat(1_000) }),
  kind('precision', {
    precision: fc.double({ min: 0.000_1, max: 1, noNaN: true }),
    budgetMs: fc.nat(86_400_000),
    minRuns: fc.nat(1_000),
    maxRuns: fc.integer({ min: 1, max: 1_000 }),
    warmup: fc.nat(1_000)
  }),
  bare('once')
)

const restart: Arbitrary<RestartRule> = partly<RestartRule, 'max'>({
  when: fc.constantFrom(...RESTARTS),
  max: fc.nat(1_000_000),
  backoffMs: fc.nat(86_400_000),
  maxBackoffMs: fc.nat(86_400_000)
}, 'max')

const map: Arbitrary<JobMap> = partly<JobMap, 'reportMs'>({
  reportMs: fc.integer({ min: MIN_REPORT_MS, max: MAX_REPORT_MS }),
  lists: fc.array(partly<MapList, 'worker' | 'keepGoing'>({
    worker: name,
    where,
    entries: fc.array(partly<MapEntry, 'restart'>({ command: fc.nat(9_999), restart }, 'restart'), { maxLength: 4 }),
    keepGoing: fc.boolean()
  }, 'worker', 'keepGoing'), { maxLength: 3 })
}, 'reportMs')

export const job: Arbitrary<Job> = partly<Job, 'name' | 'payload' | 'stdin' | 'require' | 'comparison' | 'ignoreFailure' | 'coldCache' | 'counters' | 'quietMs' | 'replicas' | 'retryLostMs' | 'each' | 'map' | 'retry' | 'priority' | 'deadlineMs' | 'data' | 'collect' | 'build' | 'variants'>({
  id: jobId,
  client: peerId,
  name,
  kind: fc.constantFrom('run' as const, 'exec' as const),
  commands: fc.array(command, { minLength: 1, maxLength: 3 }),
  payload: manifest,
  stdin: payloadPath,
  env: dictionary(of('ABC_abc019', 1, 10), word),
  limits: someLimits,
  placement,
  plan,
  submittedAt: whole,
  require: fc.subarray(REQUIREMENTS, { minLength: 1 }),
  comparison,
  ignoreFailure: fc.record({ codes: fc.array(fc.nat(255), { maxLength: 5 }) }),
  coldCache: fc.boolean(),
  counters: fc.boolean(),
  quietMs: fc.nat(86_400_000),
  replicas: fc.integer({ min: 1, max: 64 }),
  retryLostMs: fc.integer({ min: 1, max: 86_400_000 }),
  each: fc.record({ items: fc.array(word, { maxLength: 5 }) }),
  map,
  retry: restart,
  priority: fc.integer({ min: -100, max: 100 }),
  deadlineMs: fc.integer({ min: 1, max: 86_400_000 }),
  data: fc.array(fc.record({ name: payloadPath, payload: manifest }), { minLength: 1, maxLength: 3 }),
  collect: fc.record({ patterns: fc.array(text(24, 1), { maxLength: 3 }), maxBytes: fc.integer({ min: 1, max: MAX_COLLECT_BYTES }) }),
  build: fc.record({ line: word, limits: someLimits }),
  variants: fc.record({ program: payloadPath, choices: fc.array(partly<Variant, 'payload'>({ where, path: payloadPath, payload: manifest }, 'payload'), { maxLength: 3 }) })
}, 'name', 'payload', 'stdin', 'require', 'comparison', 'ignoreFailure', 'coldCache', 'counters', 'quietMs', 'replicas', 'retryLostMs', 'each', 'map', 'retry', 'priority', 'deadlineMs', 'data', 'collect', 'build', 'variants')

const resources: Arbitrary<Resources> = fc.record({
  machineId: fact,
  platform: fact,
  arch: fact,
  cpuModel: fact,
  cores: fc.nat(1_000_000),
  memoryBytes: whole,
  kernel: fact,
  os: fact,
  nodeVersion: fact
})

export const sandbox: Arbitrary<SandboxFacts> = partly<SandboxFacts, 'bounds'>({
  builder: fc.constantFrom('bubblewrap' as const, 'unshare' as const),
  builderVersion: fact,
  namespaces: fc.array(fact, { maxLength: 8 }),
  filterHash: digest,
  uidMode: fc.constantFrom('two-uids' as const, 'shared' as const),
  cgroup: fc.constantFrom('v2' as const, 'v1' as const, 'none' as const),
  kernel: fact,
  canaries: dictionary(name, sentence),
  caveats: fc.array(sentence, { maxLength: 3 }),
  methods: fc.record({ cpu: fc.constantFrom(...CPU_METHODS), memory: fc.constantFrom(...MEMORY_METHODS), processes: fc.constantFrom(...PROCESS_METHODS) }),
  proc: fc.boolean(),
  bounds: fc.record({ memory: fc.boolean(), processes: fc.boolean() })
}, 'bounds')

const floor = fc.record({ minNs: whole, medianNs: whole })
const lastNoise = fc.record({ grade: fc.constantFrom('A', 'B', 'C', 'D'), reasons: fc.array(sentence, { maxLength: 3 }), at: whole })
const processors = fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 5 })

export const workerInfo: Arbitrary<WorkerInfo> = partly<WorkerInfo, 'sandbox' | 'refusal' | 'ceilings' | 'floor' | 'noise' | 'boundTo' | 'slots' | 'grants' | 'addresses' | 'tools'>({
  peerId,
  name,
  resources,
  labels: dictionary(name, name),
  sandbox,
  refusal: sentence,
  ceilings: someLimits,
  floor,
  noise: lastNoise,
  boundTo: processors,
  slots: fc.integer({ min: 1, max: 1_024 }),
  grants: fc.subarray([...GRANTS], { minLength: 1 }),
  addresses: fc.array(text(60), { minLength: 1, maxLength: 4 }),
  tools: fc.array(fc.record({ name, version: name }), { minLength: 1, maxLength: 3 })
}, 'sandbox', 'refusal', 'ceilings', 'floor', 'noise', 'boundTo', 'slots', 'grants', 'addresses', 'tools')

const exit = fc.oneof(kind('code', { code: fc.nat(255) }), kind('signal', { signal: fc.constantFrom('SIGSEGV', 'SIGKILL', 'signal 34') }))

export const sample = (command: number): Arbitrary<Sample> => partly<Sample, 'limit' | 'memoryBytes' | 'counters'>({
  command: fc.constant(command),
  run: small,
  startNs: whole,
  wallNs: whole,
  cpuNs: whole,
  userNs: whole,
  systemNs: whole,
  minorFaults: whole,
  majorFaults: whole,
  voluntarySwitches: whole,
  involuntarySwitches: whole,
  exit,
  limit: fc.constantFrom(...LIMIT_NAMES),
  leftovers: whole,
  memoryBytes: whole,
  counters: partly<Counts, Counter>({ instructions: whole, cycles: whole, branchMisses: whole, cacheMisses: whole }, ...COUNTERS)
}, 'limit', 'memoryBytes', 'counters')

const commandResult = (index: number): Arbitrary<CommandResult> => partly<CommandResult, 'memoryBytes' | 'output' | 'notRun' | 'program' | 'reached'>({
  command: fc.constant(index),
  samples: fc.array(sample(index), { maxLength: 4 }),
  warmups: small,
  memoryBytes: whole,
  memoryMethod: fc.constantFrom(...MEMORY_METHODS),
  cpuMethod: fc.constantFrom(...CPU_METHODS),
  output: fc.record({ stdoutDigest: digest, stdoutBytes: whole, stderrBytes: whole, same: fc.boolean(), truncated: fc.boolean() }),
  notRun: fc.record({
    code: fc.constantFrom('not-found', 'not-executable', 'wrong-architecture', 'missing-loader', 'missing-library', 'missing-interpreter', 'empty-file', 'sandbox', 'internal'),
    message: sentence
  }),
  program: fc.record({ path: payloadPath, digest }),
  reached: finite
}, 'memoryBytes', 'output', 'notRun', 'program', 'reached')

const collected = partly<Collected, 'payload'>({ payload: manifest, skipped: fc.array(sentence, { maxLength: 3 }) }, 'payload')

export const result: Arbitrary<ExecutionResult> = partly<ExecutionResult, 'reason' | 'sandbox' | 'start' | 'noise' | 'limits' | 'environment' | 'quietWaitMs' | 'cores' | 'noCounters' | 'collected' | 'build'>({
  key: fc.record({ job: jobId, task: taskName, worker: peerId, attempt: fc.nat(999_999_999) }),
  outcome,
  reason: sentence,
  commands: fc.nat(3).chain(count => fc.tuple(...Array.from({ length: count }, (_, index) => commandResult(index)))),
  sandbox,
  start: partly<NonNullable<ExecutionResult['start']>, 'errorNs'>({ simultaneous: fc.boolean(), skewNs: fc.maxSafeInteger(), errorNs: whole }, 'errorNs'),
  startedAt: whole,
  finishedAt: whole,
  waitedMs: whole,
  noise: fc.record({ grade: fc.constantFrom('A', 'B', 'C', 'D'), reasons: fc.array(sentence, { maxLength: 3 }) }),
  limits,
  environment: fc.array(sentence, { minLength: 1, maxLength: 3 }),
  quietWaitMs: whole,
  cores: processors,
  noCounters: sentence,
  collected,
  build: partly<BuildFacts, 'compiler'>({ compiler: sentence, wallMs: whole, cached: fc.boolean() }, 'compiler')
}, 'reason', 'sandbox', 'start', 'noise', 'limits', 'environment', 'quietWaitMs', 'cores', 'noCounters', 'collected', 'build')

export const membership: Arbitrary<Membership> = fc.record({
  peerId,
  roles: fc.subarray([...ROLES]),
  name,
  issuedAt: whole,
  expiresAt: whole
})

export const ticket: Arbitrary<Ticket> = fc.record({ payload: digest, sender: peerId, receiver: peerId, expiresMs: whole })

const helloMessage: Arbitrary<Hello> = partly<Hello, 'membership' | 'masters'>({
  version,
  bootNonce: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  membership: bytes(200),
  meshTimeMs: finite,
  masters: fc.array(address, { minLength: 1, maxLength: 16 })
}, 'membership', 'masters')

export const hello = {
  request: helloMessage,
  reply: fc.oneof<Array<Arbitrary<HelloReply>>>(
    kind('welcome', { hello: helloMessage, stranger: fc.boolean() }),
    kind('refused', { reason: sentence, version, meshTimeMs: finite })
  )
}

const refused = kind('refused', { reason: sentence })
const busy = kind('busy', { reason: sentence })

export const join = {
  request: fc.oneof<Array<Arbitrary<JoinRequest>>>(kind('join', { tokenId: of('abcdef234567', 10), secret: bytes(16), name }), kind('renew', { membership: bytes(100) }, 'membership')),
  reply: fc.oneof<Array<Arbitrary<JoinReply>>>(kind('joined', { membership: bytes(200), masters: fc.array(address, { maxLength: 3 }) }), refused)
}

const workerState = fc.constantFrom<WorkerState[]>('waiting', 'reserved', 'running', 'failed, restarting', 'finished, delivering', 'draining', 'lost')
const held = fc.record({ execution: executionId, state: fc.constantFrom('running' as const, 'finished' as const) })

const listedMaster = partly<ListedMaster, 'removed'>({
  peerId,
  name,
  addresses: fc.array(address, { maxLength: 3 }),
  atMs: whole,
  removed: fc.boolean()
}, 'removed')

export const register = {
  request: fc.oneof<Array<Arbitrary<WorkerMessage>>>(
    kind('register', { info: workerInfo, highest: claim, holds: fc.array(held, { maxLength: 3 }) }, 'highest'),
    kind('state', { state: workerState, execution: executionId, executions: fc.array(executionId, { minLength: 1, maxLength: 3 }), detail: sentence, sinceMs: whole, highest: claim, floor, noise: lastNoise }, 'execution', 'executions', 'detail', 'highest', 'floor', 'noise')
  ),
  reply: fc.oneof<Array<Arbitrary<MasterMessage>>>(
    kind('registered', { name, claim, meshTimeMs: finite, masters: fc.array(listedMaster, { minLength: 1, maxLength: 3 }) }, 'claim', 'masters'),
    refused,
    kind('drain', { drain: fc.boolean(), atMs: whole, by: peerId }, 'atMs', 'by'),
    kind('masters', { masters: fc.array(listedMaster, { maxLength: 3 }) })
  )
}

const numbered = { id: whole, claim }
const reservation = { ...numbered, execution: executionId }
const knownState = fc.constantFrom('queued' as const, 'running' as const, 'finished' as const, 'delivered' as const)

const proof = fc.uint8Array({ minLength: 1, maxLength: 128 })
const cancelWord = partly<CancelWord, keyof CancelWord>({ master: peerId, proof }, 'master', 'proof')

const startOutcome = fc.oneof<Array<Arbitrary<StartOutcome>>>(bare('started'), bare('queued'), busy, bare('no-payload'), kind('known', { state: knownState }), kind('refused', { reason: sentence, cancel: cancelWord }, 'cancel'))

export const slot = {
  request: fc.oneof<Array<Arbitrary<SlotRequest>>>(
    kind('available', { ...reservation, measured: fc.boolean(), payloads: fc.array(digest, { minLength: 1, maxLength: 5 }) }, 'payloads'),
    kind('renew', { ...reservation, quietMs: whole }, 'quietMs'),
    kind('start', { ...numbered, jobId, job: bytes(200), executions: fc.array(executionId, { maxLength: 5 }), reserved: fc.boolean(), startAtMs: finite, startErrorMs: finite }, 'job', 'startAtMs', 'startErrorMs'),
    kind('rollback', reservation),
    kind('cancel', { ...numbered, job: jobId, proof }, 'proof')
  ),
  reply: fc.oneof<Array<Arbitrary<SlotReply>>>(
    kind('ready', { id: whole, leaseMs: whole, hasPayload: fc.boolean() }),
    kind('busy', { id: whole, reason: sentence }),
    kind('stale', { id: whole, highest: claim }),
    kind('known', { id: whole, state: knownState }),
    kind('renewed', { id: whole, leaseMs: whole }),
    kind('started', { id: whole, outcomes: fc.array(startOutcome, { maxLength: 5 }) }),
    kind('unknown-job', { id: whole }),
    kind('returned', { id: whole, executions: fc.array(executionId, { maxLength: 5 }), reason: sentence }),
    kind('rolled-back', { id: whole }),
    kind('cancelled', { id: whole, stopped: fc.array(executionId, { maxLength: 3 }) }),
    kind('refused', { id: whole, reason: sentence, cancel: cancelWord }, 'cancel')
  )
}

const chunkIndex = fc.nat(MAX_CHUNKS - 1)

export const payload = {
  request: fc.oneof<Array<Arbitrary<PayloadRequest>>>(
    kind('offer', { manifest, ticket: bytes(200), job: jobId }, 'ticket', 'job'),
    kind('chunk', { index: chunkIndex, data: bytes(500) })
  ),
  reply: fc.oneof<Array<Arbitrary<PayloadReply>>>(
    kind('accept', { missing: fc.array(chunkIndex, { maxLength: 20 }) }),
    bare('have'),
    busy,
    refused,
    kind('received', { chunks: fc.nat(MAX_CHUNKS) }),
    bare('complete'),
    kind('corrupt', { index: chunkIndex })
  )
}

const blame = fc.constantFrom<Blame>('own', 'receiver', 'network')
const addresses = fc.array(text(60), { maxLength: 4 })

export const relay = {
  request: fc.oneof<Array<Arbitrary<RelayRequest>>>(
    kind('send', { payload: digest, ticket: bytes(200), to: peerId, addresses }),
    kind('watch', { payload: digest }),
    kind('meet', { peer: peerId, addresses })
  ),
  reply: fc.oneof<Array<Arbitrary<RelayReply>>>(
    kind('progress', { chunks: fc.nat(MAX_CHUNKS) }),
    kind('done', { sent: fc.nat(MAX_CHUNKS) }),
    kind('failed', { reason: sentence, blame }),
    kind('lied', { sender: peerId, reason: sentence })
  )
}

const latest = fc.array(fc.oneof(fc.record({ wallNs: whole, cpuNs: whole }), fc.record({ wallNs: whole, cpuNs: whole, memoryBytes: whole })), { minLength: 1, maxLength: 5 })
const progress = { command: fc.nat(10), runs: whole, of: whole, medianNs: whole, latest }

export const task = {
  request: fc.oneof<Array<Arbitrary<TaskReport>>>(
    kind('begin', { execution: executionId }),
    kind('phase', { phase, detail: sentence }, 'detail'),
    kind('output', { stream, offset: whole, data: bytes(500) }),
    kind('progress', progress, 'of', 'medianNs', 'latest'),
    kind('result', { result, stdoutBytes: whole, stderrBytes: whole })
  ),
  reply: fc.oneof<Array<Arbitrary<TaskConfirm>>>(
    kind('resume', { stdout: whole, stderr: whole }),
    kind('taken', { stdout: whole, stderr: whole }),
    bare('stored'),
    refused,
    bare('unwanted'),
    bare('want-files')
  )
}

export const results = {
  request: kind('results', { finished: fc.array(fc.record({ result, stdout: bytes(200), stderr: bytes(200) }), { minLength: 1, maxLength: 3 }) }) satisfies Arbitrary<Results>,
  reply: kind('receipts', {
    receipts: fc.array(fc.oneof<Array<Arbitrary<Receipt>>>(
      kind('stored', { execution: executionId }),
      kind('unwanted', { execution: executionId }),
      kind('refused', { execution: executionId, reason: sentence })
    ), { minLength: 1, maxLength: 3 })
  }) satisfies Arbitrary<Receipts>
}

const taskState = fc.constantFrom<TaskState[]>('queued', 'reserving', 'sending', 'starting', 'running', 'cancelling', 'done', 'failed', 'limit', 'not-run', 'cancelled', 'interrupted', 'lost')
const jobState = fc.constantFrom<JobState[]>('queued', 'running', 'finished', 'cancelled')

const duplicate: Arbitrary<Duplicate> = partly<Duplicate, 'reason' | 'conflict'>({ execution: executionId, workerName: name, outcome, reason: sentence, conflict: fc.boolean() }, 'reason', 'conflict')

const taskView: Arbitrary<TaskView> = partly<TaskView, 'worker' | 'reason' | 'simultaneous' | 'info' | 'duplicates'>({
  task: taskName,
  worker: peerId,
  workerName: name,
  state: taskState,
  reason: sentence,
  attempt: small,
  simultaneous: fc.boolean(),
  info: workerInfo,
  duplicates: fc.array(duplicate, { minLength: 1, maxLength: 3 })
}, 'worker', 'reason', 'simultaneous', 'info', 'duplicates')

const stateCount = fc.record({ state: taskState, count: small })

const jobView: Arbitrary<JobView> = partly<JobView, 'finishedAt' | 'startSkewNs' | 'counts' | 'hindrances'>({
  job, state: jobState, tasks: fc.array(taskView, { maxLength: 3 }), acceptedAt: whole, finishedAt: whole, startSkewNs: whole, counts: fc.array(stateCount, { minLength: 1, maxLength: 5 }), hindrances: fc.array(fc.record({ reason: sentence, workers: fc.array(name, { maxLength: 3 }), count: small }), { minLength: 1, maxLength: 3 })
}, 'finishedAt', 'startSkewNs', 'counts', 'hindrances')

const itemEnd: Arbitrary<ItemEnd> = partly<ItemEnd, 'execution' | 'reason' | 'exit' | 'limit' | 'wallNs' | 'stdout' | 'stderr' | 'startedAt'>({
  task: taskName,
  execution: executionId,
  workerName: name,
  state: taskState,
  reason: sentence,
  exit,
  limit: fc.constantFrom(...LIMIT_NAMES),
  wallNs: whole,
  stdoutBytes: whole,
  stderrBytes: whole,
  stdout: bytes(200),
  stderr: bytes(200),
  startedAt: whole
}, 'execution', 'reason', 'exit', 'limit', 'wallNs', 'stdout', 'stderr', 'startedAt')

const jobRow: Arbitrary<JobRow> = partly<JobRow, 'name' | 'finishedAt'>({
  id: jobId, name, title: text(80), kind: fc.constantFrom('run' as const, 'exec' as const), state: jobState, acceptedAt: whole, finishedAt: whole, tasks: small, ended: small, failed: small, mine: fc.boolean()
}, 'name', 'finishedAt')

const nodeRow: Arbitrary<NodeRow> = partly<NodeRow, 'detail' | 'info' | 'term'>({
  role: fc.constantFrom('master' as const, 'worker' as const),
  peerId,
  name,
  state: fc.oneof(workerState, fc.constantFrom('coordinator' as const, 'standby' as const)),
  detail: sentence,
  draining: fc.boolean(),
  sinceMs: whole,
  lastHeardMs: whole,
  info: workerInfo,
  term: whole,
  version,
  addresses: fc.array(address, { maxLength: 3 })
}, 'detail', 'info', 'term')

const offset = fc.record({ execution: executionId, stream, offset: whole })

const httpAccess = fc.constantFrom('full' as const, 'read' as const)

export const submit = {
  request: fc.oneof<Array<Arbitrary<SubmitRequest>>>(
    kind('submit', { job: bytes(200) }),
    kind('attach', { selector: text(24), output: fc.boolean(), offsets: fc.array(offset, { maxLength: 3 }), follow: fc.boolean(), tail: whole }, 'tail'),
    kind('cancel', { selector: text(24) }),
    bare('nodes'),
    kind('jobs', { limit: fc.integer({ min: 1, max: 1_000_000 }) }),
    kind('show', { selector: text(24), items: fc.constantFrom('failed' as const, 'all' as const, 'none' as const) }, 'items'),
    kind('attach-items', { selector: text(24), follow: fc.boolean(), ordered: fc.boolean(), texts: fc.boolean(), told: bytes(100), offsets: fc.array(offset, { maxLength: 2 }) }),
    kind('files', { selector: text(24) }),
    kind('chunks', { execution: executionId, from: chunkIndex }),
    kind('page', { ttlMs: fc.integer({ min: 1, max: 86_400_000 }), access: httpAccess, owner: peerId }, 'ttlMs', 'owner')
  ),
  reply: fc.oneof<Array<Arbitrary<SubmitReply>>>(
    kind('accepted', { id: jobId, masters: fc.array(name, { maxLength: 3 }), existing: fc.boolean(), leftOut: fc.array(name, { minLength: 1, maxLength: 3 }) }, 'leftOut'),
    kind('need-payload', { payload: digest }),
    kind('refused', { code: fc.constantFrom('refused' as const, 'conflict' as const, 'quota' as const, 'no-worker' as const, 'usage' as const, 'failed' as const), reason: sentence }),
    kind('job', { view: jobView }),
    kind('task', { view: taskView }),
    kind('phase', { task: taskName, phase, detail: sentence }, 'detail'),
    kind('transfer', { task: taskName, chunks: small, of: small, note: sentence }, 'note'),
    kind('progress', { task: taskName, ...progress }, 'of', 'medianNs', 'latest'),
    kind('output', { execution: executionId, task: taskName, stream, offset: whole, data: bytes(500) }),
    kind('result', { task: taskName, result }),
    kind('end', { view: jobView }),
    kind('cancelled', { id: jobId, pending: fc.array(name, { maxLength: 3 }) }),
    kind('node', { row: nodeRow }),
    kind('row', { row: jobRow }),
    kind('counts', { counts: fc.array(stateCount, { maxLength: 5 }) }),
    kind('items', { items: fc.array(itemEnd, { maxLength: 3 }) }),
    kind('files', { execution: executionId, workerName: name, collected }),
    kind('chunk', { index: chunkIndex, data: bytes(500) }),
    kind('page', {
      masters: fc.array(fc.record({ peerId, name, urls: fc.array(address, { maxLength: 2 }), place: text(32) }), { maxLength: 3 }),
      token: fc.record({ text: of('abcdef234567-', 60), id: of('abcdef234567', 10), role: fc.constantFrom('client' as const, 'admin' as const), access: httpAccess, expiresAt: whole })
    }, 'token')
  )
}

const tokenRow: Arbitrary<TokenRow> = partly<TokenRow, 'name' | 'usesLeft' | 'http'>({
  id: of('abcdef234567', 10), role, name, createdAt: whole, expiresAt: whole, usesLeft: whole, revoked: fc.boolean(), http: httpAccess
}, 'name', 'usesLeft', 'http')

export const admin = {
  request: fc.oneof<Array<Arbitrary<AdminRequest>>>(
    kind('create-token', { role, ttlMs: fc.integer({ min: 1, max: 86_400_000 }), uses: fc.integer({ min: 1 }), name, http: httpAccess }, 'uses', 'name', 'http'),
    bare('list-tokens'),
    kind('revoke-token', { id: of('abcdef234567', 10) }),
    kind('revoke-member', { node: name }),
    kind('drain', { node: name, undo: fc.boolean() })
  ),
  reply: fc.oneof<Array<Arbitrary<AdminReply>>>(
    kind('token', { text: of('abcdef234567-', 60), row: tokenRow, addresses: fc.array(address, { maxLength: 3 }) }),
    kind('row', { row: tokenRow }),
    kind('done', { detail: sentence }),
    refused
  )
}

export const clock = {
  request: fc.record<ClockRequest>({ sentMs: finite }),
  reply: fc.record<ClockReply>({ sentMs: finite, receivedMs: finite, repliedMs: finite })
}

export const origin = fc.tuple(peerId, fc.ulid()).map(([peer, ulid]) => `${peer}.${ulid}`)

const beat: Arbitrary<Beat> = partly<Beat, 'claim' | 'heard'>({
  incarnation: origin,
  sentMs: whole,
  term: whole,
  claim: fc.record({ claim, incarnation: origin, renewal: whole, hops: fc.nat(1_000_000) }),
  heard: fc.record({ incarnation: origin, sentMs: whole })
}, 'claim', 'heard')

export const mastersBeat = { request: beat, reply: beat }

const seq = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const vector = fc.array(fc.record({ origin, seq }), { maxLength: 4 })
const factEntry = partly<FactEntry, 'value'>({ origin, seq, key: text(40), value: bytes(100) }, 'value')

export const mastersFollow = {
  request: fc.oneof<Array<Arbitrary<FollowRequest>>>(kind('follow', { vector, forgottenMs: whole }), kind('have', { vector })),
  reply: fc.oneof<Array<Arbitrary<FollowReply>>>(kind('entries', { entries: fc.array(factEntry, { maxLength: 4 }) }), kind('forgotten', { forgottenMs: whole }))
}

export const mastersAsk = {
  request: fc.oneof<Array<Arbitrary<AskRequest>>>(
    bare('want-key'),
    kind('want-payload', { payload: digest }),
    kind('want-output', { execution: executionId, stream, offset: whole }),
    kind('relay', { request: bytes(200), client: peerId, clientName: name, admin: fc.boolean(), hops: fc.nat(8) })
  ),
  reply: fc.oneof<Array<Arbitrary<AskReply>>>(
    kind('key', { key: bytes(100) }),
    bare('sending'),
    bare('none'),
    kind('output', { data: bytes(500), size: whole }),
    kind('relayed', { reply: bytes(200) }),
    refused
  )
}

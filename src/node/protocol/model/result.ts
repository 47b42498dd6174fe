import { MAX_COLLECT_FILES } from '../../../model/collect.ts'
import { MAX_COMMANDS } from '../../../model/job.ts'
import { LIMIT_NAMES } from '../../../model/limits.ts'
import { codec } from '../schema/codec.ts'
import { field, list, message, optional, optionalList } from '../schema/message.ts'
import { bool, double, int, oneOf, text, uint } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import { MAX_RUNS, payloadManifest } from './job.ts'
import { limits } from './limits.ts'
import { cpuMethod, MAX_PROCESSORS, memoryMethod, noiseGrade, processor, sandboxFacts } from './machine.ts'
import { commandIndex, count, digest, jobId, millis, nanos, peerId, sentence, size, taskName } from './words.ts'
import type { BuildFacts } from '../../../model/build.ts'
import type { Collected } from '../../../model/collect.ts'
import type { Counts } from '../../../model/counters.ts'
import type { ExecutionKey } from '../../../model/ids.ts'
import type { CommandResult, ExecutionResult, NotRun, OutputFacts, Outcome } from '../../../model/result.ts'
import type { Exit, Sample } from '../../../model/sample.ts'

const executionKey = message<ExecutionKey>('ExecutionKey', {
  job: field(1, jobId),
  task: field(2, taskName),
  worker: field(3, peerId),
  attempt: field(4, uint({ max: 999_999_999 }))
})

export const exit = union<Exit, 'kind'>('Exit', 'kind', {
  code: variant(1, { code: field(1, uint({ max: 255 })) }),
  signal: variant(2, { signal: field(1, text({ max: 32 })) })
})

export const limitName = oneOf('LimitName', LIMIT_NAMES)

const sample = message<Sample>('Sample', {
  command: field(1, commandIndex),
  run: field(2, uint({ max: MAX_RUNS })),
  startNs: field(3, nanos),
  wallNs: field(4, nanos),
  cpuNs: field(5, nanos),
  userNs: field(6, nanos),
  systemNs: field(7, nanos),
  minorFaults: field(8, count),
  majorFaults: field(9, count),
  voluntarySwitches: field(10, count),
  involuntarySwitches: field(11, count),
  exit: field(12, exit),
  limit: optional(13, limitName),
  leftovers: field(14, count),
  memoryBytes: optional(15, size),
  counters: optional(16, message<Counts>('Counts', {
    instructions: optional(1, count),
    cycles: optional(2, count),
    branchMisses: optional(3, count),
    cacheMisses: optional(4, count)
  }))
})

const notRun = message<NotRun>('NotRun', {
  code: field(1, oneOf('NotRunCode', ['not-found', 'not-executable', 'wrong-architecture', 'missing-loader', 'missing-library', 'missing-interpreter', 'empty-file', 'sandbox', 'internal'] as const)),
  message: field(2, sentence)
})

const outputFacts = message<OutputFacts>('OutputFacts', {
  stdoutDigest: field(1, digest),
  stdoutBytes: field(2, size),
  stderrBytes: field(3, size),
  same: field(4, bool),
  truncated: field(5, bool)
})

const commandResult = message<CommandResult>('CommandResult', {
  command: field(1, commandIndex),
  samples: list(2, sample, MAX_RUNS),
  warmups: field(3, uint({ max: MAX_RUNS })),
  memoryBytes: optional(4, size),
  memoryMethod: field(5, memoryMethod),
  cpuMethod: field(6, cpuMethod),
  output: optional(7, outputFacts),
  notRun: optional(8, notRun),
  program: optional(9, message<NonNullable<CommandResult['program']>>('ProgramFile', { path: field(1, text({ max: 4096 })), digest: field(2, digest) })),
  reached: optional(10, double)
})

export const collected = message<Collected>('Collected', { payload: optional(1, payloadManifest), skipped: list(2, sentence, MAX_COLLECT_FILES) })

const OUTCOMES: readonly Outcome[] = ['done', 'failed', 'limit', 'not-run', 'cancelled', 'interrupted']

export const outcome = oneOf('Outcome', OUTCOMES)

export const executionResult = message<ExecutionResult>('ExecutionResult', {
  key: field(1, executionKey),
  outcome: field(2, outcome),
  reason: optional(3, sentence),
  commands: list(4, commandResult, MAX_COMMANDS),
  sandbox: optional(5, sandboxFacts),
  start: optional(6, message<NonNullable<ExecutionResult['start']>>('CommonStart', { simultaneous: field(1, bool), skewNs: field(2, int), errorNs: optional(3, nanos) })),
  startedAt: field(7, millis),
  finishedAt: field(8, millis),
  waitedMs: field(9, millis),
  noise: optional(10, message<NonNullable<ExecutionResult['noise']>>('Noise', { grade: field(1, noiseGrade), reasons: list(2, sentence, 32) })),
  limits: optional(11, limits),
  environment: optionalList(12, sentence, 32),
  quietWaitMs: optional(13, millis),
  cores: optionalList(14, processor, MAX_PROCESSORS),
  noCounters: optional(15, sentence),
  collected: optional(16, collected),
  build: optional(17, message<BuildFacts>('BuildFacts', { compiler: optional(1, sentence), wallMs: field(2, millis), cached: field(3, bool) }))
})

/** As it is kept in journals. */
export const resultCodec = codec('result', executionResult)

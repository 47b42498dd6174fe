import { MeshmarkError } from '../model/errors.ts'
import type { AnyJobOptions, CompareOptions, CompareSpec, EachSpec, ExecSpec, JobOptions, JobSpec, MapSpec, MeasureOptions, RunSpec } from './options.ts'

/** Every key of `T`: the compiler sees that none is missing. */
type Keys<T> = Record<keyof T, true>

const ANY: Keys<AnyJobOptions> = {
  files: true,
  data: true,
  collect: true,
  collectMax: true,
  name: true,
  id: true,
  replicas: true,
  priority: true,
  deadline: true
}

const JOB: Keys<JobOptions> = {
  ...ANY,
  on: true,
  where: true,
  require: true,
  stdin: true,
  env: true,
  shell: true,
  variant: true,
  build: true,
  buildTimeout: true,
  buildMemory: true,
  retryLost: true,
  timeout: true,
  cpuTime: true,
  memory: true,
  processes: true,
  outputLimit: true,
  fileLimit: true,
  tmpLimit: true,
  tmpFiles: true,
  openFiles: true
}

const MEASURE: Keys<MeasureOptions> = {
  ...JOB,
  runs: true,
  warmup: true,
  minRuns: true,
  maxRuns: true,
  precision: true,
  budget: true,
  commandNames: true,
  parameters: true,
  setup: true,
  prepare: true,
  conclude: true,
  cleanup: true,
  ignoreFailure: true,
  coldCache: true,
  counters: true,
  quietWait: true
}

const COMPARE: Keys<CompareOptions> = { ...MEASURE, metric: true, margin: true, failIfSlower: true, failIfUndecided: true }
const RUN_SPEC: Keys<RunSpec> = { ...MEASURE, kind: true, commands: true }
const COMPARE_SPEC: Keys<CompareSpec> = { ...COMPARE, kind: true, commands: true }
const EXEC_SPEC: Keys<ExecSpec> = { ...JOB, kind: true, command: true, retry: true }
const EACH_SPEC: Keys<EachSpec> = { ...EXEC_SPEC, items: true }
const MAP_SPEC: Keys<MapSpec> = { ...ANY, kind: true, map: true }

const KEYS: Record<JobSpec['kind'], object> = { run: RUN_SPEC, compare: COMPARE_SPEC, exec: EXEC_SPEC, each: EACH_SPEC, map: MAP_SPEC }

/** Throws `usage` for a key that a job of this kind does not have: an option that is misspelt must not be passed over. */
export function checkKeys (spec: JobSpec): void {
  const known: object | undefined = Object.hasOwn(KEYS, spec.kind) ? KEYS[spec.kind] : undefined

  if (known == null) {
    throw new MeshmarkError('usage', `kind '${String(spec.kind)}' of job is none of ${Object.keys(KEYS).join(', ')}`)
  }

  const unknown = Object.keys(spec).find(key => !Object.hasOwn(known, key))

  if (unknown != null) {
    throw new MeshmarkError('usage', `unknown option '${unknown}' of a job of kind ${spec.kind}: it can have ${Object.keys(known).join(', ')}`)
  }
}

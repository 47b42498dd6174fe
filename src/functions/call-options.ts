import { MeshmarkError } from '../model/errors.ts'
import { MAX_PRIORITY } from '../model/job.ts'
import { LIMIT_KEYS } from '../model/limits.ts'
import { DEFAULT_BACKOFF_MS, DEFAULT_MAX_BACKOFF_MS } from '../model/restart.ts'
import { parseSize } from '../model/units.ts'
import { LIMIT_OPTIONS, parseLimit } from '../roles/client/draft/limit-options.ts'
import { readPlacement } from '../roles/client/draft/placement.ts'
import { DEFAULT_RESULT_BYTES } from './layout.ts'
import type { Job } from '../model/job.ts'
import type { Limits, SomeLimits } from '../model/limits.ts'
import type { CallOptions } from './types.ts'

/** What functions print beside a result that uses its bound up. */
const PRINTED_BYTES = 16 * 1024 * 1024

/** Options as their jobs have them. */
export interface CallRules extends Pick<CallOptions, 'onOutput' | 'signal'>, Pick<Job, 'name' | 'env' | 'placement' | 'retry' | 'priority'> {
  limits: SomeLimits
  /** Bytes that an encoded result may have. */
  resultBytes: number
}

const NAMES = {
  wallMs: 'timeout',
  cpuMs: 'cpuTime',
  memoryBytes: 'memory',
  processes: 'processes',
  outputBytes: 'outputLimit',
  fileBytes: 'fileLimit',
  tmpBytes: 'tmpLimit',
  tmpInodes: 'tmpFiles',
  openFiles: 'openFiles'
} as const satisfies Record<keyof Limits, keyof CallOptions>

const OTHERS = ['resultLimit', 'where', 'retry', 'priority', 'name', 'env', 'onOutput', 'signal'] satisfies Array<keyof CallOptions>

/** Throws `usage` for what no job can have, and for options that there are not. */
export function readCallOptions (options: CallOptions): CallRules {
  const known: readonly string[] = [...Object.values(NAMES), ...OTHERS]
  const stranger = Object.keys(options).find(key => !known.includes(key))

  if (stranger != null) {
    throw new MeshmarkError('usage', `distribute has no option '${stranger}': it has mesh, modules, files, ${known.join(', ')}`)
  }

  const asked: SomeLimits = Object.fromEntries(LIMIT_KEYS.flatMap(key => {
    const value = options[NAMES[key]]

    return value == null ? [] : [[key, parseLimit(key, LIMIT_OPTIONS[key].job, String(value))]]
  }))
  const resultBytes = Math.min(readResultLimit(options.resultLimit), asked.outputBytes ?? Infinity)

  return {
    name: readName(options.name),
    env: { ...options.env },
    limits: { ...asked, outputBytes: asked.outputBytes ?? resultBytes + PRINTED_BYTES },
    resultBytes,
    placement: readPlacement('any', wheresOf(options.where)),
    retry: readRetry(options.retry),
    priority: readPriority(options.priority),
    onOutput: options.onOutput,
    signal: options.signal
  }
}

function readResultLimit (limit: CallOptions['resultLimit']): number {
  const bytes = limit == null ? DEFAULT_RESULT_BYTES : parseSize(String(limit), 'resultLimit')

  if (bytes < 1) {
    throw new MeshmarkError('usage', `resultLimit '${limit}' must be more than nothing: write e.g. '64M'`)
  }

  return bytes
}

function wheresOf (where: CallOptions['where'] = []): string[] {
  return typeof where === 'string' ? [where] : Array.isArray(where) ? [...where] : Object.entries(where).map(([key, value]) => `${key}=${value}`)
}

function readRetry (retry: CallOptions['retry']): Job['retry'] {
  if (retry == null || retry === 0) {
    return undefined
  }

  if (typeof retry === 'number' && !(Number.isSafeInteger(retry) && retry > 0)) {
    throw new MeshmarkError('usage', `retry must say how many times more, not ${retry}: write e.g. retry: 2`)
  }

  return typeof retry === 'number' ? { when: 'on-failure', max: retry, backoffMs: DEFAULT_BACKOFF_MS, maxBackoffMs: DEFAULT_MAX_BACKOFF_MS } : retry
}

function readPriority (priority: number | undefined): number | undefined {
  if (priority != null && !(Number.isSafeInteger(priority) && Math.abs(priority) <= MAX_PRIORITY)) {
    throw new MeshmarkError('usage', `priority must be a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}, not ${priority}`)
  }

  return priority
}

function readName (name: string | undefined): string | undefined {
  if (name != null && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw new MeshmarkError('usage', `name '${name}' must be at most 64 letters, digits, dots, dashes or underscores`)
  }

  return name
}

import { MeshmarkError } from '../../../model/errors.ts'
import { MAX_PRIORITY } from '../../../model/job.ts'
import { DEFAULT_BACKOFF_MS, DEFAULT_MAX_BACKOFF_MS } from '../../../model/restart.ts'
import { MAX_JOB_MS, parseCount, parseDuration } from '../../../model/units.ts'
import type { RestartRule } from '../../../model/restart.ts'

const MAX_RETRIES = 1_000

/** `3`, or `3:10s`: after a failure so many times more, the first time after so long. */
export function readRetry (text: string): RestartRule {
  const [count = '', ...rest] = text.split(':')
  const max = parseCount(count, '--retry', 1, MAX_RETRIES)
  const backoffMs = rest.length === 0 ? DEFAULT_BACKOFF_MS : parseDuration(rest.join(':'), '--retry', MAX_JOB_MS)

  return { when: 'on-failure', max, backoffMs, maxBackoffMs: Math.max(DEFAULT_MAX_BACKOFF_MS, backoffMs) }
}

/** -100 to 100. */
export function readPriority (text: string): number {
  const value = Number(text)

  if (!/^-?\d+$/.test(text) || Math.abs(value) > MAX_PRIORITY) {
    throw new MeshmarkError('usage', `--priority '${text}' is not a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}`)
  }

  // -0 is one to nobody but a comparison
  return value === 0 ? 0 : value
}

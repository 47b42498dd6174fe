import { MeshmarkError } from '../../../model/errors.ts'
import { formatLimit, LIMIT_KEYS, LIMIT_RULES, type Limits, type SomeLimits } from '../../../model/limits.ts'
import { parseCount, parseDuration, parseSize } from '../../../model/units.ts'

/** How a limit is asked for, how a worker bounds it, and what it limits. */
export const LIMIT_OPTIONS: Readonly<Record<keyof Limits, { job: string, worker: string, about: string }>> = {
  wallMs: { job: '--timeout', worker: '--max-wall', about: 'wall time' },
  cpuMs: { job: '--cpu-time', worker: '--max-cpu-time', about: 'CPU time of all its processes together' },
  memoryBytes: { job: '--memory', worker: '--max-memory', about: 'memory of all its processes together' },
  processes: { job: '--processes', worker: '--max-processes', about: 'processes and threads at once' },
  outputBytes: { job: '--output-limit', worker: '--max-output', about: 'what it may print' },
  fileBytes: { job: '--file-limit', worker: '--max-file', about: 'the largest file it may write' },
  tmpBytes: { job: '--tmp-limit', worker: '--max-tmp', about: 'what it may keep in its folder and /tmp' },
  tmpInodes: { job: '--tmp-files', worker: '--max-tmp-files', about: 'how many files it may keep there' },
  openFiles: { job: '--open-files', worker: '--max-open-files', about: 'files open at once, for each process' }
}

export function limitsOf (options: object): SomeLimits {
  return read(options, key => LIMIT_OPTIONS[key].job)
}

export function ceilingsOf (options: object): SomeLimits {
  return read(options, key => LIMIT_OPTIONS[key].worker)
}

export function parseLimit (key: keyof Limits, option: string, text: string): number {
  const { unit, min, max } = LIMIT_RULES[key]

  if (unit === 'count') {
    return parseCount(text, option, min, max)
  }

  const value = unit === 'duration' ? Math.round(parseDuration(text, option)) : parseSize(text, option)

  if (value <= 0) {
    throw new MeshmarkError('usage', `${option} '${text}' must be more than nothing`)
  }

  if (value < min || value > max) {
    throw new MeshmarkError('usage', `${option} '${text}' is ${value < min ? 'less than the least' : 'more than the most'} that can be asked for, ${formatLimit(key, value < min ? min : max)}`)
  }

  return value
}

/** Those that were given, from commander's object. */
function read (options: object, optionOf: (key: keyof Limits) => string): SomeLimits {
  return Object.fromEntries(LIMIT_KEYS.flatMap(key => {
    const value: unknown = (options as Record<string, unknown>)[attributeName(optionOf(key))]

    return typeof value === 'number' ? [[key, value]] : []
  }))
}

/** As commander makes it: --tmp-files is tmpFiles. */
function attributeName (option: string): string {
  return option.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

import { limitsAsked } from '../model/task-commands.ts'
import { LIMIT_KEYS, LIMIT_RULES, formatLimit } from '../model/limits.ts'
import { DEFAULT_QUIET_MS } from '../model/plan.ts'
import { counted, printable } from '../model/text.ts'
import { formatBytes, formatDuration } from '../model/units.ts'
import type { JobPlan, PlannedWorker, PlanPart } from '../model/job-plan.ts'
import type { Job } from '../model/job.ts'
import type { Limits } from '../model/limits.ts'

/** What of a job the lines tell, beside its plan. */
export type PlannedJob = Pick<Job, 'kind' | 'commands' | 'plan' | 'limits' | 'map' | 'retry' | 'priority' | 'deadlineMs' | 'quietMs'>

const NAMED = 10

const PARTS: Record<PlanPart, string> = { 'at-once': 'at once', later: 'later', refused: 'not run', none: 'not meant' }

/** A plan for people, in lines; what is the same of several workers is said once. */
export function planLines (plan: JobPlan, job: PlannedJob): string[] {
  const { tasks, workers, ahead } = plan
  const first = workers.filter(({ part }) => part === 'at-once')
  const lines: Array<[string, string]> = [
    ...workerLines(workers, job),
    ...(ahead === 0 ? [] : [['before it', `${counted(ahead, 'task')} of yours that ${ahead === 1 ? 'is' : 'are'} queued`] as [string, string]]),
    ['sent', sentWords(plan)],
    ['runs', runWords(job)],
    ...limitLines(workers, job),
    ...(job.retry == null ? [] : [['retry', `${job.retry.max == null ? 'without an end' : `up to ${job.retry.max} times`}, the first time after ${formatDuration(job.retry.backoffMs)}`] as [string, string]]),
    ...(job.priority == null ? [] : [['priority', String(job.priority)] as [string, string]]),
    ...(job.deadlineMs == null ? [] : [['deadline', `${formatDuration(job.deadlineMs)} after it is accepted`] as [string, string]])
  ]
  const width = Math.max(...lines.map(([head]) => head.length))

  return [
    `nothing is submitted: ${counted(tasks, 'task')}, ${first.length} of ${counted(workers.length, 'worker')} would be given something at once`,
    ...lines.map(([head, text]) => `  ${head.padEnd(width)}  ${printable(text, 2_000)}`)
  ]
}

/** `at once: lab-1, lab-2`; those of one reason together. */
function workerLines (workers: readonly PlannedWorker[], { kind }: PlannedJob): Array<[string, string]> {
  const groups = new Map<string, { part: PlanPart, reason?: string, names: string[] }>()

  for (const { name, part, reason } of workers) {
    const key = `${part} ${reason ?? ''}`
    const group = groups.get(key) ?? { part, reason, names: [] }

    group.names.push(name)
    groups.set(key, group)
  }

  const order = Object.keys(PARTS)
  const isTogether = kind === 'run' && workers.filter(({ part, tasks }) => part === 'at-once' && tasks != null).length > 1
  const isAnyOf = workers.some(({ part, tasks }) => part === 'at-once' && tasks == null)

  return [...groups.values()].sort((a, b) => order.indexOf(a.part) - order.indexOf(b.part) || b.names.length - a.names.length).map(({ part, reason, names }) => [
    PARTS[part],
    names.slice(0, NAMED).join(', ') + (names.length > NAMED ? ` and ${names.length - NAMED} more` : '') +
      (reason != null ? `: ${reason}` : part !== 'at-once' ? '' : isTogether ? ' (they start together)' : isAnyOf && names.length > 1 ? ' (whichever answers first)' : '')
  ])
}

function sentWords ({ payloads }: JobPlan): string {
  return payloads.length === 0
    ? 'no file'
    : payloads.map(({ name, files, bytes, isThere }) => `${name == null ? '' : `${name}: `}${counted(files, 'file')}, ${formatBytes(bytes)}${isThere ? ' (the master has it already)' : ''}`).join('; ')
}

function runWords ({ kind, plan, commands, map, quietMs = DEFAULT_QUIET_MS }: PlannedJob): string {
  const quiet = kind === 'run' && quietMs > 0 ? `; each worker waits up to ${formatDuration(quietMs)} for a quiet machine first` : ''

  switch (plan.kind) {
    case 'once':
      return map == null ? 'once' : `each command once, ${counted(map.lists.length, 'list')}`
    case 'fixed':
      return `${counted(plan.runs, 'run')}${warmup(plan.warmup)} of ${counted(commands.length, 'command')} on each worker${quiet}`
    case 'precision':
      return `of ${counted(commands.length, 'command')} on each worker until they are known to ±${Number((plan.precision * 100).toPrecision(3))} %, for ${formatDuration(plan.budgetMs)} each at most${plan.minRuns > 1 ? `, at least ${plan.minRuns}` : ''}${warmup(plan.warmup)}${quiet}`
  }
}

function warmup (runs: number): string {
  return runs === 0 ? '' : ` after ${runs} to warm up`
}

/** Those that are asked for, and those that are not the same everywhere. */
function limitLines (workers: readonly PlannedWorker[], job: PlannedJob): Array<[string, string]> {
  const groups = new Map<string, string[]>()
  const all = workers.flatMap(({ limits }) => limits ?? [])
  const asked = limitsAsked(job)
  const shown = LIMIT_KEYS.filter(key => key === 'wallMs' || key === 'memoryBytes' || asked[key] != null || new Set(all.map(limits => limits[key])).size > 1)

  for (const { name, limits } of workers) {
    if (limits != null) {
      const words = limitWords(limits, shown)

      groups.set(words, [...groups.get(words) ?? [], name])
    }
  }

  return [...groups].slice(0, NAMED).map(([words, names]) => ['limits', groups.size === 1 ? words : `${words}: ${names.slice(0, NAMED).join(', ')}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ''}`])
}

function limitWords (limits: Limits, keys: ReadonlyArray<keyof Limits>): string {
  return keys.flatMap(key => limits[key] == null ? [] : [`${formatLimit(key, limits[key])} of ${LIMIT_RULES[key].of}`]).join(', ')
}

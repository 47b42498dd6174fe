import { MeshmarkError } from '../../model/errors.ts'
import { commandTitle } from '../../model/job.ts'
import { shortJobId } from '../../model/ids.ts'
import { oneLine } from '../rows.ts'
import { windowOf } from '../activity.ts'
import { busyChart } from './busy.ts'
import { comparisonChart } from './comparison.ts'
import { distributionChart } from './distribution.ts'
import { loadChart } from './load.ts'
import { measuredOf, measuredOfSet } from './measured.ts'
import { numericParameter, scalingChart } from './scaling.ts'
import { throughputChart } from './throughput.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { ProfileChange } from '../../model/profile.ts'
import type { Load } from '../load.ts'
import type { Profile } from '../profile-file.ts'
import type { ResultSet } from '../result-sets.ts'
import type { Kind } from './kinds.ts'
import type { Look, Spec } from './look.ts'
import type { Measured } from './measured.ts'

/** What is to be drawn: the jobs of one picture, results of files, or a recording. */
export interface Subject {
  jobs: FinishedJob[]
  sets: ResultSet[]
  profile?: Profile
  /** What a recording is of: clients that were set on the mesh on purpose. */
  load?: Load
}

/** The one that says most about it. */
export function usualKind ({ jobs, sets, profile, load }: Subject): Kind {
  const [only] = jobs

  if (load != null && load.grid.length > 1) {
    return 'scaling'
  }

  if (profile != null) {
    return 'busy'
  }

  if (jobs.length !== 1 || sets.length > 0 || only == null) {
    return 'distribution'
  }

  if (only.job.comparison != null) {
    return 'comparison'
  }

  if (only.job.each != null || only.job.map != null) {
    return 'busy'
  }

  return numericParameter(measuredOf(only)) == null ? 'distribution' : 'scaling'
}

/** @param title - instead of the usual one */
export function chart (kind: Kind, subject: Subject, look: Look, title?: string): Spec {
  const { jobs, sets } = subject

  switch (kind) {
    case 'busy':
      return busyChart(recordingOf(subject), title ?? `Who was busy: ${titleOf(subject)}`, look)
    case 'throughput':
      return throughputChart(recordingOf(subject), title ?? `Tasks over time: ${titleOf(subject)}`, look)
    case 'comparison':
      if (jobs.length !== 1 || sets.length > 0) {
        throw new MeshmarkError('usage', '--kind comparison draws one job of meshmark compare: name one job')
      }

      return comparisonChart(jobs[0]!, title ?? titleOf(subject), look)
    case 'distribution':
      return distributionChart(allMeasured(subject), title ?? titleOf(subject), look)
    case 'scaling':
      return subject.load == null
        ? scalingChart(allMeasured(subject), title ?? titleOf(subject), look)
        : loadChart(subject.load, title ?? titleOf(subject), look)
  }
}

function allMeasured ({ jobs, sets, profile }: Subject): Measured[] {
  if (jobs.length + sets.length === 0) {
    throw new MeshmarkError('usage', `${profile == null ? 'nothing' : 'a recording'} holds no single runs: name a job or a file of results, or choose --kind busy or throughput`)
  }

  const isOne = jobs.length + sets.length === 1

  return [
    ...jobs.flatMap(job => measuredOf(job, isOne ? undefined : labelOf(job))),
    ...sets.flatMap(set => measuredOfSet(set, !isOne))
  ]
}

/** When the tasks of jobs ran, by their workers' own records. */
function recordingOf ({ jobs, profile }: Subject): Profile {
  if (profile != null) {
    return profile
  }

  const changes = jobs.flatMap(({ workers }) => workers.flatMap(({ info, task, result }): ProfileChange[] => result == null
    ? []
    : [{ kind: 'task', atMs: result.finishedAt, worker: info.peerId, workerName: info.name, outcome: result.outcome, startedAtMs: result.startedAt, endedAtMs: result.finishedAt, job: result.key.job, task }]))
  const window = windowOf(changes)

  if (window == null) {
    throw new MeshmarkError('usage', jobs.length === 0 ? 'a file of results does not say when what ran: name a job, or --profile FILE' : 'nothing of it has run yet: there is nothing to draw')
  }

  return { ...window, changes }
}

function titleOf ({ jobs, sets, profile, load }: Subject): string {
  const [job] = jobs

  if (load != null) {
    return `${load.command} under load`
  }

  if (job != null && jobs.length === 1 && sets.length === 0) {
    const { id, name, commands, each, comparison } = job.job
    const titles = commands.map(command => oneLine(commandTitle(command)))
    const what = comparison != null ? `${titles.slice(1).join(', ')} against ${titles[0] ?? ''}` : `${titles[0] ?? ''}${titles.length > 1 ? ` and ${titles.length - 1} more` : ''}`

    return `${what}${each == null ? '' : `, ${each.items.length} items`} · job ${shortJobId(id)}${name == null ? '' : ` (${name})`}`
  }

  return jobs.length + sets.length > 0
    ? [...jobs.map(labelOf), ...sets.map(({ label }) => label)].join(', ')
    : profile == null ? 'nothing' : 'all workers'
}

function labelOf ({ job: { id, name, commands } }: FinishedJob): string {
  return `${name ?? oneLine(commandTitle(commands[0] ?? { argv: [] }))} (${shortJobId(id)})`
}

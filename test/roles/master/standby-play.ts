import { executionId, parseExecutionId } from '../../../src/model/ids.ts'
import { freezeTargets } from '../../../src/roles/master/coordinator/targets.ts'
import { exampleJob, Play, workerInfo } from './fixtures.ts'
import type { Job } from '../../../src/model/job.ts'
import type { Outcome } from '../../../src/model/result.ts'
import type { CoordinatorEffect, TaskEntry } from '../../../src/roles/master/coordinator/state.ts'

/** One task for any worker. */
export const JOB = exampleJob(1)

/** A standby that knows these workers. */
export function standby (...names: string[]): Play {
  const play = new Play('standby')
  names.forEach(name => play.register(workerInfo(name)))

  return play
}

/** The facts of a job, as another master writes them. */
export function learn (play: Play, job: Job, ...assigned: string[]): void {
  play.step({ kind: 'restore', job, acceptedAtMs: 5, targets: freezeTargets(play.state, job), ended: [], assigned: assigned.map(parseExecutionId), cancelled: false })
}

export function task (play: Play, job = JOB, name = 'any'): TaskEntry {
  return play.state.jobs.get(job.id)!.tasks.get(name)!
}

export function reign (play: Play): CoordinatorEffect[] {
  return play.step({ kind: 'reign' })
}

/** Every worker says that nothing runs there. */
export function allSpeak (play: Play): CoordinatorEffect[] {
  return [...play.state.workers.keys()].flatMap(worker => play.step({ kind: 'worker-state', worker, state: 'waiting', sinceMs: 0 }))
}

export function result (play: Play, worker: string, outcome: Outcome = 'done', attempt = 0): CoordinatorEffect[] {
  return play.step({ kind: 'result', key: { job: JOB.id, task: 'any', worker: `12D3${worker}`, attempt }, outcome })
}

/** Its execution by this worker. */
export const at = (worker: string, attempt = 0): string => executionId({ job: JOB.id, task: 'any', worker: `12D3${worker}`, attempt })

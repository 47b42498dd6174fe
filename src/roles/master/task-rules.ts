import { isCollectedPath, MAX_COLLECT_FILES, MAX_SKIPPED } from '../../model/collect.ts'
import { toError } from '../../model/errors.ts'
import { parseExecutionId } from '../../model/ids.ts'
import { DEFAULT_LIMITS } from '../../model/limits.ts'
import { payloadSize } from '../../model/payload.ts'
import { validateManifest } from '../../node/payload/manifest.ts'
import type { TaskComponents } from './task-handler.ts'
import type { Job } from '../../model/job.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { TaskState } from '../../model/states.ts'
import type { Peer } from '../../node/mesh-node.ts'

/** Why a master does not take this execution from that worker; undefined when it does. */
export async function refuse (execution: string, peer: Peer, { coordinator, jobs }: Pick<TaskComponents, 'coordinator' | 'jobs'>): Promise<string | undefined> {
  const key = parseExecutionId(execution)

  if (key.worker !== peer.id) {
    return 'this execution is another worker\'s'
  }

  // it may be of a job that counts as over
  await coordinator.recall(key.job)

  const task = coordinator.state.jobs.get(key.job)?.tasks.get(key.task)

  if (task == null) {
    return 'no such job here'
  }

  if (task.target != null && task.target !== peer.id) {
    return 'this task is for another worker'
  }

  // a journal restored from a backup may lack the assignment: the worker has been asked again then, and has said that it ran
  const isThere = task.worker === peer.id && task.attempt === key.attempt && !task.prepared && AT_ITS_WORKER.includes(task.state)

  if (!isThere && !await jobs.isAssigned(execution)) {
    coordinator.dispatch({ kind: 'worker-holds', worker: peer.id, execution, nowMs: Date.now() })

    return 'this execution was never given to this worker'
  }
}

const AT_ITS_WORKER: readonly TaskState[] = ['starting', 'running', 'cancelling']

/** A measured run keeps this much of each stream, and a box passes on pieces that may go a little beyond the limit. */
const KEPT_BYTES = 64 * 1024

/** Bytes of both streams that an honest worker can have, at most. */
export function maxOutput ({ kind, commands, plan, limits }: Job): number {
  const runs = plan.kind === 'once' ? 1 : plan.warmup + (plan.kind === 'fixed' ? plan.runs : plan.maxRuns)

  return (kind === 'exec' ? limits.outputBytes ?? DEFAULT_LIMITS.outputBytes : 0) + 2 * KEPT_BYTES * commands.length * (runs + 1)
}

/** Files that a record speaks of must be such as the job asks for; says what is wrong with them. */
export function strayFiles ({ collected }: ExecutionResult, { collect }: Pick<Job, 'collect'>): string | undefined {
  if (collected == null) {
    return undefined
  }

  const { payload, skipped } = collected

  if (collect == null || skipped.length > MAX_SKIPPED) {
    return 'the result is of files that the job does not ask for'
  }

  if (payload == null) {
    return undefined
  }

  try {
    validateManifest(payload)
  } catch (err) {
    return toError(err).message
  }

  return payload.files.length > MAX_COLLECT_FILES || payloadSize(payload) > collect.maxBytes || payload.files.some(({ path }) => !isCollectedPath(path))
    ? 'the result is of more files, or others, than the job asks for'
    : undefined
}

/** A record may speak of the job's commands only; says which other one it speaks of. */
export function strayCommand (result: ExecutionResult, { commands }: Pick<Job, 'commands'>): string | undefined {
  const stray = result.commands.flatMap(({ command, samples }) => [command, ...samples.map(sample => sample.command)]).find(command => command >= commands.length)

  return stray == null ? undefined : `the result is of command ${stray}, and the job has ${commands.length}`
}

import { choice, record } from '../shape.ts'
import { peerId, whole } from '../check.ts'
import * as pb from './pb/common.ts'
import type { Role } from '../../../model/roles.ts'
import type { WorkerState } from '../../../model/states.ts'

/** Small shapes of several protocols. */

export const role = choice<Role, pb.Role>({
  master: pb.Role.ROLE_MASTER,
  worker: pb.Role.ROLE_WORKER,
  client: pb.Role.ROLE_CLIENT,
  admin: pb.Role.ROLE_ADMIN
})

export const outputStream = choice<'stdout' | 'stderr', pb.OutputStream>({
  stdout: pb.OutputStream.OUTPUT_STREAM_STDOUT,
  stderr: pb.OutputStream.OUTPUT_STREAM_STDERR
})

export const phase = choice<'waiting-for-machine' | 'running', pb.Phase>({
  'waiting-for-machine': pb.Phase.PHASE_WAITING_FOR_MACHINE,
  running: pb.Phase.PHASE_RUNNING
})

export const workerState = choice<WorkerState, pb.WorkerState>({
  waiting: pb.WorkerState.WORKER_STATE_WAITING,
  reserved: pb.WorkerState.WORKER_STATE_RESERVED,
  running: pb.WorkerState.WORKER_STATE_RUNNING,
  'failed, restarting': pb.WorkerState.WORKER_STATE_FAILED_RESTARTING,
  'finished, delivering': pb.WorkerState.WORKER_STATE_FINISHED_DELIVERING,
  draining: pb.WorkerState.WORKER_STATE_DRAINING,
  lost: pb.WorkerState.WORKER_STATE_LOST
})

/** A coordinator's reign: Claim of the register protocol. */
export const claim = record<{ term: number, master: string }, pb.Claim>({ term: whole(), master: peerId })

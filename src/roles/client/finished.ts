import type { FinishedJob } from '../../model/finished.ts'
import type { WorkerInfo } from '../../model/machine.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { JobView, SubmitReply, TaskView } from '../../node/protocol/submit/messages.ts'

/** What came of a job, as the master tells it. */
export interface JobOutcome {
  view: JobView
  /** By task. */
  results: Map<string, ExecutionResult>
}

/** The workers' own records among the events of a job. */
export function resultsOf (events: readonly SubmitReply[]): Map<string, ExecutionResult> {
  return new Map(events.flatMap(event => event.kind === 'result' ? [[event.task, event.result] as const] : []))
}

/** In the form that every rendering takes. */
export function finishedJob ({ view, results }: JobOutcome): FinishedJob {
  return {
    job: view.job,
    workers: view.tasks.map(task => ({
      info: task.info ?? unknownWorker(task),
      task: task.task,
      state: task.state,
      ...(task.reason == null ? {} : { reason: task.reason }),
      ...(results.has(task.task) ? { result: results.get(task.task) } : {}),
      ...(task.simultaneous == null ? {} : { simultaneous: task.simultaneous }),
      ...(task.duplicates == null ? {} : { duplicates: task.duplicates.map(({ workerName, outcome, conflict }) => ({ workerName, outcome, ...(conflict === true ? { conflict } : {}) })) })
    })),
    ...(view.startSkewNs == null ? {} : { startSkewNs: view.startSkewNs })
  }
}

/** A target has a row even when nobody knows more of it than its name. */
function unknownWorker (task: TaskView): WorkerInfo {
  return {
    peerId: task.worker ?? '',
    name: task.workerName === '' ? '(no worker yet)' : task.workerName,
    resources: { machineId: '', platform: '', arch: '', cpuModel: '', cores: 0, memoryBytes: 0, kernel: '', os: '', nodeVersion: '' },
    labels: {}
  }
}

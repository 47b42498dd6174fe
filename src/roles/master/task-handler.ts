import { MeshmarkError } from '../../model/errors.ts'
import { executionId, parseExecutionId } from '../../model/ids.ts'
import { task as taskProtocol } from '../../node/protocol/task/index.ts'
import { resultEvent } from './fact-feed.ts'
import { handleResults } from './results-handler.ts'
import { maxOutput, refuse, strayCommand, strayFiles } from './task-rules.ts'
import type { CollectedFiles } from './collected-files.ts'
import type { Coordinator } from './coordinator.ts'
import type { JobStore } from './job-store.ts'
import type { Outputs } from './outputs.ts'
import type { Output } from '../output.ts'
import type { Watchers } from './watchers.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { OutputStream, TaskConfirm, TaskReport } from '../../node/protocol/task/messages.ts'

export interface TaskComponents {
  node: MeshNode
  jobs: JobStore
  outputs: Outputs
  files: CollectedFiles
  coordinator: Coordinator
  watchers: Watchers
  log: (line: string) => void
}

/**
 * Takes what workers deliver: short executions as a whole (results-handler.ts), of others one stream an execution:
 *
 * 1. begin: is this execution known here, and this worker's? Tell what is here already.
 * 2. output, in order and without gaps, to disk; each confirmed
 * 3. the result: its files are asked for, which come by another stream before it is said again; then
 *    output and record fsynced, then `stored`, then everybody hears of it
 */
export function handleTasks (components: TaskComponents): void {
  components.node.handle(taskProtocol, async (channel, peer) => serve(channel, peer, components))
  handleResults(components)
}

async function serve (channel: Channel<TaskReport, TaskConfirm>, peer: Peer, components: TaskComponents): Promise<void> {
  const begin = await channel.receive()

  if (begin?.kind !== 'begin') {
    throw new MeshmarkError('refused', 'a delivery begins with the execution it is of')
  }

  const { execution } = begin

  if (components.jobs.isBuried(parseExecutionId(execution).job)) {
    await channel.send({ kind: 'unwanted' })
    return
  }

  const refusal = await refuse(execution, peer, components)

  if (refusal != null) {
    await channel.send({ kind: 'refused', reason: refusal })
    return
  }

  const { job, task } = parseExecutionId(execution)
  const entry = components.coordinator.state.jobs.get(job)!
  const output = await components.outputs.of(execution)
  // once it has come to its end nothing is added; its record alone may have come from another master
  const maxBytes = await components.jobs.hasOutput(execution) ? 0 : maxOutput(entry.job)

  await channel.send({ kind: 'resume', stdout: output.size('stdout'), stderr: output.size('stderr') })

  for (let report = await channel.receive(); report != null; report = await channel.receive()) {
    switch (report.kind) {
      case 'begin':
        throw new MeshmarkError('refused', 'a delivery begins once')
      case 'phase':
        if (entry.finishedAtMs == null) {
          components.watchers.phase(job, task, report)
        }
        break
      case 'progress':
        if (report.command >= entry.job.commands.length) {
          throw new MeshmarkError('refused', `progress of command ${report.command}, and the job has ${entry.job.commands.length}`)
        }

        if (entry.finishedAtMs == null) {
          components.watchers.progress(job, task, report)
        }
        break
      case 'output':
        if (report.offset + report.data.byteLength > Math.max(output.size(report.stream), maxBytes - output.size(other(report.stream)))) {
          throw new MeshmarkError('refused', maxBytes === 0 ? 'the output of a finished execution does not grow' : 'more output than the job allows')
        }

        await output.appendAt(report.stream, report.offset, report.data)
        await channel.send({ kind: 'taken', stdout: output.size('stdout'), stderr: output.size('stderr') })
        break
      case 'result':
        check(report, execution, components, output)

        if (await components.files.isWanted(report.result)) {
          await channel.send({ kind: 'want-files' })
          break
        }

        await store(report, execution, components, output)
        await channel.send({ kind: 'stored' })
        return
    }
  }
}

function other (stream: OutputStream): OutputStream {
  return stream === 'stdout' ? 'stderr' : 'stdout'
}

function check (report: Extract<TaskReport, { kind: 'result' }>, execution: string, { coordinator }: TaskComponents, output: Output): void {
  const result: ExecutionResult = report.result

  if (executionId(result.key) !== execution) {
    throw new MeshmarkError('refused', 'the result names another execution')
  }

  const job = coordinator.state.jobs.get(result.key.job)?.job
  const stray = strayCommand(result, { commands: job?.commands ?? [] }) ?? strayFiles(result, job ?? {})

  if (stray != null) {
    throw new MeshmarkError('refused', stray)
  }

  if (output.size('stdout') !== report.stdoutBytes || output.size('stderr') !== report.stderrBytes) {
    throw new MeshmarkError('refused', 'the result came before all of its output')
  }
}

async function store ({ result }: Extract<TaskReport, { kind: 'result' }>, execution: string, { jobs, coordinator }: TaskComponents, output: Output): Promise<void> {
  await output.sync()
  await jobs.addResult(result)
  await jobs.endOutput(execution)

  // of two different records the replica may have kept the other one as that which counts
  coordinator.dispatch(resultEvent(await jobs.result(execution) ?? result))
}

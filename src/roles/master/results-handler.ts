import { isMeshmarkError, toError } from '../../model/errors.ts'
import { executionId } from '../../model/ids.ts'
import { results as resultsProtocol } from '../../node/protocol/results/index.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import { resultEvent } from './fact-feed.ts'
import { maxOutput, refuse, strayCommand, strayFiles } from './task-rules.ts'
import type { TaskComponents } from './task-handler.ts'
import type { Peer } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { Finished, Receipt, Receipts, Results } from '../../node/protocol/results/messages.ts'
import { printable } from '../../model/text.ts'

/**
 * Takes what workers deliver of short executions, many at a time: all of a
 * message at once, so that their records share an fsync, and one message after
 * the other.
 */
export function handleResults (components: TaskComponents): void {
  components.node.handle(resultsProtocol, async (channel, peer) => serve(channel, peer, components))
}

async function serve (channel: Channel<Results, Receipts>, peer: Peer, components: TaskComponents): Promise<void> {
  for (let message = await channel.receive(); message != null; message = await channel.receive()) {
    const receipts = await Promise.all(message.finished.map(async finished => take(finished, peer, components)))

    await channel.send({ kind: 'receipts', receipts })
  }
}

/** What is wrong with one is no other's affair. */
async function take (finished: Finished, peer: Peer, components: TaskComponents): Promise<Receipt> {
  const execution = executionId(finished.result.key)

  try {
    if (components.jobs.isBuried(finished.result.key.job)) {
      return { kind: 'unwanted', execution }
    }

    const refusal = await refuse(execution, peer, components) ?? problemOf(finished, components)

    if (refusal != null) {
      return { kind: 'refused', execution, reason: refusal }
    }

    await store(finished, execution, components)

    return { kind: 'stored', execution }
  } catch (err) {
    if (!isMeshmarkError(err)) {
      components.log(`the result of execution ${execution} was not taken: ${toError(err).message}`)
    }

    return { kind: 'refused', execution, reason: printable(toError(err).message, 500) }
  }
}

function problemOf ({ result, stdout, stderr }: Finished, { coordinator }: TaskComponents): string | undefined {
  const job = coordinator.state.jobs.get(result.key.job)?.job

  if (job == null) {
    return 'no such job here'
  }

  // what has files goes by another way
  const stray = strayCommand(result, job) ?? strayFiles(result, job) ?? (result.collected?.payload == null ? undefined : 'its files must come first')

  return stray ?? (stdout.byteLength + stderr.byteLength > maxOutput(job) ? 'more output than the job allows' : undefined)
}

async function store (finished: Finished, execution: string, { jobs, outputs, coordinator }: TaskComponents): Promise<void> {
  const { result } = finished

  // once it has come to its end nothing is added; its record alone may have come from another master
  if (finished.stdout.byteLength + finished.stderr.byteLength > 0 && !await jobs.hasOutput(execution)) {
    await outputs.use(execution, async output => {
      for (const stream of OUTPUT_STREAMS) {
        await output.appendAt(stream, 0, finished[stream])
      }

      await output.sync()
    })
  }

  await Promise.all([jobs.addResult(result), jobs.endOutput(execution)])

  // of two different records the replica may have kept the other one as that which counts
  coordinator.dispatch(resultEvent(await jobs.result(execution) ?? result))
}

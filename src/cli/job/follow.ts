import type { ExecutionResult } from '../../model/result.ts'
import { isJobId, shortJobId } from '../../model/ids.ts'
import type { JobView, SubmitReply } from '../../node/protocol/submit/messages.ts'
import type { Client } from '../../roles/client/types.ts'
import { WAITING } from '../common/connect.ts'
import { note, type Context } from '../common/context.ts'
import { catchInterrupts, type Interrupts } from '../common/interrupts.ts'
import { typed } from '../common/program-name.ts'
import { showProgress } from '../progress/progress.ts'

/** A second Ctrl-C within this time cancels the job. */
const SECOND_INTERRUPT_MS = 2_000

export type OutputEvent = Extract<SubmitReply, { kind: 'output' }>

export interface FollowOptions {
  /** Called for every piece of output, in order; what it returns is awaited. */
  onOutput?: (event: OutputEvent) => Promise<void>
  /** Whether progress is shown. */
  progress: boolean
}

/** How following a job ended. */
export type Followed =
  | { kind: 'finished', view: JobView, results: Map<string, ExecutionResult> }
  /** The user left; the job goes on, or was cancelled. */
  | { kind: 'left', exitCode: number }

/** Gets a job accepted or names one, and says how to find it. */
export type Begin = (signal: AbortSignal, say: (text: string) => void) => Promise<string>

/**
 * Follows a job to its end:
 * 1. `begin` submits it, or names one that exists,
 * 2. events are shown as progress, output is handed on, results are kept,
 * 3. a first Ctrl-C leaves the job to itself, a second one cancels it.
 */
export async function followJob (client: Client, begin: Begin, context: Context, options: FollowOptions): Promise<Followed> {
  const progress = showProgress(options.progress ? context : { ...context, quiet: true })
  const results = new Map<string, ExecutionResult>()

  const ended = await followEvents(client, begin, context, {
    attach: (selector, signal) => client.attach(selector, { output: options.onOutput != null, signal }),
    progress: options.progress ? progress : { ...progress, note: text => { note(context, text) } },
    take: async event => {
      progress.take(event)

      if (event.kind === 'output') {
        // Moving lines would tear the program's own output apart.
        progress.stop()
        await options.onOutput?.(event)
      } else if (event.kind === 'result') {
        results.set(event.task, event.result)
      }
    }
  })

  return ended.kind === 'finished' ? { ...ended, results } : ended
}

export interface EventsOptions {
  attach: (selector: string, signal: AbortSignal) => AsyncIterable<SubmitReply>
  progress: { say: (text: string) => void, note: (text: string) => void, stop: () => void }
  /** Called for every event, in order, and awaited. */
  take: (event: SubmitReply) => Promise<void>
}

/** The frame of following any job: it begins, events come until its end, or Ctrl-C leaves it. */
export async function followEvents (client: Client, begin: Begin, context: Context, { attach, progress, take }: EventsOptions): Promise<{ kind: 'finished', view: JobView } | Extract<Followed, { kind: 'left' }>> {
  const interrupts = catchInterrupts(context.signals)
  let selector: string | undefined
  let isOurs = false

  // moving lines must not be torn apart
  client.onWaiting = () => { progress.note(WAITING) }

  try {
    selector = await begin(interrupts.detached, progress.say)

    for await (const event of attach(selector, interrupts.detached)) {
      // what cannot be written here is no reason for the job to end
      await take(event).catch(err => {
        isOurs = true
        throw err
      })

      if (event.kind === 'job') {
        // From now on the very job that was found: @last may be another one a moment later.
        selector = event.view.job.id
      } else if (event.kind === 'end') {
        return { kind: 'finished', view: event.view }
      }
    }

    if (!interrupts.detached.aborted) {
      throw new Error(`the master stopped telling about job ${shortJobId(selector)} before its end: see ${typed(`meshmark attach ${shortJobId(selector)}`)}`)
    }
  } catch (err) {
    if (!interrupts.detached.aborted) {
      if (isOurs && selector != null) {
        progress.note(`job ${shortOf(selector)} goes on: ${typed(`meshmark attach ${shortOf(selector)}`)}`)
      }

      throw err
    }
  } finally {
    progress.stop()

    if (!interrupts.detached.aborted) {
      interrupts.stop()
    }
  }

  try {
    return { kind: 'left', exitCode: await leave(client, selector, context, interrupts) }
  } finally {
    interrupts.stop()
  }
}

function shortOf (selector: string): string {
  return isJobId(selector) ? shortJobId(selector) : selector
}

async function leave (client: Client, selector: string | undefined, context: Context, interrupts: Interrupts): Promise<number> {
  if (selector == null) {
    context.stderr.write('meshmark: stopped before the job was accepted\n')

    return interrupts.exitCode()
  }

  const id = shortOf(selector)

  context.stderr.write(`detached: job ${id} goes on. Follow it with ${typed(`meshmark attach ${id}`)}, cancel it with ${typed(`meshmark cancel ${id}`)}, or press Ctrl-C again to cancel it now\n`)

  if (await interrupts.again(SECOND_INTERRUPT_MS)) {
    const { pending } = await client.cancel(selector)

    context.stderr.write(pending.length === 0
      ? `job ${id} is cancelled\n`
      : `job ${id} is cancelled; ${pending.join(', ')} will hear of it when back\n`)
  }

  return interrupts.exitCode()
}

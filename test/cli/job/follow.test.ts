import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { followJob } from '../../../src/cli/job/follow.ts'
import type { Client } from '../../../src/roles/client/types.ts'
import type { SubmitReply } from '../../../src/node/protocol/submit/messages.ts'
import { executionResult, jobView, JOB_ID, taskView } from '../fixtures.ts'
import { testContext, type TestContext } from '../helpers.ts'

const VIEW = jobView([taskView('w1')])

/** A client whose mesh says what is written here, and then, unless that was the end, nothing until it is left. */
function clientSaying (events: SubmitReply[], cancelled: string[] = []): Client {
  const partial: Partial<Client> = {
    attach: async function * (_, { signal } = {}) {
      yield * events

      if (events.at(-1)?.kind !== 'end' && signal?.aborted === false) {
        await once(signal, 'abort')
      }

      signal?.throwIfAborted()
    },
    cancel: async selector => {
      cancelled.push(selector)

      return { id: JOB_ID, pending: ['pi'] }
    }
  }

  return partial as Client
}

/** Lets the loop run until it waits for the mesh again. */
async function untilListening (context: TestContext): Promise<void> {
  while (context.signals.listenerCount('SIGINT') === 0) {
    await setImmediate()
  }
}

describe('following a job', () => {
  it('ends with the results of every worker', async () => {
    const result = executionResult({})
    const view = jobView([taskView('w1', { state: 'done' })], { state: 'finished' })
    const followed = await followJob(clientSaying([{ kind: 'job', view: VIEW }, { kind: 'result', task: 'w1', result }, { kind: 'end', view }]), async () => JOB_ID, testContext(), { progress: true })

    expect(followed).toEqual({ kind: 'finished', view, results: new Map([['w1', result]]) })
  })

  it('hands output on in order, one piece at a time', async () => {
    const pieces = ['a', 'b', 'c'].map((text, offset): SubmitReply => ({ kind: 'output', execution: 'e', task: 'w1', stream: 'stdout', offset, data: Buffer.from(text) }))
    let open = 0
    let text = ''

    await followJob(clientSaying([...pieces, { kind: 'end', view: VIEW }]), async () => JOB_ID, testContext(), {
      progress: true,
      onOutput: async ({ data }) => {
        expect(open++).toBe(0)
        await setImmediate()
        open--
        text += Buffer.from(data).toString()
      }
    })

    expect(text).toBe('abc')
  })

  it('leaves the job to itself at a first Ctrl-C, and says how to find it', async () => {
    const context = testContext()
    const cancelled: string[] = []
    const following = followJob(clientSaying([{ kind: 'job', view: VIEW }], cancelled), async () => JOB_ID, context, { progress: true })

    await untilListening(context)
    context.signals.emit('SIGINT')

    expect(await following).toEqual({ kind: 'left', exitCode: 130 })
    expect(context.err()).toContain('meshmark attach q7x2m9ka, cancel it with meshmark cancel q7x2m9ka')
    expect(cancelled).toEqual([])
    expect(context.signals.listenerCount('SIGINT')).toBe(0)
  })

  it('cancels it at a second, and names whom the word has not reached', async () => {
    const context = testContext()
    const cancelled: string[] = []
    const following = followJob(clientSaying([{ kind: 'job', view: VIEW }], cancelled), async () => JOB_ID, context, { progress: true })

    await untilListening(context)
    context.signals.emit('SIGINT')
    context.signals.emit('SIGINT')

    expect(await following).toEqual({ kind: 'left', exitCode: 130 })
    expect(cancelled).toEqual([JOB_ID])
    expect(context.err()).toContain('cancelled; pi will hear of it when back')
  })

  it('detaches at once when it is told to end', async () => {
    const context = testContext()
    const following = followJob(clientSaying([{ kind: 'job', view: VIEW }]), async () => JOB_ID, context, { progress: true })

    await untilListening(context)
    context.signals.emit('SIGTERM')

    expect(await following).toEqual({ kind: 'left', exitCode: 143 })
  })

  it('says so when Ctrl-C came before the job was accepted', async () => {
    const context = testContext()
    const following = followJob(clientSaying([]), async signal => {
      await once(signal, 'abort')
      signal.throwIfAborted()

      return JOB_ID
    }, context, { progress: true })

    await untilListening(context)
    context.signals.emit('SIGINT')

    expect(await following).toEqual({ kind: 'left', exitCode: 130 })
    expect(context.err()).toContain('stopped before the job was accepted')
  })

  it('passes an error of the mesh on, and gives Ctrl-C back', async () => {
    const context = testContext()

    await expect(followJob(clientSaying([]), async () => { throw new Error('refused') }, context, { progress: true })).rejects.toThrow('refused')
    expect(context.signals.listenerCount('SIGINT')).toBe(0)
  })
})

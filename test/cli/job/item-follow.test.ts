import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { followItems } from '../../../src/cli/job/item-follow.ts'
import type { Client } from '../../../src/roles/client/types.ts'
import type { ItemEnd, SubmitReply } from '../../../src/node/protocol/submit/messages.ts'
import { JOB_ID, jobView } from '../fixtures.ts'
import { testContext } from '../helpers.ts'

const VIEW = jobView([], { counts: [{ state: 'queued', count: 3 }] })

function end (counts: Array<[state: 'done' | 'failed' | 'lost', count: number]>): SubmitReply {
  return { kind: 'end', view: jobView([], { counts: counts.map(([state, count]) => ({ state, count })) }) }
}

function item (task: number, values: Partial<ItemEnd> = {}): ItemEnd {
  return { task: String(task), execution: `e${task}`, workerName: 'lab-01', state: 'done', stdoutBytes: values.stdout?.byteLength ?? 0, stderrBytes: values.stderr?.byteLength ?? 0, ...values }
}

function clientSaying (events: SubmitReply[]): Client {
  const partial: Partial<Client> = {
    attachItems: async function * (_, { signal } = {}) {
      yield * events

      if (events.at(-1)?.kind !== 'end' && signal?.aborted === false) {
        await once(signal, 'abort')
      }

      signal?.throwIfAborted()
    }
  }

  return partial as Client
}

const ITEMS = ['alpha', 'beta', 'gamma']

describe('following items', () => {
  it('prints what each printed as it comes, and ends with 0 when all succeeded', async () => {
    const context = testContext()
    const code = await followItems(clientSaying([
      { kind: 'job', view: VIEW },
      { kind: 'items', items: [item(2, { stdout: Buffer.from('two\n') }), item(1, { stdout: Buffer.from('one\n'), stderr: Buffer.from('hm\n') })] },
      { kind: 'items', items: [item(3, { stdoutBytes: 6 })] },
      { kind: 'output', execution: 'e3', task: '3', stream: 'stdout', offset: 0, data: Buffer.from('thr') },
      { kind: 'output', execution: 'e3', task: '3', stream: 'stdout', offset: 3, data: Buffer.from('ee\n') },
      end([['done', 3]])
    ]), async () => JOB_ID, context, { ordered: false, items: ITEMS })

    expect(context.out()).toBe('two\none\nthree\n')
    expect(context.err()).toBe('hm\n')
    expect(code).toBe(0)
  })

  it('names those that failed, and says how', async () => {
    const context = testContext()
    const code = await followItems(clientSaying([
      { kind: 'job', view: VIEW },
      { kind: 'items', items: [item(1), item(2, { state: 'failed', exit: { kind: 'code', code: 3 } }), item(3, { state: 'limit', limit: 'wall', reason: 'ran longer than 1 s' })] },
      end([['done', 1], ['failed', 2]])
    ]), async () => JOB_ID, context, { ordered: false, items: ITEMS })

    expect(context.err()).toBe("meshmark: 2 of 3 items failed\n  item 2 'beta': exit 3 on lab-01\n  item 3 'gamma': wall limit on lab-01: ran longer than 1 s\n")
    expect(code).toBe(1)
  })

  it('names twenty, and where the others are', async () => {
    const context = testContext()

    await followItems(clientSaying([
      { kind: 'job', view: VIEW },
      { kind: 'items', items: Array.from({ length: 1_000 }, (_, number) => item(number + 1, { state: 'failed', exit: { kind: 'signal', signal: 'SIGSEGV' } })) },
      end([['failed', 1_000]])
    ]), async () => JOB_ID, context, { ordered: false, items: ITEMS })

    expect(context.err().trim().split('\n')).toHaveLength(22)
    expect(context.err()).toContain('  item 20: SIGSEGV on lab-01\n  and 980 more: meshmark show q7x2m9ka\n')
  })

  it('is no success when an item was lost without an end', async () => {
    expect(await followItems(clientSaying([{ kind: 'job', view: VIEW }, end([['done', 2], ['lost', 1]])]), async () => JOB_ID, testContext(), { ordered: false })).toBe(1)
  })

  it('takes its moving line away before it prints', async () => {
    const context = testContext({ terminal: true })

    await followItems(clientSaying([{ kind: 'job', view: VIEW }, { kind: 'items', items: [item(1, { stdout: Buffer.from('x') })] }, end([['done', 1]])]), async (_, say) => {
      say('submitting')

      return JOB_ID
    }, context, { ordered: false })

    expect(context.err()).toBe('\r\x1b[Ksubmitting\r\x1b[K')
    expect(context.out()).toBe('x')
  })

  it('leaves the job to itself at Ctrl-C', async () => {
    const context = testContext()
    const following = followItems(clientSaying([{ kind: 'job', view: VIEW }]), async () => JOB_ID, context, { ordered: false })

    while (context.signals.listenerCount('SIGINT') === 0) {
      await setImmediate()
    }

    context.signals.emit('SIGINT')
    expect(await following).toBe(130)
    expect(context.err()).toContain('meshmark attach q7x2m9ka')
  })
})

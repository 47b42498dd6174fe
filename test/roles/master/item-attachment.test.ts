import '../../../src/node/polyfill.ts'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { streamPair } from '@libp2p/utils'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { executionId } from '../../../src/model/ids.ts'
import { StreamChannel } from '../../../src/node/channel.ts'
import { submit } from '../../../src/node/protocol/submit/index.ts'
import { ItemReplay } from '../../../src/roles/client/item-replay.ts'
import { emptyCoordinator } from '../../../src/roles/master/coordinator/state.ts'
import { stepCoordinator } from '../../../src/roles/master/coordinator/step.ts'
import { ItemAttachment } from '../../../src/roles/master/item-attachment.ts'
import { Outputs } from '../../../src/roles/master/outputs.ts'
import { Watchers } from '../../../src/roles/master/watchers.ts'
import { firstAddress, TestMesh } from '../../node/mesh.ts'
import { useTemporaryDir } from '../../store/child.ts'
import { executionResult, sample } from '../../cli/fixtures.ts'
import { exampleJob } from './fixtures.ts'
import type { ExecutionKey } from '../../../src/model/ids.ts'
import type { Job } from '../../../src/model/job.ts'
import type { ExecutionResult, Outcome } from '../../../src/model/result.ts'
import type { CoordinatorEvent, CoordinatorState, JobEntry } from '../../../src/roles/master/coordinator/state.ts'
import type { Channel } from '../../../src/node/protocol/protocol.ts'
import type { SubmitReply, SubmitRequest } from '../../../src/node/protocol/submit/messages.ts'

const WORKER = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
const dir = useTemporaryDir()
let outputs: Outputs

beforeEach(async () => { outputs = await Outputs.open(join(dir(), 'outputs')) })
afterEach(async () => { await outputs.close() })

/** One master's side of a job with items: what is on its disk, and who follows. */
class ItemJob {
  readonly state: CoordinatorState = emptyCoordinator()
  readonly watchers = new Watchers()
  readonly results = new Map<string, ExecutionResult>()
  readonly job: Job
  /** Bytes of output that were read from the disk for clients. */
  read = 0

  constructor (size: number) {
    this.job = exampleJob(1, { client: WORKER, payload: undefined, each: { items: Array.from({ length: size }, (_, number) => `item ${number + 1}`) } })
    this.#step({ kind: 'restore', job: this.job, acceptedAtMs: 1, targets: this.job.each!.items.map((_, number) => ({ task: String(number + 1) })), ended: [], assigned: [], cancelled: false, nowMs: 1 })
  }

  get entry (): JobEntry {
    return this.state.jobs.get(this.job.id)!
  }

  async ends (task: number, output: string, outcome: Outcome = 'done'): Promise<void> {
    const key: ExecutionKey = { job: this.job.id, task: String(task), worker: WORKER, attempt: 0 }
    const execution = executionId(key)

    await outputs.use(execution, async file => file.append('stdout', Buffer.from(output)))
    this.results.set(execution, executionResult({ key, outcome, samples: [sample({ exit: { kind: 'code', code: outcome === 'done' ? 0 : 1 } })] }))
    this.#step({ kind: 'result', key, outcome, nowMs: 2 })
    this.watchers.task(this.job.id, key.task, true)

    if (this.entry.finishedAtMs != null) {
      this.watchers.end(this.job.id)
    }
  }

  /** A client's stream, on which nobody reads yet, and the end of the following. */
  async follow (request: Partial<Extract<SubmitRequest, { kind: 'attach-items' }>> = {}): Promise<{ client: StreamChannel<SubmitReply, SubmitRequest>, following: Promise<void>, leave: AbortController }> {
    const [near, far] = await streamPair()
    const limits = { peer: 'other', name: 'submit', maxMessage: submit.maxMessage }
    const master = new StreamChannel<SubmitRequest, SubmitReply>(near, { ...limits, incoming: submit.request, outgoing: submit.reply })
    const client = new StreamChannel<SubmitReply, SubmitRequest>(far, { ...limits, incoming: submit.reply, outgoing: submit.request })
    const leave = new AbortController()

    return { client, following: this.attachment(master, request).follow(leave.signal), leave }
  }

  attachment (master: Channel<SubmitRequest, SubmitReply>, request: Partial<Extract<SubmitRequest, { kind: 'attach-items' }>> = {}): ItemAttachment {
    return new ItemAttachment({
      jobs: { result: async execution => this.results.get(execution) },
      outputs: {
        read: async (...args) => {
          const data = await outputs.read(...args)

          this.read += data.byteLength

          return data
        },
        use: async (execution, use) => outputs.use(execution, async output => {
          const result = await use(output)

          this.read += Math.min(output.size('stdout'), 64 * 1024)

          return result
        })
      },
      missingOutput: { fetch: async () => {} },
      watchers: this.watchers
    }, this.entry, master, { kind: 'attach-items', selector: this.job.id, follow: true, ordered: false, texts: false, told: new Uint8Array(0), offsets: [], ...request })
  }

  #step (event: CoordinatorEvent): void {
    stepCoordinator(this.state, event)
  }
}

/** Reads to the end; what each item printed, in the order in which it came. */
async function readAll (client: Channel<SubmitReply, SubmitRequest>, replay = new ItemReplay()): Promise<{ printed: Map<string, string>, replies: SubmitReply[] }> {
  const printed = new Map<string, string>()
  const replies: SubmitReply[] = []

  for (let reply = await client.receive(); reply != null; reply = await client.receive()) {
    const fresh = replay.take(reply)

    replies.push(reply)

    for (const item of fresh?.kind === 'items' ? fresh.items : []) {
      printed.set(item.task, Buffer.from(item.stdout ?? '').toString())
    }

    if (fresh?.kind === 'output') {
      printed.set(fresh.task, (printed.get(fresh.task) ?? '') + Buffer.from(fresh.data).toString())
    }

    if (reply.kind === 'end') {
      break
    }
  }

  return { printed, replies }
}

/** Until nothing more happens that does not wait for the client: as long as work goes on, the disk is read. */
async function whenStill (job: ItemJob): Promise<void> {
  for (let [quiet, before] = [0, -1]; quiet < 200; quiet++) {
    await setImmediate()
    quiet = job.read === before ? quiet : 0
    before = job.read
  }
}

describe('following the items of a job', () => {
  it('tells each that has ended or ends, once, with what it printed', async () => {
    const job = new ItemJob(5)

    await job.ends(2, 'two')
    await job.ends(4, '')

    const { client, following } = await job.follow()
    const reading = readAll(client)

    await job.ends(1, 'one')
    await job.ends(5, 'five', 'failed')
    await job.ends(3, 'x'.repeat(1_000_000))
    await following

    const { printed, replies } = await reading

    expect([...printed].sort()).toEqual([['1', 'one'], ['2', 'two'], ['3', 'x'.repeat(1_000_000)], ['4', ''], ['5', 'five']])
    expect(replies.filter(({ kind }) => kind === 'items').flatMap(reply => reply.kind === 'items' ? reply.items.map(({ task }) => task) : []).sort()).toEqual(['1', '2', '3', '4', '5'])
    expect(replies.at(-1)).toMatchObject({ kind: 'end', view: { tasks: [], job: { each: { items: [] } }, counts: expect.arrayContaining([{ state: 'done', count: 4 }, { state: 'failed', count: 1 }]) } })
  })

  it('keeps the order of the items where it is asked for', async () => {
    const job = new ItemJob(4)

    await job.ends(3, 'c')

    const { client, following } = await job.follow({ ordered: true })
    const reading = readAll(client)

    for (const [task, output] of [[4, 'd'], [1, 'a'], [2, 'b']] as const) {
      await job.ends(task, output)
    }

    await following
    expect([...(await reading).printed]).toEqual([['1', 'a'], ['2', 'b'], ['3', 'c'], ['4', 'd']])
  })

  it('goes on where the client has got to', async () => {
    const job = new ItemJob(3)
    const replay = new ItemReplay()
    const long = 'abcdefghij'.repeat(60_000)

    await job.ends(1, 'one')
    await job.ends(2, long)
    await job.ends(3, 'three')

    const first = await job.follow()
    let begun = ''

    for (let reply = await first.client.receive(); ; reply = await first.client.receive()) {
      const fresh = replay.take(reply!)

      if (fresh?.kind === 'output') {
        begun = Buffer.from(fresh.data).toString()
        break
      }
    }

    first.client.abort(new Error('its master is gone'))
    await first.following.catch(() => {})

    const second = await job.follow(replay.position())
    const { printed } = await readAll(second.client, replay)

    await second.following
    expect(begun.length).toBeGreaterThan(0)
    expect(begun + printed.get('2')).toBe(long)
    expect([...printed.keys()]).toEqual(['2', '3'])
  })

  it('holds next to nothing for a client that does not read, and gives it all when it does', async () => {
    const job = new ItemJob(400)
    const output = 'y'.repeat(50_000)
    const mesh = await TestMesh.create()
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])
    const followed = Promise.withResolvers<void>()

    master.handle(submit, async channel => job.attachment(channel).follow(new AbortController().signal).then(followed.resolve, followed.reject))
    await client.connect(firstAddress(master))

    const channel = await client.openChannel(master.peerId, submit)

    await channel.send({ kind: 'nodes' })

    for (let task = 1; task <= 400; task++) {
      await job.ends(task, output)
    }

    await whenStill(job)
    // of 20 MB: what fills the windows of the stream and the buffers of the kernel, and one message
    expect(job.read).toBeLessThan(4_000_000)

    const { printed } = await readAll(channel)

    await followed.promise
    expect(printed.size).toBe(400)
    expect([...printed.values()].every(text => text === output)).toBe(true)
    await mesh.stop()
  })

  it('ends when the client leaves', async () => {
    const job = new ItemJob(2)
    const { client, following, leave } = await job.follow()

    await client.receive()
    leave.abort(new Error('it has left'))
    await expect(following).rejects.toThrow('it has left')
  })
})

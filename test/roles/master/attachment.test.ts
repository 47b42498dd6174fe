import '../../../src/node/polyfill.ts'
import { join } from 'node:path'
import { streamPair } from '@libp2p/utils'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { executionId } from '../../../src/model/ids.ts'
import { StreamChannel } from '../../../src/node/channel.ts'
import { submit } from '../../../src/node/protocol/submit/index.ts'
import { Replay } from '../../../src/roles/client/replay.ts'
import { Attachment } from '../../../src/roles/master/attachment.ts'
import { emptyCoordinator } from '../../../src/roles/master/coordinator/state.ts'
import { stepCoordinator } from '../../../src/roles/master/coordinator/step.ts'
import { Outputs } from '../../../src/roles/master/outputs.ts'
import { Watchers } from '../../../src/roles/master/watchers.ts'
import { executionResult, sample } from '../../cli/fixtures.ts'
import { useTemporaryDir } from '../../store/child.ts'
import { exampleJob } from './fixtures.ts'
import type { SubmitReply, SubmitRequest } from '../../../src/node/protocol/submit/messages.ts'

const WORKER = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
const JOB = exampleJob(1, { client: WORKER, payload: undefined })
const KEY = { job: JOB.id, task: '1', worker: WORKER, attempt: 0 }
const EXECUTION = executionId(KEY)
const dir = useTemporaryDir()
let outputs: Outputs

beforeEach(async () => { outputs = await Outputs.open(join(dir(), 'outputs')) })
afterEach(async () => { await outputs.close() })

/** A job whose one task is under way; what it prints and how it ends is said by a test. */
class RunningJob {
  readonly #state = emptyCoordinator()
  readonly #watchers = new Watchers()
  #result?: ReturnType<typeof executionResult>

  constructor () {
    stepCoordinator(this.#state, { kind: 'restore', job: JOB, acceptedAtMs: 1, targets: [{ task: KEY.task }], ended: [], assigned: [KEY], cancelled: false, nowMs: 1 })
  }

  async prints (text: string): Promise<void> {
    await outputs.use(EXECUTION, async output => output.append('stdout', Buffer.from(text)))
    this.#watchers.output(JOB.id, EXECUTION)
  }

  ends (): void {
    this.#result = executionResult({ key: KEY, outcome: 'done', samples: [sample({})] })
    stepCoordinator(this.#state, { kind: 'result', key: KEY, outcome: 'done', nowMs: 2 })
    this.#watchers.task(JOB.id, KEY.task, true)
    this.#watchers.end(JOB.id)
  }

  /** Everything that whoever follows is told, to the end. */
  async * follow (request: Partial<Extract<SubmitRequest, { kind: 'attach' }>>): AsyncGenerator<SubmitReply> {
    const [near, far] = await streamPair()
    const limits = { peer: 'other', name: 'submit', maxMessage: submit.maxMessage }
    const master = new StreamChannel<SubmitRequest, SubmitReply>(near, { ...limits, incoming: submit.request, outgoing: submit.reply })
    const client = new StreamChannel<SubmitReply, SubmitRequest>(far, { ...limits, incoming: submit.reply, outgoing: submit.request })
    const components = { jobs: { result: async () => this.#result, conflicting: async () => [] }, outputs, missingOutput: { fetch: async () => {} }, watchers: this.#watchers }
    const following = new Attachment(components, this.#state.jobs.get(JOB.id)!, master, { kind: 'attach', selector: JOB.id, output: true, offsets: [], follow: true, ...request }).follow(true, new AbortController().signal)

    for (let reply = await client.receive(); reply != null; reply = await client.receive()) {
      yield reply

      if (reply.kind === 'end') {
        break
      }
    }

    await following
  }
}

/** What was told of the output, and where it began. */
async function read (job: RunningJob, replay: Replay, request: Partial<Extract<SubmitRequest, { kind: 'attach' }>>, whenTold: (text: string) => Promise<void>): Promise<{ from?: number, text: string }> {
  let from: number | undefined
  let text = ''

  for await (const reply of job.follow(request)) {
    const fresh = replay.take(reply)

    if (fresh?.kind === 'job') {
      await whenTold('')
    } else if (fresh?.kind === 'output') {
      from ??= fresh.offset
      text += Buffer.from(fresh.data).toString()
      await whenTold(text)
    }
  }

  return { from, text }
}

describe('following a job that has printed much', () => {
  const early = Array.from({ length: 100_000 }, (_, at) => `early ${at}\n`).join('')
  const late = 'late\n'.repeat(200)

  it.each([
    ['all of it', {}, new Replay(), 0],
    ['its end where that is enough', { tail: 100 }, new Replay([], true), early.length - 100],
    ['what came after that which is there already', { tail: 100, offsets: [{ execution: EXECUTION, stream: 'stdout' as const, offset: 50_000 }] }, new Replay([{ execution: EXECUTION, stream: 'stdout', offset: 50_000 }], true), 50_000]
  ])('tells %s, and then everything', async (_, request, replay, from) => {
    const job = new RunningJob()
    const expected = early.slice(from)

    await outputs.use(EXECUTION, async output => output.append('stdout', Buffer.from(early)))

    const told = await read(job, replay, request, async text => {
      if (text === '') {
        await job.prints('')
      } else if (text === expected) {
        await job.prints(late)
      } else if (text === expected + late) {
        job.ends()
      }
    })

    expect(told.from).toBe(from)
    expect(told.text === expected + late).toBe(true)
  })
})

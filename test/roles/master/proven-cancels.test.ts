import '../../../src/node/polyfill.ts'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { seal } from '../../../src/node/membership.ts'
import { encodeJob } from '../../../src/node/protocol/model/index.ts'
import { JOB_DOMAIN } from '../../../src/roles/job-seal.ts'
import { Coordinator } from '../../../src/roles/master/coordinator.ts'
import { JobStore } from '../../../src/roles/master/job-store.ts'
import { ProvenCancels } from '../../../src/roles/master/proven-cancels.ts'
import { Replica } from '../../../src/roles/master/replica/replica.ts'
import { initialSlot } from '../../../src/roles/worker/slot-state.ts'
import { stepSlot } from '../../../src/roles/worker/slot-step.ts'
import { ContentStore } from '../../../src/store/content.ts'
import { Journal } from '../../../src/store/journal.ts'
import { useTemporaryDir } from '../../store/child.ts'
import { exampleJob, workerInfo } from './fixtures.ts'
import type { PrivateKey } from '@libp2p/interface'
import type { Job } from '../../../src/model/job.ts'
import type { TaskState } from '../../../src/model/states.ts'
import type { CancelWord, SlotReply, SlotRequest } from '../../../src/node/protocol/slot/messages.ts'

const MESH = '12D3KooWMesh'
const WORKER = '12D3a'
const dir = useTemporaryDir()

let gone: PrivateKey
let other: PrivateKey
/** Of the master that ordered the cancel, and is gone. */
let master: string
let word: CancelWord

const idOf = (key: PrivateKey): string => peerIdFromPrivateKey(key).toString()

function provenBy (identity: PrivateKey, { masters = [master], meshId = MESH } = {}): ProvenCancels {
  return new ProvenCancels({ identity, meshId, master: idOf(identity), isMaster: peer => masters.includes(peer) })
}

beforeAll(async () => {
  [gone, other] = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')])
  master = idOf(gone)
  word = { master, proof: await provenBy(gone).prove(exampleJob(1).id) }
})

describe('the proof of a cancel', () => {
  it('holds for its job and its mesh, with the signature of a master, and for nothing else', async () => {
    const { id } = exampleJob(1)

    expect(await provenBy(other).holds(id, word)).toBe(true)
    expect(await provenBy(other).holds(exampleJob(2).id, word)).toBe(false)
    expect(await provenBy(other, { meshId: 'another' }).holds(id, word)).toBe(false)
    expect(await provenBy(other, { masters: [] }).holds(id, word)).toBe(false)
    expect(await provenBy(other).holds(id, {})).toBe(false)
    expect(await provenBy(other).holds(id, { master })).toBe(false)
    expect(await provenBy(other).holds(id, { master, proof: new Uint8Array(64) })).toBe(false)
    // signed by somebody who is none
    expect(await provenBy(other).holds(id, { master: idOf(other), proof: await provenBy(other).prove(id) })).toBe(false)
    expect(await provenBy(other, { masters: ['nobody'] }).holds(id, { ...word, master: 'nobody' })).toBe(false)
  })
})

describe('a coordinator that knows of no cancel', () => {
  let journal: Journal
  let jobs: JobStore
  let coordinator: Coordinator
  let client: PrivateKey

  /** Its worker has been told this of the job. */
  async function begin (told: Iterable<[string, CancelWord]>): Promise<void> {
    journal = await Journal.open(join(dir(), 'journal'))
    client = await generateKeyPair('Ed25519')

    const replica = await Replica.open(journal, { peerId: 'm' })
    const content = await ContentStore.open(join(dir(), 'payloads'), { maxBytes: 1_000 })
    const log = (): void => {}
    let slot = initialSlot({ cancelled: told })
    const masters: any = {
      cancels: provenBy(other),
      live: () => [],
      catchUp: async () => {},
      replicated: async () => ({ on: ['m'], leftOut: [] })
    }
    const node: any = {
      peerId: 'm',
      // the worker's own slot at the other end
      openChannel: async () => {
        const replies: SlotReply[] = []
        let wake = (): void => {}

        return {
          send: async (message: SlotRequest) => {
            const { state, effects } = stepSlot(slot, { kind: 'request', request: 1, from: 'm', message, nowMs: 0, hasPayload: true, start: { job: new Uint8Array(0), measured: false } })

            slot = state
            replies.push(...effects.flatMap(effect => effect.kind === 'reply' ? [{ id: message.id, ...effect.reply }] : []))
            wake()
          },
          receive: async () => {
            while (replies.length === 0) {
              await new Promise<void>(resolve => { wake = resolve })
            }

            return replies.shift()
          },
          abort: () => {}
        }
      }
    }

    jobs = new JobStore({ replica, journal, log })
    coordinator = new Coordinator({ node, replica, jobs, content, payloads: {} as any, masters, log })
    coordinator.reign({ term: 1, master: 'm' })
    coordinator.dispatch({ kind: 'worker-registered', info: workerInfo('a'), holds: [], draining: false, nowMs: Date.now() })
  }

  async function submit (init: Partial<Job>): Promise<Job> {
    const job = exampleJob(1, { client: idOf(client), payload: undefined, ...init })

    await coordinator.accept(job, await seal(client, JOB_DOMAIN, encodeJob(job)))

    return job
  }

  const ended = async (job: Job): Promise<Array<[string, TaskState]>> => new Promise(resolve => {
    const look = (): void => {
      const entry = coordinator.state.jobs.get(job.id)

      if (entry?.finishedAtMs != null) {
        resolve([...entry.tasks.values()].map(({ name, state }) => [name, state]))
      }
    }

    coordinator.listen({ onJobEnd: look })
    look()
  })

  afterEach(async () => {
    await coordinator.stop()
    await journal.close()
  })

  describe.each([
    ['to START', { each: { items: ['x', 'y', 'z'] } }],
    ['to AVAILABLE', { kind: 'run', placement: { on: 'all', where: [] } }]
  ] as Array<[string, Partial<Job>]>)('in an answer %s', (_title, init) => {
    describe('that proves it', () => {
      beforeEach(async () => begin([[exampleJob(1).id, word]]))

      it('cancels all of the job, for good', async () => {
        const job = await submit(init)

        expect(new Set((await ended(job)).map(([, state]) => state))).toEqual(new Set(['cancelled']))
        expect(await jobs.get(job.id)).toMatchObject({ cancelled: true })
      })
    })

    describe('that proves nothing', () => {
      beforeEach(async () => begin([[exampleJob(1).id, { master: idOf(other), proof: new Uint8Array(64) }]]))

      it('cancels nothing', async () => {
        const job = await submit(init)

        if (job.each == null) {
          expect(await ended(job)).toEqual([[WORKER, 'lost']])
        } else {
          await new Promise<void>(resolve => {
            const look = (): void => {
              if (coordinator.state.jobs.get(job.id)?.deniers?.has(WORKER) === true) {
                resolve()
              }
            }

            coordinator.listen({ onTask: look })
            look()
          })
        }

        expect(coordinator.state.jobs.get(job.id)?.cancelled).toBe(false)
        expect(await jobs.get(job.id)).toMatchObject({ cancelled: false })
      })
    })
  })
})

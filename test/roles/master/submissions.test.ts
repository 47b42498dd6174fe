import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MeshmarkError } from '../../../src/model/errors.ts'
import { seal } from '../../../src/node/membership.ts'
import { packFiles } from '../../../src/node/payload/pack.ts'
import { encodeJob } from '../../../src/node/protocol/model/index.ts'
import { submit } from '../../../src/node/protocol/submit/index.ts'
import { JOB_DOMAIN } from '../../../src/roles/job-seal.ts'
import { Archive } from '../../../src/roles/master/archive.ts'
import { Coordinator } from '../../../src/roles/master/coordinator.ts'
import { JobStore } from '../../../src/roles/master/job-store.ts'
import { Payloads } from '../../../src/roles/master/payloads.ts'
import { Replica } from '../../../src/roles/master/replica/replica.ts'
import { SubmitHandler } from '../../../src/roles/master/submit-handler.ts'
import { Uploads } from '../../../src/roles/master/uploads.ts'
import { ContentStore } from '../../../src/store/content.ts'
import { Journal } from '../../../src/store/journal.ts'
import { useTemporaryDir } from '../../store/child.ts'
import { exampleJob, workerInfo } from './fixtures.ts'
import type { Job } from '../../../src/model/job.ts'
import type { SubmitReply } from '../../../src/node/protocol/submit/messages.ts'
import type { PrivateKey } from '@libp2p/interface'

const dir = useTemporaryDir()

/** A master whose network reaches nobody. */
class LonelyMaster {
  live: string[] = []
  known: string[] = []
  /** What those that live have on disk, asked for one time after the other. */
  taken: string[][] = []
  readonly jobs: JobStore
  readonly coordinator: Coordinator
  readonly payloads: Payloads
  readonly #handler: SubmitHandler
  readonly #client: PrivateKey

  constructor (readonly replica: Replica, readonly journal: Journal, content: ContentStore, identity: PrivateKey, client: PrivateKey) {
    const log = (): void => {}
    const node: any = {
      peerId: 'm',
      name: 'm',
      peer: () => undefined,
      openChannel: async () => { throw new MeshmarkError('unreachable', 'nobody is there') }
    }
    const claim = { term: 1, master: 'm' }
    const masters: any = {
      isCoordinator: true,
      claim,
      whenCoordinator: async () => claim,
      live: () => this.live,
      views: () => ['m', ...this.known].map(peerId => ({ peerId })),
      replicated: async () => {
        const on = this.taken.shift() ?? this.live

        return { on: ['m', ...on], leftOut: this.live.filter(name => !on.includes(name)) }
      }
    }
    const uploads = new Uploads({ node, content })
    const payloads = this.payloads = new Payloads({ node, identity, content, uploads, masters, workers: { worker: () => undefined, holders: () => [] }, log })

    this.#client = client
    this.jobs = new JobStore({ replica, journal, log })
    this.coordinator = new Coordinator({ node, replica, jobs: this.jobs, content, payloads, masters, log })
    this.#handler = new SubmitHandler({ node, coordinator: this.coordinator, archive: new Archive({ replica, journal, jobs: this.jobs, coordinator: this.coordinator, log }), masters, principalOf: (peerId: string) => peerId, jobs: this.jobs, content, uploads, payloads, log } as any)
  }

  get client (): string {
    return peerIdFromPrivateKey(this.#client).toString()
  }

  async seal (job: Job): Promise<Uint8Array> {
    return seal(this.#client, JOB_DOMAIN, encodeJob(job))
  }

  async submit (job: Job): Promise<SubmitReply> {
    const request = submit.request.encode({ kind: 'submit', job: await this.seal(job) }).subarray()
    const answer = await this.#handler.relayed({ kind: 'relay', request, client: this.client, clientName: 'c', admin: false, hops: 0 }, { id: 'n' } as any)

    return answer.kind === 'relayed' ? submit.reply.decode(answer.reply) : expect.fail(answer.kind)
  }
}

describe('a submission', () => {
  let master: LonelyMaster

  beforeEach(async () => {
    const journal = await Journal.open(join(dir(), 'journal'))
    const content = await ContentStore.open(join(dir(), 'payloads'), { maxBytes: 1_000_000 })

    master = new LonelyMaster(await Replica.open(journal, { peerId: 'm' }), journal, content, await generateKeyPair('Ed25519'), await generateKeyPair('Ed25519'))
    master.coordinator.dispatch({ kind: 'worker-registered', info: workerInfo('a'), holds: [], draining: false, nowMs: 1 })
  })

  afterEach(async () => {
    await master.coordinator.stop()
    await master.journal.close()
  })

  const job = (init: Partial<Job> = {}): Job => exampleJob(1, { client: master.client, payload: undefined, ...init })

  it('is the same one when it is repeated', async () => {
    expect(await master.submit(job())).toMatchObject({ kind: 'accepted', existing: false })
    expect(await master.submit(job({ submittedAt: 9 }))).toMatchObject({ kind: 'accepted', existing: true })
    expect(await master.submit(job({ env: { A: 'b' } }))).toMatchObject({ kind: 'refused', code: 'conflict' })
  })

  it('is accepted anew when only a part of it had come here before its coordinator died', async () => {
    await master.replica.write([{ key: `job/${job().id}`, value: await master.seal(job()) }])
    expect(await master.submit(job())).toMatchObject({ kind: 'accepted', existing: false })
    expect(master.coordinator.state.jobs.has(job().id)).toBe(true)
    expect(await master.jobs.isAccepted(job().id)).toBe(true)
  })

  it('brings its files again when no master that lives has them', async () => {
    const path = join(dir(), 'file')

    await writeFile(path, 'content')

    const packed = await packFiles([{ source: path, path: 'file' }])

    await packed.close()

    const withFiles = job({ payload: packed.manifest })

    await master.jobs.accept(withFiles, await master.seal(withFiles), { acceptedAtMs: 1, targets: [{ task: 'any' }] })
    expect(await master.payloads.find(packed.manifest.id)).toBe('nowhere')
    master.known = ['a master that is away']
    expect(await master.payloads.find(packed.manifest.id)).toBe('out of reach')
    expect(await master.submit(withFiles)).toEqual({ kind: 'need-payload', payload: packed.manifest.id })
  })

  it('is refused before anything is written when too few masters would have it', async () => {
    const demanding = job({ replicas: 2 })

    expect(await master.submit(demanding)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('only 1 can') })
    // one lives, and is so slow that it is behind already
    master.live = ['s']
    master.taken = [[]]
    expect(await master.submit(demanding)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('only 1 can') })
    expect([await master.jobs.sealed(demanding.id), master.jobs.isBuried(demanding.id)]).toEqual([undefined, false])
    expect(await master.submit(demanding)).toMatchObject({ kind: 'accepted', masters: ['m', 's'] })
    // and later, when one of them is gone
    master.live = []
    expect(await master.submit(demanding)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('goes on') })
  })

  it('leaves nothing behind when a master fails at the last moment, and says that its id is spent', async () => {
    const demanding = job({ replicas: 2 })

    master.live = ['s']
    master.taken = [['s'], []]
    expect(await master.submit(demanding)).toMatchObject({ kind: 'refused', reason: expect.stringMatching(/s did not.*as a new job/) })
    expect([master.jobs.isBuried(demanding.id), master.coordinator.state.jobs.size]).toEqual([true, 0])
  })
})

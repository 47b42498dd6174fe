import { hostname } from 'node:os'
import { join } from 'node:path'
import { toError } from '../../model/errors.ts'
import { isTaskEnd } from '../../model/states.ts'
import { descriptorLimit, explainDescriptors } from '../../node/descriptors.ts'
import { meshIdOf } from '../../node/membership.ts'
import { MeshNode } from '../../node/mesh-node.ts'
import { VERSION } from '../../node/version.ts'
import { ContentStore } from '../../store/content.ts'
import { dataRoot } from '../../store/folders.ts'
import { Cleanups } from '../cleanups.ts'
import { removeLocalMaster, writeLocalMaster } from '../local.ts'
import { placeOf } from '../place.ts'
import { handleAdmin } from './admin-handler.ts'
import { Admission } from './admission.ts'
import { MEMBERSHIP_MS } from './admission-rules.ts'
import { Archive } from './archive.ts'
import { handleAsk } from './ask-handler.ts'
import { Bearers } from './bearers.ts'
import { CollectedFiles } from './collected-files.ts'
import { Coordinator } from './coordinator.ts'
import { Drains } from './drains.ts'
import { figuresOf } from './figures.ts'
import { heedRemoval, meetDiscovered } from './fellows.ts'
import { positions } from './follow.ts'
import { markRemoved } from './home.ts'
import { JobStore } from './job-store.ts'
import { HttpAddresses } from './http-addresses.ts'
import { settle } from './join.ts'
import { Masters } from './masters.ts'
import { encodeMeshKey } from './mesh-key.ts'
import { MissingOutput } from './missing-output.ts'
import { Outputs } from './outputs.ts'
import { workersFor } from './distribution/workers.ts'
import { Pages } from './pages.ts'
import { Payloads } from './payloads.ts'
import { Pruner } from './pruner.ts'
import { Recorder } from './recorder.ts'
import { Registry } from './registry.ts'
import { Replica } from './replica/replica.ts'
import { SubmitHandler } from './submit-handler.ts'
import { handleTasks } from './task-handler.ts'
import { Uploads } from './uploads.ts'
import { Watchers } from './watchers.ts'
import type { ContentReader } from '../../store/content-reader.ts'
import type { LocalTokens } from '../local.ts'
import type { Figures } from './figures.ts'
import type { Retention } from './retention.ts'
import type { Tokens } from './tokens.ts'

export interface MasterOptions {
  /** Multiaddrs; port 0 takes a free one. @default ['/ip4/0.0.0.0/tcp/4747'] */
  listen?: string[]
  /** @default the host's name */
  name?: string
  /** @default MESHMARK_DATA or the user's data directory */
  dataDir?: string
  /** @default true */
  mdns?: boolean
  /** TOKEN or TOKEN@HOST[:PORT] of a mesh, to be one more master of it. */
  token?: string
  /** Addresses of other masters, as typed. */
  peers?: string[]
  /** Bytes of payloads kept. @default 20 GiB */
  payloadBytes?: number
  /** Which finished jobs are kept while this master coordinates. @default all of them */
  retention?: Retention
  log?: (line: string) => void
}

export interface RunningMaster {
  meshId: string
  peerId: string
  name: string
  addresses: string[]
  /** Ready to paste on other machines. */
  joinLines: string[]
  /** Resolves with the reason when the mesh has put this master out: it is to be stopped. */
  removed: Promise<string>
  /** Resolves with the reason when it was away for so long that it has to end, and to begin without jobs at its next start. */
  outlived: Promise<string>
  /** For an interface over HTTP, which is built on top of this. */
  http: { bearers: Bearers, addresses: HttpAddresses, figures: () => Figures, openPayload: (id: string) => Promise<ContentReader>, uploadDir: string }
  stop: () => Promise<void>
}

const LOCAL_TOKEN_MS = 60 * 60 * 1000
const LOCAL_REFRESH_MS = 30 * 60 * 1000
const JOIN_TOKEN_MS = 24 * 60 * 60 * 1000
const OWN_MEMBERSHIP_MS = 12 * 60 * 60 * 1000
const RENEWAL_CHECK_MS = 60 * 1000
const PAYLOAD_BYTES = 20 * 1024 ** 3

/**
 * A master: takes up its mesh, or makes one when its data directory has none;
 * listens, coordinates, and leaves what local processes need to join.
 */
export async function runMaster (options: MasterOptions = {}): Promise<RunningMaster> {
  const log = options.log ?? (() => {})
  const { home: { meshId, dir, journal }, meshKey, identity, name, peers } = await settle({
    root: options.dataDir ?? dataRoot(),
    token: options.token,
    peers: options.peers ?? [],
    name: options.name ?? hostname().split('.')[0] ?? 'master',
    mdns: options.mdns ?? true,
    onDamage: (path, reason) => { log(`${path} was damaged and is set aside: ${reason}`) },
    log
  })
  const cleanups = new Cleanups()
  const fewDescriptors = explainDescriptors(descriptorLimit())

  if (fewDescriptors != null) {
    log(fewDescriptors)
  }

  try {
    cleanups.add(async () => journal.close())

    const replica = await Replica.open(journal, { peerId: meshIdOf(identity), onProblem: log })
    const revoked = new Set<string>()
    const admission = new Admission({ replica, journal, meshKey, meshId, peerId: meshIdOf(identity), log }, revoked)
    await admission.load()

    const node = await MeshNode.create({
      identity,
      membership: await admission.admitSelf(name),
      listen: options.listen ?? ['/ip4/0.0.0.0/tcp/4747'],
      meshTime: () => Date.now(),
      isRevoked: peerId => revoked.has(peerId),
      mdns: options.mdns ?? true,
      uniqueRoles: ['worker', 'master'],
      log
    })

    const masters = new Masters({ node, identity, replica, journal, peers, log })
    const jobs = new JobStore({ replica, journal, log })
    const content = await ContentStore.open(join(dir, 'payloads'), {
      maxBytes: options.payloadBytes ?? PAYLOAD_BYTES,
      onDamage: (path, reason) => { log(`${path} was damaged and is set aside, to be fetched again when it is needed: ${reason}`) }
    })
    const outputs = await Outputs.open(join(dir, 'outputs'))
    cleanups.add(async () => outputs.close())
    const watchers = new Watchers()
    const uploads = new Uploads({ node, content })
    const payloads: Payloads = new Payloads({ node, identity, content, uploads, masters, workers: workersFor(() => coordinator.state), log })
    const coordinator = new Coordinator({ node, replica, jobs, content, payloads, masters, log })
    const files = new CollectedFiles({ content, journal, uploads, payloads, coordinator, log })
    const missingOutput = new MissingOutput({ node, masters, jobs, outputs, log })
    const archive = new Archive({ replica, journal, jobs, coordinator, log })
    const drains = new Drains({ replica, peerId: node.peerId, onDrain: (worker, record) => { registry.drain(worker, record) } })
    const registry = new Registry({ node, replica, drains, coordinator, masters, log })

    masters.listen({
      onReign: claim => { coordinator.reign(claim) },
      onStandDown: () => { coordinator.standDown() }
    })
    coordinator.listen({
      onTask: (job, task) => { watchers.task(job, task, isTaskEnd(coordinator.state.jobs.get(job)?.tasks.get(task)?.state ?? 'queued')) },
      onTransfer: (job, task, chunks, of, note) => { watchers.transfer(job, task, { chunks, of, note }) },
      onJobEnd: job => {
        files.release(job)
        watchers.end(job)
      }
    })
    const recorder = new Recorder()
    cleanups.add(recorder.listen(coordinator))
    outputs.onGrown = (job, execution) => { watchers.output(job, execution) }

    // by the clock: timers stand still while a machine sleeps, and memberships do not
    let renewedAtMs = Date.now()
    const renewal = setInterval(() => {
      if (Math.abs(Date.now() - renewedAtMs) >= OWN_MEMBERSHIP_MS) {
        admission.admitSelf(name).then(membership => {
          renewedAtMs = Date.now()
          node.setMembership(membership)
        }, err => { log(`own membership: ${toError(err).message}`) })
      }
    }, RENEWAL_CHECK_MS)
    cleanups.add(() => { clearInterval(renewal) })

    // handlers first, then the doors are opened
    admission.serve(node, masters)
    masters.serve()
    await archive.load()
    await coordinator.start(job => archive.has(job))
    cleanups.add(async () => coordinator.stop())
    archive.start()
    cleanups.add(async () => archive.stop())
    await drains.load()
    await registry.start()
    cleanups.add(async () => registry.stop())
    await files.load()
    handleTasks({ node, jobs, outputs, files, coordinator, watchers, log })
    handleAdmin({ node, admission, drains, coordinator, replicated: async position => { await masters.replicated(position) }, addresses: () => masters.addresses() })
    const httpAddresses = new HttpAddresses(replica, node.peerId, placeOf())
    await httpAddresses.load()
    const submissions = new SubmitHandler({ node, version: VERSION, coordinator, archive, pages: new Pages({ tokens: admission.tokens, members: admission.members, addresses: httpAddresses, nameOf: peerId => masters.views().find(master => master.peerId === peerId)?.name }), principalOf: peerId => admission.members.principalOf(peerId), masters, jobs, content, uploads, payloads, outputs, files, missingOutput, watchers, recorder, log })

    submissions.start()
    uploads.start()
    cleanups.add(() => { payloads.stop() })
    handleAsk(node, {
      'want-key': async () => ({ kind: 'key', key: encodeMeshKey(meshKey) }),
      'want-payload': async ({ payload }, peer) => payloads.answer(payload, peer.id),
      'want-vector': async () => ({ kind: 'vector', vector: positions(replica.vector()) }),
      'want-output': async message => missingOutput.answer(message),
      relay: async (message, peer) => submissions.relayed(message, peer)
    })
    heedRemoval(node, admission)
    cleanups.add(meetDiscovered(node, meshId, log))
    await node.start()
    cleanups.add(async () => node.stop())
    await masters.start()
    cleanups.add(async () => masters.stop())
    node.setMasters(masters.addresses())
    cleanups.add(replica.onChange(changes => {
      if (changes.some(({ key }) => key.startsWith('master/'))) {
        node.setMasters(masters.addresses())
      }
    }))

    const pruner = new Pruner({
      replica,
      jobs,
      outputs,
      files,
      retention: options.retention ?? {},
      known: () => archive.known(),
      isListing: () => archive.missing > 0,
      isCoordinator: () => coordinator.state.mode === 'reign',
      onPruned: job => { coordinator.dispatch({ kind: 'forget', job, nowMs: Date.now() }) },
      log
    })
    pruner.start()
    masters.listen({ onReign: () => { void pruner.pruneNow() } })
    archive.onComplete = () => { void pruner.pruneNow() }
    cleanups.add(async () => pruner.stop())

    const http = {
      uploadDir: join(dir, 'http-uploads'),
      bearers: new Bearers({ admission, meshKey, meshId, addresses: () => node.addresses() }),
      addresses: httpAddresses,
      openPayload: async (id: string) => {
        // where no master has it, opening says so
        await payloads.ensure(id)

        return content.open(id)
      },
      figures: () => figuresOf({ state: coordinator.state, term: masters.claim?.term ?? 0, content: content.usage() })
    }

    const startedAtMs = Date.now()
    const refresh = async (): Promise<void> => {
      await admission.tokens.forgetExpired(Date.now() - LOCAL_TOKEN_MS)

      if (Date.now() - startedAtMs >= 2 * MEMBERSHIP_MS) {
        await admission.members.forgetOutlived(Date.now())
      }

      await writeLocalMaster({ meshId, peerId: node.peerId, pid: process.pid, startedAtMs, addresses: node.addresses(), tokens: await localTokens(admission.tokens) })
    }
    await refresh()
    const refreshing = setInterval(() => { refresh().catch(err => { log(`local tokens: ${toError(err).message}`) }) }, LOCAL_REFRESH_MS)
    cleanups.add(async () => {
      clearInterval(refreshing)
      await removeLocalMaster(meshId, node.peerId)
    })

    const removed = admission.removed.then(async reason => {
      await markRemoved(dir, reason)

      return reason
    })

    return { meshId, peerId: node.peerId, name: node.name, addresses: node.addresses(), joinLines: await joinLines(admission.tokens, node.addresses()), removed, outlived: replica.graveyard.outlived, http, stop: async () => cleanups.run() }
  } catch (err) {
    await cleanups.run().catch(() => {})
    throw err
  }
}

async function localTokens (tokens: Tokens): Promise<LocalTokens> {
  const [worker, client, admin, master] = await Promise.all((['worker', 'client', 'admin', 'master'] as const).map(async role => tokens.createLocal(role, LOCAL_TOKEN_MS)))

  return { worker: worker!, client: client!, admin: admin!, master: master! }
}

async function joinLines (tokens: Tokens, addresses: string[]): Promise<string[]> {
  const host = joinHost(addresses)
  const worker = await tokens.create('worker', { ttlMs: JOIN_TOKEN_MS, name: 'printed at start' })
  const client = await tokens.create('client', { ttlMs: JOIN_TOKEN_MS, name: 'printed at start' })

  return [
    `meshmark join ${worker.text}@${host}`,
    `meshmark join ${client.text}@${host}`
  ]
}

/** HOST:PORT that other machines are most likely to reach; the loopback address when there is no other. */
function joinHost (addresses: string[]): string {
  const endpoints = addresses.flatMap(address => {
    const match = /^\/ip4\/([^/]+)\/tcp\/(\d+)/.exec(address)
    return match == null ? [] : [{ host: match[1]!, port: match[2]! }]
  })
  const best = endpoints.find(({ host }) => !host.startsWith('127.')) ?? endpoints[0]

  return best == null ? 'HOST' : `${best.host}:${best.port}`
}

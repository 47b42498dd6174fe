import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { QuietWatch } from '../../machine/quiet-watch.ts'
import { readResources } from '../../machine/resources.ts'
import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { parseExecutionId, shortJobId } from '../../model/ids.ts'
import { handleClock } from '../../node/clock.ts'
import { loadOrCreateIdentity } from '../../node/identity.ts'
import { MeshNode } from '../../node/mesh-node.ts'
import { receivePayload } from '../../node/payload/receive.ts'
import { payload as payloadProtocol } from '../../node/protocol/payload/index.ts'
import { MAX_HELD } from '../../node/protocol/register/index.ts'
import { Box, chooseUser, loadBoxFiles, preflight, settle } from '../../sandbox/index.ts'
import { ContentStore } from '../../store/content.ts'
import { claimInstance, dataRoot } from '../../store/instance.ts'
import { MachineLock } from '../../store/lock.ts'
import { Spools } from '../../store/spool.ts'
import { Cleanups } from '../cleanups.ts'
import { findMesh } from '../find-mesh.ts'
import { forgetMember } from '../member.ts'
import { prepareOwnedDir, prepareRoleDir } from '../role-dir.ts'
import { refuseTicket } from '../ticket.ts'
import { bind } from './binding.ts'
import { Boxes } from './boxes.ts'
import { Controls } from './controls.ts'
import { Deliveries } from './deliveries.ts'
import { latestDrain } from './drain-word.ts'
import { Executions } from './executions.ts'
import { FloorMeter } from './floor-meter.ts'
import { Outbox } from './outbox.ts'
import { Slot } from './slot.ts'
import { initialSlot } from './slot-state.ts'
import type { BindingRequest } from './binding.ts'
import type { Standing } from './control.ts'
import type { SomeLimits } from '../../model/limits.ts'
import type { Grant, SandboxFacts, WorkerInfo } from '../../model/machine.ts'
import type { Peer } from '../../node/mesh-node.ts'
import type { Held } from '../../node/protocol/register/messages.ts'
import type { BoxOptions, Ground } from '../../sandbox/index.ts'

export interface WorkerOptions {
  masters?: string[]
  token?: string
  mesh?: string
  /** @default the host's name */
  name?: string
  labels?: Record<string, string>
  /** @default MESHMARK_DATA or the user's data directory */
  dataDir?: string
  /** Under which a worker started by root runs everything. @default meshmark, or a free one */
  user?: string
  mdns?: boolean
  /** What no job may exceed here, whatever it asks for. */
  ceilings?: SomeLimits
  /** What jobs may do to the machine. */
  grants?: Grant[]
  /** Whole cores for its programs, beside other workers of the machine that are bound. @default all of the machine, in turns */
  bind?: BindingRequest
  /** Bytes of payloads kept. @default 10 GiB */
  payloadBytes?: number
  /** How long a result is kept that some master does not take. @default 7 days */
  keepResultsMs?: number
  /** Bytes of such results kept. @default 10 GiB */
  resultBytes?: number
  log?: (line: string) => void
}

export interface RunningWorker {
  peerId: string
  /** As the mesh knows it. */
  name: string
  /** Why it takes no work, if so. */
  refusal?: string
  /** Finishes and delivers what it has, then leaves; `hard` = kills it now. */
  stop: (hard?: boolean) => Promise<void>
}

const PAYLOAD_BYTES = 10 * 1024 ** 3
const RESULT_BYTES = 10 * 1024 ** 3
const KEEP_RESULTS_MS = 7 * 24 * 60 * 60 * 1000

/** After the program has ended, a stopping worker tries to deliver for this long; the result stays on disk otherwise. */
const DELIVERY_GRACE_MS = 10_000

/**
 * A worker, from its start to its first registration:
 *
 * 1. read what only the starting user may read: the program's own files, local tokens
 * 2. drop root
 * 3. claim a data directory, recover the journal
 * 4. build a box and look at it: without one there is no work
 * 5. join, register, serve
 */
export async function runWorker (options: WorkerOptions = {}): Promise<RunningWorker> {
  const log = options.log ?? (() => {})
  const files = await loadBoxFiles()
  const root = options.dataDir ?? dataRoot()
  const mesh = await findMesh({ role: 'worker', dataRoot: root, masters: options.masters ?? [], token: options.token, mesh: options.mesh })
  const { roleDir, ground } = await leaveRoot(root, mesh.meshId, options, log)

  const cleanups = new Cleanups()
  cleanups.add(async () => ground.close())

  try {
    const binding = options.bind == null ? undefined : await bind(options.bind, log)
    cleanups.add(async () => binding?.release())

    const { dir, instance, journal } = await claimInstance(roleDir, { onDamage: (path, reason) => { log(`${path} was damaged and is set aside: ${reason}`) } })
    cleanups.add(async () => journal.close())

    if (journal.fresh) {
      // Without its journal a worker cannot know what it has run: it must not pass for the one that could.
      await forgetIdentity(dir)
    }

    const identity = await loadOrCreateIdentity(join(dir, 'identity.key'))
    const outbox = new Outbox(journal, log)
    const known = await outbox.recover()
    const content = await ContentStore.open(join(dir, 'payloads'), { maxBytes: options.payloadBytes ?? PAYLOAD_BYTES })
    const spools = await Spools.open(join(dir, 'outbox'))
    cleanups.add(async () => spools.close())

    const boxOptions: BoxOptions = { files, dir: join(dir, 'box'), ground, affinity: binding?.affinity, log }
    const { sandbox, refusal } = await trySandbox(boxOptions)
    const node = await MeshNode.create({ identity, meshId: mesh.meshId, listen: [], mdns: options.mdns ?? true, uniqueRoles: ['worker', 'master'], log })
    let stopping = false
    let drain = await outbox.loadDrain()
    let name = options.name ?? hostname().split('.')[0] ?? 'worker'

    const boundTo = binding == null ? undefined : [...binding.affinity.processors]
    const machine = await readResources()
    const resources = { ...machine, cores: boundTo?.length ?? machine.cores }
    const boxes = new Boxes(boxOptions)
    const lock = binding?.lock ?? await MachineLock.find()
    const quiet = new QuietWatch(boundTo)
    const deliveries = new Deliveries({
      node,
      outbox,
      spools,
      bounds: {
        keepMs: options.keepResultsMs ?? KEEP_RESULTS_MS,
        maxBytes: options.resultBytes ?? RESULT_BYTES,
        // a registration names them all, and what runs
        maxCount: MAX_HELD - 1
      },
      onChange: () => { controls.report() },
      log
    })
    const executions = new Executions({
      boxes,
      ceilings: options.ceilings ?? {},
      grants: options.grants ?? [],
      content,
      outbox,
      lock,
      quiet,
      noise: { processors: boundTo, groups: ground.cgroups?.folders },
      spools,
      deliveries,
      makeRoom: async () => floorMeter.giveWay(),
      onEnded: async execution => slot.ended(execution),
      onChange: () => { controls.report() },
      log
    })
    const slot = new Slot(initialSlot({ highest: await outbox.loadClaim(), known, cancelled: await outbox.cancelledJobs(), refusal, draining: drain?.drain }), {
      node,
      outbox,
      content,
      onStart: (execution, start) => {
        log(`running job ${shortJobId(parseExecutionId(execution).job)}`)
        executions.start(execution, start)
      },
      settle: async (maxMs, signal) => quiet.wait(maxMs, signal),
      onStop: execution => { executions.cancel(execution) },
      onKnown: (execution, master) => deliveries.redeliver(execution, master),
      onChange: () => {
        if (slot.state.phase.kind !== 'free') {
          void floorMeter.giveWay()
        }

        controls.report()
      },
      log
    })
    const floorMeter = new FloorMeter({
      createBox: async signal => Box.create(boxOptions, { signal }),
      lock,
      quiet,
      isFree: () => slot.state.phase.kind === 'free' && !slot.state.draining,
      onMeasured: () => { controls.report() },
      log
    })
    const info = (): WorkerInfo => ({ peerId: node.peerId, name, resources, labels: options.labels ?? {}, sandbox, refusal, ceilings: options.ceilings, floor: floorMeter.floor, boundTo, grants: options.grants })
    const standing = standingOf(slot, executions, deliveries)
    const controls = new Controls({
      node,
      mesh,
      link: { dir, name: options.name == null && instance > 0 ? `${name}-${instance + 1}` : name },
      outbox,
      deliveries,
      info,
      holds: async () => holdsOf(outbox, executions, deliveries),
      standing,
      onRegistered: (master: Peer, given: string) => {
        name = given
        log(`registered with ${master.name} as ${given}`)
      },
      onDrain: word => {
        const latest = latestDrain(drain, word)

        if (latest !== drain) {
          drain = latest
          void slot.drain(latest.drain || stopping)
          outbox.saveDrain(latest).catch(err => { log(`the drain is not on disk: ${toError(err).message}`) })
        }
      },
      log
    })

    handleClock(node)
    node.handle(payloadProtocol, async (channel, peer) => receivePayload(channel, peer, {
      content,
      admit: async (offer, sender) => {
        const reason = await refuseTicket({
          sealed: offer.ticket,
          payload: offer.manifest.id,
          sender: sender.id,
          receiver: node.peerId,
          meshTimeMs: node.meshTime(),
          isMaster: peerId => node.peer(peerId)?.roles.has('master') === true
        })

        if (reason != null) {
          return { kind: 'refused', reason }
        }

        return executions.running != null ? { kind: 'busy', reason: 'running a program' } : undefined
      }
    }))
    slot.start()
    cleanups.add(async () => slot.stop())
    quiet.start(() => executions.running == null)
    cleanups.add(async () => quiet.stop())
    await node.start()
    cleanups.add(async () => node.stop())

    if (refusal == null) {
      boxes.warm()
      floorMeter.start()
      cleanups.add(async () => floorMeter.stop())
    }

    cleanups.add(async () => boxes.stop())
    const isMember = await controls.load()
    await deliveries.resume()
    cleanups.add(async () => deliveries.stop())
    cleanups.add(async () => executions.stop())
    cleanups.add(async () => controls.stop())
    await controls.start(isMember)

    return {
      peerId: node.peerId,
      name,
      refusal,
      stop: async (hard = false) => {
        // from here on nothing new begins, whatever the master says
        stopping = true
        await slot.drain(true)

        if (!hard) {
          await executions.idle()
          await deliveries.delivered(AbortSignal.timeout(DELIVERY_GRACE_MS))
        }

        await cleanups.run()
      }
    }
  } catch (err) {
    await cleanups.run().catch(() => {})
    throw err
  }
}

/** Returns the folder of this machine's workers in the mesh, which belongs to whom this process is then, and what its boxes stand on. */
async function leaveRoot (root: string, meshId: string, { user: wanted, grants }: WorkerOptions, log: (line: string) => void): Promise<{ roleDir: string, ground: Ground }> {
  const coldCache = grants?.includes('cold-cache') === true

  if (process.getuid?.() !== 0) {
    if (coldCache) {
      throw new MeshmarkError('refused', 'only root can empty the file cache: start the worker as root, or without --allow-cold-cache')
    }

    return { roleDir: await prepareRoleDir(root, meshId, 'worker'), ground: await settle() }
  }

  const { dir, owner } = await prepareOwnedDir(root, meshId, 'worker', () => {
    const user = chooseUser({ user: wanted })

    if (user == null) {
      throw new MeshmarkError('refused', 'a worker does not run as root, and no user for it could be found: name one with --user')
    }

    return user
  })

  const ground = await settle({ user: owner, coldCache })

  log(`running as uid ${owner.uid}, not as root`)

  return { roleDir: dir, ground }
}

async function forgetIdentity (dir: string): Promise<void> {
  await rm(join(dir, 'identity.key'), { force: true })
  await forgetMember(dir)
}

async function trySandbox (options: BoxOptions): Promise<{ sandbox?: SandboxFacts, refusal?: string }> {
  try {
    return { sandbox: await preflight(options) }
  } catch (err) {
    if (isMeshmarkError(err)) {
      return { refusal: err.message }
    }

    throw err
  }
}

async function holdsOf (outbox: Outbox, executions: Executions, deliveries: Deliveries): Promise<Held[]> {
  const unconfirmed = new Set(await outbox.unconfirmed())
  const { running } = executions

  // what could not be written to a full disk is held all the same
  const held = [...new Set([...running == null ? [] : [running.execution], ...deliveries.held, ...unconfirmed])].map((execution): Held => ({
    execution,
    state: execution === running?.execution && !unconfirmed.has(execution) ? 'running' : 'finished'
  }))

  return held.slice(0, MAX_HELD)
}

/** Where the worker stands, as users see it. */
function standingOf (slot: Slot, executions: Executions, deliveries: Deliveries): () => Standing {
  let last = ''
  let since = performance.now()

  return () => {
    const { phase, draining, highest, refusal } = slot.state
    const now = performance.now()
    const standing = ((): Omit<Standing, 'sinceMs'> => {
      if (phase.kind === 'running') {
        return { state: 'running', execution: phase.execution, detail: executions.running?.waiting }
      }

      if (refusal != null) {
        return { state: 'draining', detail: refusal }
      }

      if (draining) {
        return { state: 'draining' }
      }

      if (phase.kind === 'reserved') {
        return { state: 'reserved', execution: phase.execution, detail: slot.isSettling ? 'waiting for its machine to become quiet' : undefined }
      }

      return { state: deliveries.undelivered > 0 ? 'finished, delivering' : 'waiting' }
    })()
    const key = `${standing.state}/${standing.execution}/${standing.detail}`

    if (key !== last) {
      last = key
      since = now
    }

    return { ...standing, highest, sinceMs: Math.round(now - since) }
  }
}

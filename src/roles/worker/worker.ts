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
import { MAX_WORKER_ADDRESSES } from '../../node/protocol/model/machine.ts'
import { MAX_HELD } from '../../node/protocol/register/index.ts'
import { Box, chooseUser, loadBoxFiles, preflight, settle } from '../../sandbox/index.ts'
import { ContentStore } from '../../store/content.ts'
import { dataRoot } from '../../store/folders.ts'
import { claimInstance } from '../../store/instance.ts'
import { MachineLock } from '../../store/lock.ts'
import { Spools } from '../../store/spool.ts'
import { Cleanups } from '../cleanups.ts'
import { findMesh } from '../find-mesh.ts'
import { forgetMember } from '../member.ts'
import { prepareOwnedDir, prepareRoleDir } from '../role-dir.ts'
import { Arrivals } from './arrivals.ts'
import { bind } from './binding.ts'
import { Boxes } from './boxes.ts'
import { Builds } from './builds/builds.ts'
import { Coalesced } from './coalesce.ts'
import { Controls } from './controls.ts'
import { DataSets } from './data-sets.ts'
import { Deliveries } from './deliveries.ts'
import { KnownTools } from './known-tools.ts'
import { latestDrain } from './drain-word.ts'
import { Executions } from './executions.ts'
import { FloorMeter } from './floor-meter.ts'
import { Outbox } from './outbox.ts'
import { affinitiesOf } from './places.ts'
import { SealedJobs } from './sealed-jobs.ts'
import { SharedTurns } from './shared-turns.ts'
import { Relays } from './relays.ts'
import { Slot } from './slot.ts'
import { heldBy, initialSlot, isFree } from './slot-state.ts'
import { ToolFinder } from './tool-finder.ts'
import { handleTransfers } from './transfers.ts'
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
  /** How many programs it runs at once that are not measured. @default 1 */
  slots?: number
  /** Bytes of payloads kept. @default 10 GiB */
  payloadBytes?: number
  /** Multiaddrs at which other workers reach it, to be given payloads. @default every address of the machine, on a free port */
  listen?: string[]
  /** It passes payloads on to other workers. @default true */
  relay?: boolean
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
/** How often it is said at most where the worker stands: which of its places are free, and what runs in them. */
const REPORT_MS = { soon: 25, detail: 500 }

const LISTEN = ['/ip4/0.0.0.0/tcp/0']
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
    const content = await ContentStore.open(join(dir, 'payloads'), {
      maxBytes: options.payloadBytes ?? PAYLOAD_BYTES,
      // the masters have it
      durable: false
    })
    const collected = await ContentStore.open(join(dir, 'collected'), { maxBytes: options.resultBytes ?? RESULT_BYTES, onDamage: (path, reason) => { log(`${path} was damaged and is set aside: ${reason}`) } })
    const dataSets = new DataSets(join(dir, 'data-sets'), content, log)
    await dataSets.clear()
    const collectDir = join(dir, 'collecting')
    // of a life that ended on the way
    await rm(collectDir, { recursive: true, force: true })
    const spools = await Spools.open(join(dir, 'outbox'))
    cleanups.add(async () => spools.close())

    const boxOptions: BoxOptions = { files, dir: join(dir, 'box'), ground, affinity: binding?.affinity, log }
    const { sandbox, refusal } = await trySandbox(boxOptions)
    const node = await MeshNode.create({ identity, meshId: mesh.meshId, listen: options.listen ?? (options.relay === false ? [] : LISTEN), mdns: options.mdns ?? true, uniqueRoles: ['worker', 'master'], log })
    let stopping = false
    let said: string | undefined
    let drain = await outbox.loadDrain()
    let name = options.name ?? hostname().split('.')[0] ?? 'worker'

    const boundTo = binding == null ? undefined : [...binding.affinity.processors]
    const machine = await readResources()
    const resources = { ...machine, cores: boundTo?.length ?? machine.cores }
    const slots = options.slots ?? 1
    const boxes = new Boxes(boxOptions, await affinitiesOf(slots, binding?.affinity, log))
    const jobs = new SealedJobs()
    const lock = binding?.lock ?? await MachineLock.find()
    const turns = new SharedTurns(lock)
    cleanups.add(async () => turns.stop())
    const quiet = new QuietWatch(boundTo)
    // many short programs are no news each, and their results are to go first
    const report = new Coalesced(() => { controls.report() }, REPORT_MS.soon, { atOnce: false })
    const detail = new Coalesced(() => { report.call() }, REPORT_MS.detail)
    cleanups.add(async () => {
      report.stop()
      detail.stop()
    })
    let shape = ''
    const onChange = (): void => {
      const { places, draining } = slot.state
      const now = `${places.map(({ kind }) => kind).join()} ${draining}`

      if (now === shape && places.every(({ kind }) => kind === 'running')) {
        // the next one in a place that stays taken
        detail.call()
      } else {
        shape = now
        report.call()
      }
    }
    const deliveries = new Deliveries({
      node,
      outbox,
      spools,
      files: collected,
      bounds: {
        keepMs: options.keepResultsMs ?? KEEP_RESULTS_MS,
        maxBytes: options.resultBytes ?? RESULT_BYTES,
        // a registration names them all, and what runs
        maxCount: MAX_HELD - 1
      },
      onChange,
      log
    })
    const builds = await Builds.open({
      dir: join(dir, 'builds'),
      content,
      files,
      ceilings: options.ceilings ?? {},
      machine: [resources.arch, resources.cpuModel, resources.os, resources.nodeVersion],
      sandbox
    })
    const executions = new Executions({
      boxes,
      builds,
      self: () => info(),
      ceilings: options.ceilings ?? {},
      grants: options.grants ?? [],
      content,
      collected,
      collectDir,
      dataSets,
      jobs,
      outbox,
      turns,
      quiet,
      noise: { processors: boundTo, groups: ground.cgroups?.folders },
      spools,
      deliveries,
      makeRoom: async () => { await Promise.all([floorMeter.giveWay(), toolFinder.giveWay()]) },
      onUnderWay: execution => { void slot.underWay(execution) },
      onEnded: async execution => slot.ended(execution),
      onChange,
      log
    })
    const slot = new Slot(initialSlot({ highest: await outbox.loadClaim(), known, cancelled: await outbox.cancelledJobs(), refusal, draining: drain?.drain, places: slots }), {
      node,
      outbox,
      content,
      jobs,
      self: () => info(),
      onStart: start => {
        const { job } = parseExecutionId(start.execution)

        // once for all items of a job
        if (job !== said) {
          said = job
          log(`running job ${shortJobId(job)}`)
        }

        executions.start(start)

        if (executions.measuring) {
          relays.interrupt('it measures')
        }
      },
      onAbandon: execution => { executions.abandon(execution) },
      settle: async (maxMs, signal) => quiet.wait(maxMs, signal),
      onStop: execution => { executions.cancel(execution) },
      onKnown: (execution, master) => deliveries.redeliver(execution, master),
      onChange: () => {
        if (!isFree(slot.state)) {
          void floorMeter.giveWay()
          void toolFinder.giveWay()
        }

        onChange()
      },
      log
    })
    const floorMeter = new FloorMeter({
      createBox: async signal => Box.create(boxOptions, { signal }),
      lock,
      quiet,
      isFree: () => isFree(slot.state) && !slot.state.draining,
      onMeasured: () => { controls.report() },
      log
    })
    const toolFinder = new ToolFinder({
      files,
      // those of other instances are the same
      known: await KnownTools.open(join(roleDir, 'tools.json')),
      createBox: async signal => Box.create(boxOptions, { signal }),
      lock,
      isFree: () => isFree(slot.state) && !slot.state.draining,
      onFound: () => { controls.report() },
      log
    })
    const info = (): WorkerInfo => ({ peerId: node.peerId, name, resources, labels: options.labels ?? {}, sandbox, refusal, ceilings: options.ceilings, floor: floorMeter.floor, noise: executions.noise, boundTo, grants: options.grants, slots, addresses: addressesOf(node, options.relay), tools: toolFinder.tools })
    const standing = standingOf(slot, executions, deliveries)
    const controls = new Controls({
      node,
      mesh,
      link: { dir, name: options.name == null && instance > 0 ? `${name}-${instance + 1}` : name },
      outbox,
      deliveries,
      info,
      foundOut: () => ({ floor: floorMeter.floor, noise: executions.noise, tools: toolFinder.tools }),
      holds: async () => holdsOf(outbox, slot, deliveries),
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

    const arrivals = new Arrivals(content)
    const relays = new Relays({ node, content, arrivals, passesOn: options.relay ?? true, isMeasuring: () => executions.measuring })

    handleClock(node)
    handleTransfers({ node, content, arrivals, isMeasuring: () => executions.measuring })
    cleanups.add(() => { relays.stop() })
    slot.start()
    cleanups.add(async () => slot.stop())
    quiet.start(() => executions.running.length === 0)
    cleanups.add(async () => quiet.stop())
    await node.start()
    cleanups.add(async () => node.stop())

    if (refusal == null) {
      boxes.warm()
      await toolFinder.load()
      toolFinder.start()
      cleanups.add(async () => toolFinder.stop())
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

/** None for one that takes no part in passing payloads on. */
function addressesOf (node: MeshNode, relay = true): string[] | undefined {
  const addresses = node.addresses().slice(0, MAX_WORKER_ADDRESSES)

  return relay && addresses.length > 0 ? addresses : undefined
}

async function holdsOf (outbox: Outbox, slot: Slot, deliveries: Deliveries): Promise<Held[]> {
  const unconfirmed = await outbox.unconfirmed()
  const held = new Map(heldBy(slot.state).map(({ execution, state }) => [execution, state]))

  for (const execution of unconfirmed) {
    held.set(execution, 'finished')
  }

  // what could not be written to a full disk is held all the same
  for (const execution of deliveries.held) {
    held.set(execution, held.get(execution) ?? 'finished')
  }

  return [...held].slice(0, MAX_HELD).map(([execution, state]) => ({ execution, state }))
}

/** Where the worker stands, as users see it. */
function standingOf (slot: Slot, executions: Executions, deliveries: Deliveries): () => Standing {
  let last = ''
  let since = performance.now()

  return () => {
    const { places, draining, highest, refusal } = slot.state
    const now = performance.now()
    const standing = ((): Omit<Standing, 'sinceMs'> => {
      const running = heldBy(slot.state).filter(({ state }) => state === 'running').map(({ execution }) => execution)

      if (running.length > 0) {
        return { state: 'running', execution: running[0], executions: running, detail: executions.running.find(({ waiting }) => waiting != null)?.waiting }
      }

      if (refusal != null) {
        return { state: 'draining', detail: refusal }
      }

      if (draining) {
        return { state: 'draining' }
      }

      const reserved = places.find(place => place.kind === 'reserved')

      if (reserved?.kind === 'reserved') {
        return { state: 'reserved', execution: reserved.execution, detail: slot.isSettling ? 'waiting for its machine to become quiet' : undefined }
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

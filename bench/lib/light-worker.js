import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MAIN } from './local-mesh.js'
import { MemoryJournal } from './memory-journal.js'

const DIST = dirname(MAIN)
const use = async path => import(join(DIST, path))
const { loadOrCreateIdentity } = await use('node/identity.js')
const { handleClock } = await use('node/clock.js')
const { MeshNode } = await use('node/mesh-node.js')
const { parseExecutionId } = await use('model/ids.js')
const { Controls } = await use('roles/worker/controls.js')
const { Deliveries } = await use('roles/worker/deliveries.js')
const { Outbox } = await use('roles/worker/outbox.js')
const { Coalesced } = await use('roles/worker/coalesce.js')
const { SealedJobs } = await use('roles/worker/sealed-jobs.js')
const { NO_OUTPUT, Parcel } = await use('roles/worker/parcel.js')
const { Slot } = await use('roles/worker/slot.js')
const { heldBy, initialSlot } = await use('roles/worker/slot-state.js')

/** As the real worker. */
const REPORT_MS = 25

/** SHA-256 of nothing. */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** All of one process say the same of their machine. */
const RESOURCES = {
  platform: 'linux', arch: 'x64', cpuModel: 'Imagined CPU 3000', cores: 4, memoryBytes: 8 * 1024 ** 3, kernel: '6.1.0-18-amd64', os: 'Debian GNU/Linux 12 (bookworm)', nodeVersion: process.version
}

/** As a worker with a complete box says it. */
const SANDBOX = {
  builder: 'bubblewrap',
  builderVersion: '0.8.0',
  namespaces: ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'],
  filterHash: 'ab'.repeat(32),
  uidMode: 'two-uids',
  cgroup: 'v2',
  methods: { cpu: 'cgroup-v2', memory: 'cgroup-v2-peak', processes: 'cgroup-v2' },
  proc: true,
  kernel: RESOURCES.kernel,
  canaries: { network: 'refused', 'host files': 'not visible' },
  caveats: []
}

/**
 * A worker without a machine: identity, connection, registration, slot and
 * deliveries are those of the real one, its journal is in memory, and what it
 * is told to start has ended well at once.
 */
export class LightWorker {
  #node
  #controls
  #deliveries
  #slot
  #report

  /** @param {{ name: string, mesh: object, folder: string, onRegistered: () => void, log: (line: string) => void }} options - `folder` keeps its membership */
  static async start (options) {
    const worker = new LightWorker()

    await worker.#start(options)

    return worker
  }

  async #start ({ name, mesh, folder, onRegistered, log }) {
    mkdirSync(folder, { recursive: true })

    const node = this.#node = await MeshNode.create({ identity: await loadOrCreateIdentity(join(folder, 'identity.key')), meshId: mesh.meshId, listen: [], mdns: false, uniqueRoles: ['worker', 'master'], log })
    const outbox = new Outbox(new MemoryJournal(), log)
    const info = () => ({ peerId: node.peerId, name, resources: { ...RESOURCES, machineId: node.peerId }, labels: { bench: 'scale' }, sandbox: SANDBOX, floor: { minNs: 1e6, medianNs: 1.1e6 } })
    const report = this.#report = new Coalesced(() => { this.#controls.report() }, REPORT_MS)

    this.#deliveries = new Deliveries({
      node, outbox, spools: { list: async () => [] }, files: { dropUnheld: async () => {}, unpin: () => {} }, bounds: { keepMs: 3_600_000, maxBytes: 1024 ** 2, maxCount: 1_000 }, onChange: () => { report.call() }, log
    })
    this.#slot = new Slot(initialSlot(), {
      node,
      outbox,
      content: { has: async () => true },
      jobs: new SealedJobs(),
      self: info,
      onStart: ({ execution }) => { void this.#run(execution, outbox) },
      onAbandon: execution => { void this.#slot.ended(execution) },
      settle: async () => 0,
      onStop: () => {},
      onKnown: (execution, master) => this.#deliveries.redeliver(execution, master),
      onChange: () => { report.call() },
      log
    })
    this.#controls = new Controls({
      node,
      mesh,
      link: { dir: folder, name },
      outbox,
      deliveries: this.#deliveries,
      info,
      foundOut: () => ({}),
      holds: async () => [...heldBy(this.#slot.state), ...this.#deliveries.held.map(execution => ({ execution, state: 'finished' }))],
      standing: () => this.#standing(),
      onRegistered,
      onDrain: () => {},
      log
    })

    handleClock(node)
    this.#slot.start()
    await node.start()

    await this.#controls.load()
    await this.#deliveries.resume()
    // hundreds of one process dial at once: that one of them is late is nobody's fault but the bench's
    await this.#controls.start(true)
  }

  async stop () {
    this.#report?.stop()
    await this.#controls?.stop()
    await this.#deliveries?.stop()
    await this.#slot?.stop()
    await this.#node.stop()
  }

  #standing () {
    const { places: [place], highest } = this.#slot.state
    const running = heldBy(this.#slot.state).filter(({ state }) => state === 'running').map(({ execution }) => execution)

    return {
      state: place.kind === 'free' ? (this.#deliveries.undelivered > 0 ? 'finished, delivering' : 'waiting') : place.kind,
      ...(running.length > 0 ? { execution: running[0], executions: running } : {}),
      sinceMs: 0,
      highest
    }
  }

  async #run (execution, outbox) {
    const startedAt = Date.now()
    const result = {
      key: parseExecutionId(execution),
      outcome: 'done',
      commands: [{ command: 0, samples: [sampleOf()], warmups: 0, memoryMethod: 'cgroup-v2-peak', cpuMethod: 'cgroup-v2', output: { stdoutDigest: EMPTY, stdoutBytes: 0, stderrBytes: 0, same: true, truncated: false } }],
      sandbox: SANDBOX,
      startedAt,
      finishedAt: startedAt,
      waitedMs: 0
    }

    this.#deliveries.begin(new Parcel(execution, NO_OUTPUT, () => true), undefined)
    await outbox.saveResult(result)
    // the place is free before the coordinator hears that this one has ended
    await this.#slot.ended(execution)
    this.#deliveries.finish(execution, result)
  }
}

function sampleOf () {
  return {
    command: 0, run: 0, startNs: 0, wallNs: 1_000_000, cpuNs: 900_000, userNs: 400_000, systemNs: 500_000, minorFaults: 120, majorFaults: 0, voluntarySwitches: 1, involuntarySwitches: 0, exit: { kind: 'code', code: 0 }, leftovers: 0
  }
}

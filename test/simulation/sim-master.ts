import { emptyCoordinator } from '../../src/roles/master/coordinator/state.ts'
import { newElection } from '../../src/roles/master/election/state.ts'
import { livePeers } from '../../src/roles/master/election/step.ts'
import { Replica } from '../../src/roles/master/replica/replica.ts'
import { nameOf } from './ids.ts'
import { journalOn } from './disk.ts'
import { SimClients } from './sim-clients.ts'
import { SimCoordinator } from './sim-coordinator.ts'
import { SimJobs, toBytes } from './sim-jobs.ts'
import { SimLinks } from './sim-links.ts'
import { SimRegistry } from './sim-registry.ts'
import { Waiters } from './waiters.ts'
import type { Setting, Without } from './setting.ts'
import type { Disk } from './disk.ts'
import type { Node, Side } from './network.ts'
import type { Process } from './world.ts'
import type { Claim } from '../../src/node/protocol/register/messages.ts'
import type { CoordinatorState } from '../../src/roles/master/coordinator/state.ts'
import type { ElectionEvent, ElectionState } from '../../src/roles/master/election/state.ts'
import type { Journal } from '../../src/store/journal.ts'

const TICK_MS = 75
const FIRST_DIAL_MS = 1_000
const STEADY_MS = 4_000

/** One life of a master: what the shells in roles/master do, on simulated time, network and disk. */
export class MasterLife implements Node {
  readonly process: Process
  readonly disk: Disk
  readonly state: CoordinatorState = emptyCoordinator()
  readonly links: SimLinks
  readonly registry: SimRegistry
  /** For another claim that is live. */
  readonly claimWaiters: Waiters
  election!: ElectionState
  replica!: Replica
  jobs!: SimJobs
  coordinator!: SimCoordinator
  readonly #setting: Setting
  readonly #clients: SimClients
  readonly #journal: Journal
  /** Other masters of the mesh that this one is to join. */
  readonly #hosts?: () => string[]

  /** `hosts` = those that it may join; absent = it makes a mesh of its own. */
  constructor (setting: Setting, process: Process, disk: Disk, hosts?: () => string[]) {
    this.#setting = setting
    this.process = process
    this.disk = disk
    this.#hosts = hosts
    this.#journal = setting.journal(journalOn(setting.world, process, disk), process)
    this.claimWaiters = new Waiters(setting.world, process)
    this.links = new SimLinks(setting, this)
    this.registry = new SimRegistry(setting, this)
    this.#clients = new SimClients(setting, this)
  }

  get id (): string {
    return this.process.id
  }

  /** Of its own reign. */
  get claim (): Claim | undefined {
    return this.coordinator?.claim
  }

  get isReady (): boolean {
    return this.replica != null && this.election?.started
  }

  async start (): Promise<void> {
    const { process, links } = this
    const peers = this.disk.has('local/member') ? this.#hosts?.() ?? [] : await this.#join()
    const replica = await Replica.open(this.#journal, { peerId: this.id, onProblem: line => { this.say(() => line) } })
    const term = await this.#journal.get('term')

    this.replica = replica
    this.election = newElection(this.id, replica.origin, term == null ? 0 : Number(Buffer.from(term).toString()))
    this.jobs = new SimJobs(replica)
    this.coordinator = new SimCoordinator(this.#setting, this)
    await this.coordinator.start()

    replica.onChange(changes => {
      for (const { key, value } of changes) {
        if (key.startsWith('master/')) {
          links.know(key.slice('master/'.length), value)
        }
      }

      links.wakeFollowers()
    })

    for await (const { key, value } of replica.iterate('master/')) {
      links.know(key.slice('master/'.length), value)
    }

    if (!links.records.has(this.id)) {
      await replica.write([{ key: `master/${this.id}`, value: toBytes({ name: nameOf(this.id), addresses: [], atMs: Date.now() }) }])
    }

    links.begin()
    this.#setting.network.listen(this)
    peers.forEach(peer => { links.meet(peer) })
    links.beatForEver()
    process.every(TICK_MS, () => { this.elect({ kind: 'tick', random: this.#setting.world.random() }) })
    this.coordinator.tickForEver()
    // whoever was typed has been dialled once by then
    process.after(peers.length === 0 ? 0 : FIRST_DIAL_MS, () => { this.elect({ kind: 'start' }) })
  }

  /** Becomes a member of the mesh: resolves with the masters that there are. */
  async #join (): Promise<string[]> {
    for (let joined = this.#hosts == null; !joined;) {
      const host = this.#setting.world.pick(this.#hosts!())

      await this.process.sleep(this.#setting.world.between(10, 500))
      joined = host != null && this.#setting.network.node(host)?.process.isAwake === true && this.#setting.network.isUp(this.id, host)
    }

    await this.#journal.put('local/member', new Uint8Array(0))

    return this.#hosts?.() ?? []
  }

  live (): string[] {
    return livePeers(this.election)
  }

  /** Another one is put out of the mesh. */
  async remove (master: string): Promise<void> {
    const record = this.links.records.get(master)

    await this.replica.write([{ key: `master/${master}`, value: toBytes({ name: nameOf(master), addresses: [], atMs: Math.max(Date.now(), (record?.atMs ?? 0) + 1), removed: true }) }])
  }

  /** Of a master that is there. */
  diskOf (master: string): Disk | undefined {
    const node = this.#setting.network.node(master)

    return node instanceof MasterLife ? node.disk : undefined
  }

  onConnection (peer: string): void {
    this.links.onConnection(peer)
  }

  onGone (peer: string): void {
    this.links.onGone(peer)
  }

  onStream (side: Side, protocol: string, from: string): void {
    switch (protocol) {
      case 'beat':
        return this.links.onBeats(side, from)
      case 'follow':
        return this.links.onFollow(side, from)
      case 'vector':
        side.listen(() => { side.send(this.replica.vector()) }, () => {})
        return
      case 'register':
        return this.registry.onRegister(side, from)
      case 'task':
        void this.registry.onTask(side, from)
        return
      case 'client':
      case 'relay':
        side.listen(message => {
          void this.#clients.answer(side, message, from)
        }, () => {})
    }
  }

  elect (event: Without<ElectionEvent>): void {
    if (this.election == null) {
      return
    }

    for (const effect of this.#setting.machines.election(this.election, { ...event, nowMs: this.process.monotonic() } as ElectionEvent)) {
      switch (effect.kind) {
        case 'persist-term':
          void this.#persistTerm(effect.term)
          break
        case 'reign':
          this.say(() => `reigns, term ${effect.claim.term}`)
          this.#setting.checker.reigns(this.id, effect.claim, this.#displaced())
          this.coordinator.reign(effect.claim)
          break
        case 'stand-down':
          this.say(() => 'stands down')
          this.coordinator.standDown()
          break
        case 'coordinator':
          this.say(() => `takes ${effect.claim == null ? 'nobody' : `${nameOf(effect.claim.master)}, term ${effect.claim.term},`} for the coordinator`)
          this.claimWaiters.wake()
          break
        case 'beat':
          this.links.beat(effect.to)
      }
    }
  }

  async #persistTerm (term: number): Promise<void> {
    await this.#journal.put('term', Buffer.from(String(term)))
    this.elect({ kind: 'term-persisted', term })
  }

  /** A master that reigns, to whom nothing has happened for a while, nor on the way to it. */
  #displaced (): string | undefined {
    const { world, network } = this.#setting

    return !this.process.isSteady(STEADY_MS)
      ? undefined
      : this.links.peers.find(peer => {
        const other = network.node(peer)

        return other instanceof MasterLife && other.claim != null && other.coordinator.reignedMs <= world.nowMs - STEADY_MS && other.process.isSteady(STEADY_MS) && network.isSteady(this.id, peer, STEADY_MS)
      })
  }

  say (line: () => string): void {
    this.#setting.world.say(() => `${nameOf(this.id)}: ${line()}`)
  }
}

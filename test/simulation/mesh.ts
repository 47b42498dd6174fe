export { random } from './random.ts'
import { Checker } from './checker.ts'
import { Disk } from './disk.ts'
import { nameOf, peerIdOf } from './ids.ts'
import { newJob, workerInfo } from './jobs.ts'
import { Network } from './network.ts'
import { sealJob } from './sim-jobs.ts'
import { MasterLife } from './sim-master.ts'
import { WorkerLife } from './sim-worker.ts'
import { Process, World } from './world.ts'
import type { Node } from './network.ts'
import type { Setting } from './setting.ts'
import type { ClientReply, ClientRequest } from './sim-clients.ts'
import type { WorkerInfo } from '../../src/model/machine.ts'

interface Place<L> {
  id: string
  disk: Disk
  life?: L
  /** Its disk is gone for good, and it with it. */
  lost: boolean
  backup?: Map<string, Uint8Array>
}

interface MasterPlace extends Place<MasterLife> {
  /** It is not the first of its mesh. */
  joins: boolean
}

interface WorkerPlace extends Place<WorkerLife> { info: WorkerInfo, kind: number }

/** After an unanswered question another master is asked. */
const CLIENT_PATIENCE_MS = 15_000
const CLIENT_TRIES = 6

/** Masters, workers and clients, and all that may befall them. */
export class Mesh {
  readonly world: World
  readonly checker: Checker
  readonly masters: Array<MasterPlace> = []
  readonly workers: WorkerPlace[] = []
  readonly #setting: Setting
  readonly #network: Network
  readonly #client: Process
  readonly #lazyDisks: boolean
  readonly #jobs: string[] = []
  /** How often each disturbance happens in this life: some lives know only a few. */
  readonly #weights: Array<{ weight: number, run: () => void }>
  #births = { m: 0, w: 0 }
  /** Workers that were lost when a job for some was submitted: a master may have counted on them. */
  #countedOn: WorkerPlace[] = []
  #isHealed = false
  /** Masters that are to take the place of others. */
  #replacing = 0
  /** Questions of clients that are not settled. */
  #asking = 0

  constructor (seed: number, { machines, tells, lazyDisks, journal }: { tells: boolean, lazyDisks: boolean } & Pick<Setting, 'machines' | 'journal'>) {
    const world = this.world = new World(seed, tells)

    this.checker = new Checker(world)
    this.#lazyDisks = lazyDisks
    this.#network = new Network(world)
    this.#setting = { world, network: this.#network, machines, journal, checker: this.checker, ...(world.chance(0.4) ? { retainMs: world.between(500, 15_000) } : {}) }
    this.#client = new Process(world, peerIdOf('c', 0), 0)
    this.#network.listen({ process: this.#client, onStream: () => {} })
    this.#weights = this.#disturbances().map(({ weight, run }) => ({ weight: world.chance(0.6) ? weight : 0, run }))
    this.#weights.push({ weight: 10, run: () => { this.#submit() } })
  }

  begin (): void {
    const { world } = this
    const masters = world.chance(0.15) ? 1 : world.chance(0.75) ? 2 + Math.floor(world.between(0, 2)) : 4 + Math.floor(world.between(0, 4))
    const workers = world.chance(0.9) ? 1 + Math.floor(world.between(0, 5)) : 6 + Math.floor(world.between(0, 45))

    for (let i = 0; i < masters; i++) {
      this.#newMaster(i > 0)
    }

    for (let i = 0; i < workers; i++) {
      this.#newWorker(i)
    }
  }

  /** Something happens somewhere. */
  disturb (): void {
    const { world } = this
    let at = world.between(0, this.#weights.reduce((sum, { weight }) => sum + weight, 0))

    for (const { weight, run } of this.#weights) {
      at -= weight

      if (at < 0) {
        return run()
      }
    }
  }

  heal (): void {
    this.#isHealed = true

    const nodes = [...this.masters, ...this.workers, { id: this.#client.id }]

    for (const a of nodes) {
      for (const b of nodes) {
        if (a.id !== b.id) {
          Object.assign(this.#network.way(a.id, b.id), { least: 0.2, most: 8, changedAtMs: this.world.nowMs })
          this.#network.setUp(a.id, b.id, true)
        }
      }
    }

    this.masters.forEach(master => { this.#startMaster(master) })
    this.workers.forEach(worker => { this.#startWorker(worker) })
    // beside those that took their place before
    this.#countedOn.forEach(({ kind }) => { this.#newWorker(kind) })
  }

  /** What is wrong, if this is the end. */
  final (): string[] {
    const lives = this.masters.flatMap(({ lost, life }) => lost ? [] : life?.process.alive === true && life.isReady ? [life] : [])
    const missing = this.masters.filter(({ lost, life }) => !lost && (life?.isReady !== true || !life.process.isAwake)).map(({ id }) => `${nameOf(id)} is not there`)

    return [...missing, ...this.#asking > 0 ? ['clients are asking'] : [], ...this.#replacing > 0 ? ['a master is to come'] : [], ...this.checker.final(lives, id => this.workers.find(worker => worker.id === id && !worker.lost)?.disk)]
  }

  /** Tasks of which there is more than one record. */
  duplicates (): number {
    return [...this.masters[0]?.life?.state.jobs.values() ?? []].flatMap(({ tasks }) => [...tasks.values()]).filter(({ records }) => records.size > 1).length
  }

  #disturbances (): Array<{ weight: number, run: () => void }> {
    const { world } = this
    const master = (): MasterPlace => world.pick(this.masters.filter(({ lost }) => !lost))!
    const worker = (): WorkerPlace => world.pick(this.workers.filter(({ lost }) => !lost))!
    const node = (): string => world.chance(0.6) ? master().id : worker().id
    const coordinator = (): MasterPlace => this.masters.find(({ life }) => life?.process.alive === true && life.claim != null) ?? master()

    return [
      { weight: 3, run: () => { this.#cancel() } },
      { weight: 2, run: () => { this.#killMaster(master()) } },
      { weight: 2, run: () => { this.#killMaster(coordinator()) } },
      { weight: 4, run: () => { this.#startMaster(master()) } },
      { weight: 2, run: () => { this.#killWorker(worker()) } },
      { weight: 2, run: () => { this.#startWorker(worker()) } },
      {
        weight: 1,
        run: () => {
          const place = coordinator()

          this.#killMaster(place)
          this.#startMaster(place)
        }
      },
      { weight: 0.5, run: () => { this.masters.forEach(place => { this.#killMaster(place) }) } },
      {
        weight: 0.5,
        run: () => {
          this.masters.forEach(place => { this.#killMaster(place) })
          this.workers.forEach(place => { this.#killWorker(place) })
        }
      },
      { weight: 1, run: () => { this.#loseMaster(world.chance(0.5) ? coordinator() : master()) } },
      { weight: 0.5, run: () => { this.#loseWorker(worker()) } },
      { weight: 2, run: () => { this.#back(master()) } },
      { weight: 1, run: () => { this.#restore(world.chance(0.5) ? coordinator() : master()) } },
      { weight: 2, run: () => { this.#pause(world.chance(0.5) ? coordinator() : world.pick([...this.masters, ...this.workers])!) } },
      { weight: 0.5, run: () => { this.#jump(world.pick([...this.masters, ...this.workers])!) } },
      { weight: 2, run: () => { this.#link(master().id, node(), false) } },
      { weight: 2, run: () => { this.#oneWay(node(), master().id) } },
      { weight: 2, run: () => { this.#partition() } },
      { weight: 2, run: () => { this.#flap(master().id, node(), Math.floor(world.between(3, 20))) } },
      { weight: 2, run: () => { this.#break(master().id, node()) } },
      { weight: 2, run: () => { this.#break(coordinator().id, worker().id) } },
      { weight: 1, run: () => { this.#slow(node(), master().id) } },
      { weight: 3, run: () => { this.#link(master().id, node(), true) } },
      { weight: 3, run: () => { this.#joinUp() } }
    ]
  }

  #say (line: () => string): void {
    this.world.say(line)
  }

  // lives

  #newMaster (joins: boolean): void {
    const place: MasterPlace = { id: peerIdOf('m', this.#births.m++), disk: new Disk(this.world, { lazy: this.#lazyDisks }), lost: false, joins }

    this.masters.push(place)
    this.#startMaster(place)
  }

  #startMaster (place: MasterPlace): void {
    if (place.lost || place.life?.process.alive === true) {
      return
    }

    const life = new MasterLife(this.#setting, new Process(this.world, place.id, this.world.between(-50, 50)), place.disk, place.joins ? () => this.masters.flatMap(({ id, lost }) => lost || id === place.id ? [] : [id]) : undefined)

    place.life = life
    this.#say(() => `${nameOf(place.id)} starts`)
    life.process.input(this.world.between(1, 200), () => {
      this.world.stir()
      life.start().catch(err => { this.checker.fault(`${nameOf(place.id)} cannot start: ${err.stack}`) })
    })
  }

  /** `kind` = what it can do. */
  #newWorker (kind: number): void {
    const id = peerIdOf('w', this.#births.w++)
    const place: WorkerPlace = {
      id,
      disk: new Disk(this.world, { lazy: this.#lazyDisks }),
      lost: false,
      info: workerInfo(id, nameOf(id), kind),
      kind
    }

    this.workers.push(place)
    this.#startWorker(place)
  }

  #startWorker (place: WorkerPlace): void {
    if (place.lost || place.life?.process.alive === true) {
      return
    }

    const life = new WorkerLife(this.#setting, new Process(this.world, place.id, this.world.between(-50, 50)), place.disk, place.info, () => this.masters.flatMap(({ id, lost }) => lost ? [] : [id]))

    place.life = life
    this.#say(() => `${nameOf(place.id)} starts`)
    life.process.input(this.world.between(1, 200), () => {
      this.world.stir()
      life.start().catch(err => { this.checker.fault(`${nameOf(place.id)} cannot start: ${err.stack}`) })
    })
  }

  #kill (place: Place<Node>): boolean {
    if (place.life?.process.alive !== true) {
      return false
    }

    const silently = this.world.chance(0.3)

    this.#say(() => `${nameOf(place.id)} is killed${silently ? ', and its machine is gone' : ''}`)
    place.life.process.kill()
    place.disk.powerCut()
    this.#network.died(place.id, silently)

    return true
  }

  #killMaster (place: MasterPlace): void {
    this.#kill(place)
  }

  #killWorker (place: WorkerPlace): void {
    if (this.#kill(place)) {
      this.checker.stops(place.id)
    }
  }

  /** Its disk with it. Another machine takes its place, when there is somebody to join. */
  #loseMaster (place: MasterPlace): void {
    if (!this.masters.some(other => other !== place && !other.lost && other.disk.has('local/member'))) {
      return
    }

    this.#killMaster(place)
    this.#say(() => `the disk of ${nameOf(place.id)} is lost`)
    place.lost = true
    this.checker.diskChanged(place.id)
    this.#replace(place.id)
  }

  #replace (lost: string): void {
    this.#replacing++
    this.world.after(this.world.between(500, 5_000), () => {
      this.#replacing--

      const host = this.masters.find(({ life }) => life?.process.isAwake === true && life.isReady)

      if (host == null) {
        return this.#replace(lost)
      }

      this.#say(() => `${nameOf(lost)} is put out of the mesh`)
      this.world.stir()
      void host.life!.remove(lost)
      this.#newMaster(true)
    })
  }

  #loseWorker (place: WorkerPlace): void {
    this.#killWorker(place)
    this.#say(() => `the disk of ${nameOf(place.id)} is lost`)
    place.lost = true
    // a job may have been accepted because of what this one can do
    this.#newWorker(place.kind)
  }

  #back (place: MasterPlace): void {
    place.backup = place.disk.copy()
    this.#say(() => `a backup of ${nameOf(place.id)} is made`)
  }

  #restore (place: MasterPlace): void {
    if (place.backup == null) {
      return
    }

    this.#killMaster(place)
    this.#say(() => `${nameOf(place.id)} is restored from its backup`)
    place.disk = new Disk(this.world, { lazy: this.#lazyDisks, records: place.backup })
    this.checker.diskChanged(place.id)
    this.#startMaster(place)
  }

  #pause (place: Place<Node>): void {
    const ms = this.world.between(100, this.world.chance(0.3) ? 30_000 : 5_000)

    this.#say(() => `${nameOf(place.id)} stands still for ${Math.round(ms)} ms`)
    place.life?.process.pause(ms)
  }

  #jump (place: Place<Node>): void {
    const ms = this.world.between(-60_000, 60_000) * (this.world.chance(0.2) ? 60 : 1)

    if (place.life != null) {
      this.#say(() => `the clock of ${nameOf(place.id)} is set by ${Math.round(ms)} ms`)
      place.life.process.wallAheadMs += ms
      this.checker.strays(place.id)
    }
  }

  // links

  #link (a: string, b: string, up: boolean): void {
    if (a !== b) {
      this.#say(() => `${nameOf(a)} - ${nameOf(b)} ${up ? 'is up' : 'is down'}`)
      this.#network.link(a, b, up)
    }
  }

  #oneWay (from: string, to: string): void {
    if (from !== to) {
      const [a, b] = this.world.chance(0.5) ? [from, to] : [to, from]

      this.#say(() => `${nameOf(a)} -> ${nameOf(b)} is down`)
      this.#network.setUp(a, b, false)
    }
  }

  /** Workers are on one side, or between the two. */
  #partition (): void {
    const { world } = this
    const side = (): number => world.chance(0.5) ? 0 : 1
    const sides = new Map<string, number>([...this.masters.map(({ id }): [string, number] => [id, side()]), ...this.workers.map(({ id }): [string, number] => [id, world.chance(0.3) ? 2 : side()])])

    this.#say(() => `partition: ${[0, 1, 2].map(number => [...sides].filter(([, own]) => own === number).map(([id]) => nameOf(id)).join(' ')).join(' | ')}`)

    for (const [a, left] of sides) {
      for (const [b, right] of sides) {
        if (a < b && left + right === 1) {
          this.#network.link(a, b, false)
        }
      }
    }
  }

  #joinUp (): void {
    this.#say(() => 'all links are up')
    const nodes = [...this.masters, ...this.workers]

    nodes.forEach(a => {
      nodes.forEach(b => {
        if (a.id < b.id) {
          this.#network.link(a.id, b.id, true)
        }
      })
    })
  }

  #flap (a: string, b: string, times: number): void {
    if (a === b || this.#isHealed) {
      return
    }

    this.#network.link(a, b, times % 2 === 0)
    this.#say(() => `${nameOf(a)} - ${nameOf(b)} flaps`)

    if (times > 0) {
      this.world.after(this.world.between(20, 900), () => { this.#flap(a, b, times - 1) })
    }
  }

  #break (a: string, b: string): void {
    this.#say(() => `${nameOf(a)} - ${nameOf(b)} breaks`)
    this.#network.connection(a, b)?.cut()
  }

  #slow (from: string, to: string): void {
    const most = this.world.between(50, 3_000)

    this.#say(() => `${nameOf(from)} -> ${nameOf(to)} takes up to ${Math.round(most)} ms`)
    Object.assign(this.#network.way(from, to), { most, changedAtMs: this.world.nowMs })
  }

  // clients

  #submit (): void {
    const job = newJob(this.world, this.#jobs.length, this.workers.map(({ info }) => info.name), this.masters.length)

    if (job.placement.on === 'some') {
      this.#countedOn = this.workers.filter(({ lost }) => lost)
    }

    this.#jobs.push(job.id)
    this.#say(() => `a client submits ${job.id.slice(-3)}, ${job.map == null ? job.placement.on : 'map'}${job.retryLostMs == null ? '' : ', retry lost'}${job.replicas == null ? '' : `, ${job.replicas} replicas`}`)
    this.world.stir()
    void this.#ask({ kind: 'submit', job: sealJob(job) }, CLIENT_TRIES)
  }

  #cancel (): void {
    const job = this.world.pick(this.#jobs)

    if (job != null) {
      this.#say(() => `a client cancels ${job.slice(-3)}`)
      this.world.stir()
      this.checker.wantsCancel(job)
      void this.#ask({ kind: 'cancel', id: job }, CLIENT_TRIES)
    }
  }

  /** Says the same to one master after the other until one has answered. */
  async #ask (request: ClientRequest, tries: number): Promise<void> {
    const client = this.#client

    this.#asking++

    for (let left = tries; left > 0; left--) {
      const master = this.world.pick(this.masters.filter(({ lost }) => !lost))!.id
      const reply = await this.#askOne(master, request).catch(() => undefined)

      if (reply?.kind === 'accepted' || reply?.kind === 'cancelled' || (reply?.kind === 'refused' && reply.code !== 'failed' && reply.code !== 'no-worker')) {
        break
      }

      await client.sleep(200)
    }

    this.#asking--
  }

  async #askOne (master: string, request: ClientRequest): Promise<ClientReply | undefined> {
    await this.#network.dial(this.#client, master)

    const side = this.#network.open(this.#client, master, 'client')

    if (side == null) {
      return undefined
    }

    const { promise, resolve } = Promise.withResolvers<ClientReply | undefined>()
    const settle = (reply?: ClientReply): void => {
      this.world.stir()
      resolve(reply)
    }

    side.listen((reply: ClientReply) => {
      if (reply.kind === 'accepted') {
        reply.onHeard()
      } else if (reply.kind === 'cancelled') {
        this.checker.cancelled(reply.id, reply.by, reply.pending)
      }

      settle(reply)
    }, () => { settle() })
    side.send({ request, hops: 0 })
    this.#client.after(CLIENT_PATIENCE_MS, () => {
      side.close()
      settle()
    })

    return promise
  }
}

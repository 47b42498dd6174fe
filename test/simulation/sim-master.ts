import { MeshmarkError, isMeshmarkError, toError } from '../../src/model/errors.ts'
import { executionId, parseExecutionId } from '../../src/model/ids.ts'
import { chooseExpired } from '../../src/roles/master/retention.ts'
import { nextAlarmMs } from '../../src/roles/master/coordinator/deadlines.ts'
import { COMMANDS, emptyCoordinator } from '../../src/roles/master/coordinator/state.ts'
import { isCancelPending } from '../../src/roles/master/coordinator/tasks.ts'
import { freezeTargets } from '../../src/roles/master/coordinator/targets.ts'
import { SETTLE_MS } from '../../src/roles/master/coordinator/place.ts'
import { BEAT_MS, newElection } from '../../src/roles/master/election/state.ts'
import { beatFor, livePeers, routeToCoordinator } from '../../src/roles/master/election/step.ts'
import { FactFeed, restoreEvent, resultEvent } from '../../src/roles/master/fact-feed.ts'
import { countBehind, follow, Follower, isCovered } from '../../src/roles/master/follow.ts'
import { Slots } from '../../src/roles/master/slots.ts'
import { Replica } from '../../src/roles/master/replica/replica.ts'
import { ToldCancels } from '../../src/roles/master/told-cancels.ts'
import { nameOf, shortExecution } from './ids.ts'
import { journalOn } from './disk.ts'
import { channelOf } from './network.ts'
import { fromBytes, openJob, SimJobs, toBytes } from './sim-jobs.ts'
import type { Machines, Setting } from './setting.ts'
import type { Disk } from './disk.ts'
import type { Node, Side } from './network.ts'
import type { Process } from './world.ts'
import type { Job } from '../../src/model/job.ts'
import type { Beat } from '../../src/node/protocol/masters/messages.ts'
import type { Channel } from '../../src/node/protocol/protocol.ts'
import type { Claim, ListedMaster, WorkerMessage } from '../../src/node/protocol/register/messages.ts'
import type { SlotReply, SlotRequest } from '../../src/node/protocol/slot/messages.ts'
import type { TaskReport } from '../../src/node/protocol/task/messages.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, JobEntry, TaskEntry } from '../../src/roles/master/coordinator/state.ts'
import type { ElectionEvent, ElectionState } from '../../src/roles/master/election/state.ts'
import type { JobStore } from '../../src/roles/master/job-store.ts'
import type { Position, Vector } from '../../src/roles/master/replica/replica.ts'
import type { Journal } from '../../src/store/journal.ts'

const TICK_MS = 75
const COORDINATOR_TICK_MS = 1_000
const PROGRESS_MS = 500
const FIRST_DIAL_MS = 1_000
const CATCH_UP_MS = 1_000
const RETURN_MS = 1_500
const RETRY_MS = { first: 50, most: 1_000 }
const FOLLOW_AGAIN_MS = 1_000
const PATIENCE_MS = 10_000
const AGAIN_MS = 100
/** Answers to AVAILABLE and START by which an execution has not begun. */
const DECLINES: ReadonlySet<string> = new Set(['busy', 'no-payload', 'refused'])
const CANCEL_PATIENCE_MS = 20_000
const MAX_HOPS = 8
const PRUNE_MS = 5_000
const STEADY_MS = 4_000

export type ClientRequest = { kind: 'submit', job: Uint8Array } | { kind: 'cancel', id: string }
export type ClientReply =
  /** `onHeard` is called when the answer has reached the client. */
  | { kind: 'accepted', id: string, masters: string[], existing: boolean, onHeard: () => void }
  | { kind: 'cancelled', id: string, pending: string[], by: string }
  | { kind: 'refused', code: string, reason: string }

type Without<E> = E extends { nowMs: number } ? Omit<E, 'nowMs'> : never
type OneElectionEvent = Without<ElectionEvent>

interface Link {
  peer: string
  follower: Follower
  beats?: Side
  following: boolean
  dialling: boolean
}

/** One life of a master: what the shells in roles/master do, on simulated time, network and disk. */
export class MasterLife implements Node {
  readonly process: Process
  readonly disk: Disk
  readonly state: CoordinatorState = emptyCoordinator()
  election!: ElectionState
  replica!: Replica
  claim?: Claim
  readonly #setting: Setting
  readonly #machines: Machines
  readonly #journal: Journal
  readonly #links = new Map<string, Link>()
  readonly #records = new Map<string, ListedMaster>()
  readonly #registered = new Map<string, Side>()
  readonly #watchers = new Set<() => void>()
  readonly #claimWaiters = new Set<() => void>()
  /** Other masters of the mesh that this one is to join. */
  readonly #hosts?: () => string[]
  #reignedMs = 0
  #startedAtMs = 0
  #alarmAtMs = Infinity
  #feed!: FactFeed
  #slots!: Slots
  #jobs!: SimJobs
  #effects: Promise<void> = Promise.resolve()

  /** `hosts` = those that it may join; absent = it makes a mesh of its own. */
  constructor (setting: Setting, process: Process, disk: Disk, hosts?: () => string[]) {
    this.#setting = setting
    this.#machines = setting.machines
    this.process = process
    this.disk = disk
    this.#hosts = hosts
    this.#journal = setting.journal(journalOn(setting.world, process, disk), process)
  }

  get id (): string {
    return this.process.id
  }

  get isReady (): boolean {
    return this.replica != null && this.election?.started
  }

  async start (): Promise<void> {
    const { process } = this
    const peers = this.disk.has('local/member') ? this.#hosts?.() ?? [] : await this.#join()
    const replica = await Replica.open(this.#journal, { peerId: this.id, onProblem: line => { this.#say(() => line) } })
    const term = await this.#journal.get('term')

    this.replica = replica
    this.election = newElection(this.id, replica.origin, term == null ? 0 : Number(Buffer.from(term).toString()))
    this.#jobs = new SimJobs(replica)

    const told = new ToldCancels({
      holds: async (job, { master, proof }) => {
        this.#setting.world.stir()

        return master != null && proof != null && (master === this.id || this.#records.has(master)) && Buffer.compare(proof, proofOf(job, master)) === 0
      },
      isOpen: job => this.state.jobs.get(job)?.cancelled === false,
      cancel: async job => this.#cancelJob(job),
      claim: () => this.claim,
      log: line => { this.#say(() => line) }
    })

    this.#slots = new Slots({
      open: async worker => this.#openSlot(worker),
      after: (ms, run) => this.#after(ms, run),
      claim: () => this.#claimOf(),
      firstId: Math.floor(this.#setting.world.nowMs) * 1_000,
      onAnswer: (worker, execution, reply) => {
        this.#say(() => `${nameOf(worker)} answers ${reply.kind} for ${shortExecution(execution)}${'reason' in reply ? ` (${reply.reason})` : ''}`)

        if (DECLINES.has(reply.kind)) {
          this.#setting.checker.declines(this.id, execution)
        }

        if (reply.kind === 'stale') {
          this.#elect({ kind: 'stale', highest: reply.highest })
        }

        told.heed(execution, [reply], ([reply]) => { this.#dispatch({ kind: 'answer', worker, execution, reply: reply! }) })
      },
      onOutcomes: (worker, outcomes) => {
        outcomes.forEach(({ execution, outcome }) => {
          this.#say(() => `${nameOf(worker)} answers START of ${shortExecution(execution)}: ${outcome.kind}${'reason' in outcome ? ` (${outcome.reason})` : ''}`)

          if (DECLINES.has(outcome.kind)) {
            this.#setting.checker.declines(this.id, execution)
          }
        })
        told.heed(outcomes[0]?.execution ?? '', outcomes.map(({ outcome }) => outcome), heard => {
          this.#dispatch({ kind: 'outcomes', worker, outcomes: outcomes.map(({ execution }, at) => ({ execution, outcome: heard[at]! })) })
        })
      },
      onReturned: (worker, executions, reason) => {
        this.#say(() => `${nameOf(worker)} gives back ${executions.map(shortExecution).join()} (${reason})`)
        this.#dispatch({ kind: 'returned', worker, executions, reason })
      },
      onRecalled: (worker, execution, reply) => {
        this.#say(() => `${nameOf(worker)} answers ${reply.kind} to the recall of ${shortExecution(execution)}`)
        this.#dispatch({ kind: 'recall-answered', worker, execution, reply })
      },
      onLost: (worker, executions, reason, unsent) => {
        this.#say(() => `the slot stream to ${nameOf(worker)} is lost with ${executions.map(shortExecution).join() || 'nothing'}: ${reason}`)
        this.#dispatch({ kind: 'stream-lost', worker, executions, unsent, reason })
      }
    })

    this.#feed = new FactFeed({
      replica,
      jobs: this.#jobs as unknown as JobStore,
      knows: job => this.state.jobs.has(job),
      dispatch: event => { this.#learn(event) },
      log: line => { this.#say(() => line) }
    })
    this.#feed.start()

    for await (const stored of this.#jobs.all()) {
      this.#learn(restoreEvent(stored, await this.#jobs.results(stored.job.id)))
    }

    replica.onChange(changes => {
      for (const { key, value } of changes) {
        if (key.startsWith('master/')) {
          this.#know(key.slice('master/'.length), value)
        }
      }

      this.#wakeFollowers()
    })

    for await (const { key, value } of replica.iterate('master/')) {
      this.#know(key.slice('master/'.length), value)
    }

    const known = this.#records.get(this.id)

    if (known == null) {
      await replica.write([{ key: `master/${this.id}`, value: toBytes({ name: nameOf(this.id), addresses: [], atMs: Date.now() }) }])
    }

    this.#startedAtMs = process.monotonic()
    this.#setting.network.listen(this)
    peers.forEach(peer => { this.#meet(peer) })
    process.every(BEAT_MS, () => { this.#links.forEach(link => { this.#sendBeat(link) }) })
    process.every(TICK_MS, () => { this.#elect({ kind: 'tick', random: this.#setting.world.random() }) })
    process.every(COORDINATOR_TICK_MS, () => { this.#dispatch({ kind: 'tick' }) })
    process.every(PRUNE_MS, () => { void this.#prune() })
    // whoever was typed has been dialled once by then
    process.after(peers.length === 0 ? 0 : FIRST_DIAL_MS, () => { this.#elect({ kind: 'start' }) })
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
    const record = this.#records.get(master)

    await this.replica.write([{ key: `master/${master}`, value: toBytes({ name: nameOf(master), addresses: [], atMs: Math.max(Date.now(), (record?.atMs ?? 0) + 1), removed: true }) }])
  }

  onConnection (peer: string): void {
    const link = this.#links.get(peer)

    if (link != null) {
      this.#openBeats(link)
      void this.#follow(link)
    }
  }

  onGone (peer: string): void {
    const link = this.#links.get(peer)

    if (link != null) {
      void this.#connect(link)
    }
  }

  onStream (side: Side, protocol: string, from: string): void {
    switch (protocol) {
      case 'beat': {
        const link = this.#meet(from)

        if (link != null) {
          this.#hearBeats(link, side)
        }
        return
      }
      case 'follow':
        this.#meet(from)?.follower.serve(channelOf(this.#setting.world, side)).catch(() => {})
        return
      case 'vector':
        side.listen(() => { side.send(this.replica.vector()) }, () => {})
        return
      case 'register':
        return this.#register(side, from)
      case 'task':
        void this.#take(side, from)
        return
      case 'client':
      case 'relay':
        side.listen(message => {
          void this.#answerClient(side, message, from)
        }, () => {})
    }
  }

  // between masters

  #know (peer: string, value: Uint8Array): void {
    const record = { peerId: peer, ...fromBytes<Omit<ListedMaster, 'peerId'>>(value) }

    this.#records.set(peer, record)
    this.#registered.forEach(side => { side.send({ kind: 'masters', masters: [...this.#records.values()] }) })

    if (peer === this.id) {
      return
    }

    if (record.removed === true) {
      const link = this.#links.get(peer)

      this.#links.delete(peer)
      link?.beats?.close()
      this.#elect({ kind: 'peer-removed', peer })
    } else {
      this.#meet(peer)
    }
  }

  #meet (peer: string): Link | undefined {
    if (peer === this.id || this.#records.get(peer)?.removed === true) {
      return undefined
    }

    const known = this.#links.get(peer)

    if (known != null) {
      return known
    }

    const link: Link = { peer, follower: new Follower(this.replica), following: false, dialling: false }

    this.#links.set(peer, link)
    this.#elect({ kind: 'peer-added', peer })
    void this.#connect(link)
    this.onConnection(peer)

    return link
  }

  async #connect (link: Link): Promise<void> {
    const { network } = this.#setting
    let wait: number = RETRY_MS.first

    if (link.dialling) {
      return
    }

    link.dialling = true

    while (this.#links.get(link.peer) === link && !network.isConnected(this.process, link.peer)) {
      try {
        await network.dial(this.process, link.peer)
      } catch {
        this.#elect({ kind: 'unreachable', peer: link.peer })
        wait = Math.min(wait * 2, RETRY_MS.most)
        await this.process.sleep(wait)
      }
    }

    link.dialling = false
  }

  #openBeats (link: Link): void {
    const { network } = this.#setting

    if (this.id < link.peer && this.#links.get(link.peer) === link && (link.beats == null || link.beats.isOver)) {
      const side = network.open(this.process, link.peer, 'beat')

      if (side != null) {
        this.#hearBeats(link, side)
      }
    }
  }

  #hearBeats (link: Link, side: Side): void {
    link.beats?.close()
    link.beats = side
    side.listen((beat: Beat) => {
      if (link.beats === side) {
        this.#elect({ kind: 'beat', peer: link.peer, beat })
      }
    }, () => {
      if (link.beats === side) {
        link.beats = undefined
        this.process.after(RETRY_MS.first, () => { this.#openBeats(link) })
      }
    })
    this.#sendBeat(link)
  }

  #sendBeat (link: Link): void {
    if (link.beats != null && !link.beats.isOver) {
      const beat = beatFor(this.election, link.peer, this.process.monotonic())

      if (beat != null) {
        link.beats.send(beat)
      }
    }
  }

  async #follow (link: Link): Promise<void> {
    const { network, world } = this.#setting

    if (link.following) {
      return
    }

    link.following = true

    while (this.#links.get(link.peer) === link && network.isConnected(this.process, link.peer)) {
      const side = network.open(this.process, link.peer, 'follow')

      if (side != null) {
        await follow(channelOf(world, side), this.replica, () => { this.#wakeFollowers() }, new AbortController().signal).catch(err => {
          this.#say(() => `follows ${nameOf(link.peer)} no more: ${toError(err).message}`)
        })
      }

      if (network.isConnected(this.process, link.peer)) {
        await this.process.sleep(FOLLOW_AGAIN_MS)
      }
    }

    link.following = false
  }

  #wakeFollowers (): void {
    this.#setting.world.stir()
    this.#links.forEach(({ follower }) => { follower.wake() })
  }

  async #replicated (position: Position): Promise<string[]> {
    const outcomes = await Promise.all(this.live().map(async peer => ({ peer, has: await this.#hasIt(peer, position) })))

    return [this.id, ...outcomes.filter(({ has }) => has).map(({ peer }) => peer)]
  }

  async #hasIt (peer: string, position: Position): Promise<boolean> {
    const follower = this.#links.get(peer)?.follower

    return follower != null && this.#reached(() => isCovered(follower.vector, position), listener => follower.watch(() => {
      if (follower.vector != null) {
        listener()
      }
    }), PROGRESS_MS)
  }

  /** roles/master/progress.ts on simulated time. */
  async #reached (condition: () => boolean, watch: (listener: () => void) => () => void, patienceMs: number): Promise<boolean> {
    if (condition()) {
      return true
    }

    const { promise, resolve } = Promise.withResolvers<boolean>()
    let deadline = 0
    const giveUpLater = (): void => {
      const mine = ++deadline

      this.process.after(patienceMs, () => {
        if (mine === deadline) {
          this.#setting.world.stir()
          resolve(false)
        }
      })
    }
    const forget = watch(() => {
      if (condition()) {
        resolve(true)
      } else {
        giveUpLater()
      }
    })

    giveUpLater()

    return promise.finally(forget)
  }

  async #catchUp (claim: Claim): Promise<void> {
    const live = this.live()
    const returnsMs = this.#links.size > live.length ? this.#startedAtMs + RETURN_MS - this.process.monotonic() : 0

    await Promise.all([...live.map(async peer => this.#catchUpWith(peer)), returnsMs > 0 ? this.process.sleep(returnsMs) : undefined])
    await this.#feed.said()

    if (this.claim === claim) {
      this.#say(() => 'has caught up')
      this.#dispatch({ kind: 'caught-up' })
    }
  }

  async #catchUpWith (peer: string): Promise<void> {
    const side = this.#setting.network.open(this.process, peer, 'vector')

    if (side == null) {
      return
    }

    const theirs = await new Promise<Vector | undefined>(resolve => {
      const settle = (vector?: Vector): void => {
        this.#setting.world.stir()
        resolve(vector)
      }

      side.listen(settle, () => { settle() })
      side.send('want-vector')
      this.process.after(CATCH_UP_MS, () => { settle() })
    })

    if (theirs != null) {
      let missing = Infinity

      await this.#reached(() => countBehind(theirs, this.replica.vector()) === 0, listener => this.replica.onChange(() => {
        const now = countBehind(theirs, this.replica.vector())

        if (now < missing) {
          missing = now
          listener()
        }
      }), CATCH_UP_MS)
    }
  }

  #elect (event: OneElectionEvent): void {
    if (this.election == null) {
      return
    }

    for (const effect of this.#machines.election(this.election, { ...event, nowMs: this.process.monotonic() } as ElectionEvent)) {
      switch (effect.kind) {
        case 'persist-term':
          void this.#persistTerm(effect.term)
          break
        case 'reign':
          this.#say(() => `reigns, term ${effect.claim.term}`)
          this.#setting.checker.reigns(this.id, effect.claim, this.#displaced())
          this.#reign(effect.claim)
          break
        case 'stand-down':
          this.#say(() => 'stands down')
          this.#standDown()
          break
        case 'coordinator':
          this.#say(() => `takes ${effect.claim == null ? 'nobody' : `${nameOf(effect.claim.master)}, term ${effect.claim.term},`} for the coordinator`)
          this.#claimWaiters.forEach(wake => { wake() })
          break
        case 'beat':
          for (const link of effect.to == null ? this.#links.values() : [this.#links.get(effect.to)]) {
            if (link != null) {
              this.#sendBeat(link)
            }
          }
      }
    }
  }

  async #persistTerm (term: number): Promise<void> {
    await this.#journal.put('term', Buffer.from(String(term)))
    this.#elect({ kind: 'term-persisted', term })
  }

  // the coordinator

  async #openSlot (worker: string): Promise<Channel<SlotReply, SlotRequest>> {
    const { world, network } = this.#setting

    await this.process.sleep(0.1)

    const side = network.open(this.process, worker, 'slot')

    if (side == null) {
      throw new Error('the worker is not connected')
    }

    return channelOf(world, side)
  }

  #after (ms: number, run: () => void): () => void {
    let isWanted = true

    this.process.after(ms, () => {
      if (isWanted) {
        this.#setting.world.stir()
        run()
      }
    })

    return () => { isWanted = false }
  }

  #reign (claim: Claim): void {
    if (this.claim != null) {
      this.#standDown()
    }

    this.claim = claim
    this.#reignedMs = this.#setting.world.nowMs
    this.#dispatch({ kind: 'reign', catchingUp: true })
    void this.#catchUp(claim)
    this.process.after(SETTLE_MS, () => {
      if (this.claim === claim) {
        this.#dispatch({ kind: 'tick' })
      }
    })
  }

  /** A master that reigns, to whom nothing has happened for a while, nor on the way to it. */
  #displaced (): string | undefined {
    const { world, network } = this.#setting

    return !this.process.isSteady(STEADY_MS)
      ? undefined
      : [...this.#links.keys()].find(peer => {
          const other = network.node(peer)

          return other instanceof MasterLife && other.claim != null && other.#reignedMs <= world.nowMs - STEADY_MS && other.process.isSteady(STEADY_MS) && network.isSteady(this.id, peer, STEADY_MS)
        })
  }

  #standDown (): void {
    this.claim = undefined
    this.#dispatch({ kind: 'stand-down' })
    this.#slots.drop('another master coordinates')
  }

  #claimOf (): Claim {
    if (this.claim == null) {
      throw new MeshmarkError('refused', 'another master coordinates')
    }

    return this.claim
  }

  #dispatch (event: Without<CoordinatorEvent>): void {
    this.#learn({ ...event, nowMs: this.process.wall() } as CoordinatorEvent)
  }

  #learn (event: CoordinatorEvent): void {
    const effects = this.#machines.coordinator(this.state, event)
    const { claim } = this

    this.#setAlarm()

    for (const effect of effects) {
      if (effect.kind === 'persist-assign') {
        this.#setting.checker.assigns(this, effect.execution)
      }
    }

    if (effects.length > 0) {
      this.#setting.world.stir()
      this.#effects = this.#effects.then(async () => this.#carryOut(effects, claim)).catch(err => {
        this.#setting.checker.fault(`master ${nameOf(this.id)}: ${toError(err).stack}`)
      })
    }

    if (effects.some(({ kind }) => kind === 'task-changed' || kind === 'worker-changed')) {
      this.#watchers.forEach(wake => { wake() })
    }
  }

  #setAlarm (): void {
    const atMs = nextAlarmMs(this.state)

    if (atMs !== this.#alarmAtMs) {
      this.#alarmAtMs = atMs

      if (atMs !== Infinity) {
        this.process.after(Math.min(Math.max(0, atMs - this.process.wall()), 60_000), () => {
          if (this.#alarmAtMs === atMs) {
            this.#alarmAtMs = Infinity
            this.#dispatch({ kind: 'alarm' })
          }
        })
      }
    }
  }

  async #carryOut (effects: CoordinatorEffect[], claim: Claim | undefined): Promise<void> {
    const assigned = this.#assign(effects.flatMap(effect => effect.kind === 'persist-assign' ? [effect.execution] : []))

    for (const effect of effects) {
      if (COMMANDS.has(effect.kind) && (this.claim == null || this.claim !== claim)) {
        continue
      }

      switch (effect.kind) {
        case 'ask':
          void this.#ask(effect.worker, effect.execution)
          break
        case 'rollback':
          void this.#slots.rollback(effect.worker, effect.execution)
          break
        case 'recall':
          void this.#slots.recall(effect.worker, effect.execution)
          break
        case 'send-payload':
          void this.#sendPayload(effect.worker, effect.execution)
          break
        case 'start':
          void this.#startAssigned(effect, assigned)
          break
        case 'cancel-on':
          void this.#cancelOn(effect.worker, effect.job)
          break
        case 'expire':
          this.#say(() => `the deadline of ${effect.job.slice(-3)} has passed`)
          this.#setting.checker.expires(effect.job)
          await this.#jobs.cancel(effect.job, true)
          this.#dispatch({ kind: 'cancel', job: effect.job, expired: true })
          break
        case 'job-ended':
          this.#say(() => `job ${effect.job.slice(-3)} has ended`)

          if (claim != null) {
            await this.#jobs.end(effect.job, effect.atMs)
          }
          break
        case 'task-changed': {
          const task = this.state.jobs.get(effect.job)?.tasks.get(effect.task)

          this.#say(() => `job ${effect.job.slice(-3)}, task ${effect.task.length > 20 ? nameOf(effect.task) : effect.task}: ${task?.state}${task?.worker == null ? '' : ` at ${nameOf(task.worker)}`}, attempt ${task?.attempt}${task?.reason == null ? '' : ` (${task.reason})`}`)
        }
      }
    }
  }

  async #assign (executions: string[]): Promise<void> {
    if (executions.length > 0) {
      await this.#replicated(await this.#jobs.assign(executions))
    }
  }

  async #ask (worker: string, execution: string): Promise<void> {
    const job = this.state.jobs.get(parseExecutionId(execution).job)?.job

    await this.#slots.ask(worker, execution, job?.kind === 'run', job?.payload == null ? [] : [job.payload.id])
  }

  /** roles/master/starts.ts without instants. */
  async #startAssigned ({ starts, reserved }: Extract<CoordinatorEffect, { kind: 'start' }>, assigned: Promise<void>): Promise<void> {
    const intents = starts.map(({ worker, executions }) => this.#slots.intend(worker, executions, reserved))

    await assigned
    await Promise.all(intents.map(async intent => {
      const executions = [...intent.executions]

      if (executions.length === 0) {
        return
      }

      const id = parseExecutionId(executions[0]!).job
      const job = {
        id,
        sealed: async () => {
          const sealed = await this.#jobs.sealed(id)

          if (sealed == null) {
            throw new Error('its record is missing in the journal')
          }

          return sealed
        }
      }

      for (const execution of executions) {
        this.#say(() => `START of ${shortExecution(execution)}`)
        this.#setting.checker.commands(this, execution)
      }

      await this.#slots.start(intent, job).catch(err => {
        // the reign is over
        this.#say(() => toError(err).message)
      })
    }))
  }

  async #sendPayload (worker: string, execution: string): Promise<void> {
    const { world, network } = this.#setting

    await this.process.sleep(world.between(5, 400))
    this.#dispatch(network.isConnected(this.process, worker) && network.isUp(this.id, worker)
      ? { kind: 'payload-sent', execution }
      : { kind: 'payload-failed', execution, reason: 'the stream broke', refused: false })
  }

  async #cancelOn (worker: string, job: string): Promise<void> {
    try {
      const reply = await this.#slots.cancel(worker, job, proofOf(job, this.id))

      if (reply.kind === 'cancelled') {
        this.#dispatch({ kind: 'cancel-answered', job, worker })
      } else if (reply.kind === 'stale') {
        this.#elect({ kind: 'stale', highest: reply.highest })
      }
    } catch {
      // it is told again when it registers
    }
  }

  async #prune (): Promise<void> {
    if (this.claim == null || this.#setting.retainMs == null) {
      return
    }

    const finished = [...this.state.jobs.values()].flatMap(({ job, finishedAtMs }) => finishedAtMs == null ? [] : [{ id: job.id, finishedAtMs, bytes: 0 }])
    const expired = chooseExpired(finished, { ageMs: this.#setting.retainMs }, Date.now())

    if (expired.length > 0) {
      this.#say(() => `removes ${expired.map(id => id.slice(-3)).join(', ')}`)
      await this.#jobs.bury(expired, Date.now())
      expired.forEach(id => {
        this.#setting.checker.buries(this, id)
        this.#dispatch({ kind: 'forget', job: id })
      })
    }
  }

  // workers

  #register (side: Side, worker: string): void {
    const heed = ({ highest }: WorkerMessage): void => {
      if (highest != null) {
        this.#elect({ kind: 'worker-claim', claim: highest })
      }
    }

    side.listen((message: WorkerMessage) => {
      heed(message)

      if (message.kind === 'register') {
        const previous = this.#registered.get(worker)

        this.#registered.set(worker, side)
        previous?.close(new Error('replaced by a newer registration'))
        side.send({ kind: 'registered', name: nameOf(worker), claim: this.election.coordinator, meshTimeMs: Date.now(), masters: [...this.#records.values()] })
        this.#dispatch({ kind: 'worker-registered', info: message.info, holds: message.holds, draining: false })
      } else {
        this.#dispatch({ ...message, kind: 'worker-state', worker })
      }
    }, () => {
      if (this.#registered.get(worker) === side) {
        this.#registered.delete(worker)
        this.#dispatch({ kind: 'worker-gone', worker })
      }
    })
  }

  /** roles/master/task-handler.ts without outputs. */
  async #take (side: Side, worker: string): Promise<void> {
    const channel = channelOf<TaskReport, unknown>(this.#setting.world, side)

    try {
      const begin = await channel.receive()

      if (begin?.kind !== 'begin') {
        return
      }

      const { execution } = begin
      const key = parseExecutionId(execution)

      if (this.replica.isBuried(key.job)) {
        return await channel.send({ kind: 'unwanted' })
      }

      const task = this.state.jobs.get(key.job)?.tasks.get(key.task)
      const isThere = task?.worker === worker && task.attempt === key.attempt && !task.prepared && ['starting', 'running', 'cancelling'].includes(task.state)

      if (task == null || (task.target != null && task.target !== worker)) {
        return await channel.send({ kind: 'refused', reason: 'not known here' })
      }

      if (!isThere && !await this.#jobs.isAssigned(execution)) {
        this.#dispatch({ kind: 'worker-holds', worker, execution })

        return await channel.send({ kind: 'refused', reason: 'never given to this worker' })
      }

      await channel.send({ kind: 'resume', stdout: 0, stderr: 0 })

      for (let report = await channel.receive(); report != null; report = await channel.receive()) {
        if (report.kind === 'result') {
          const { result } = report

          await this.#jobs.addResult(result)
          this.#learn(resultEvent(result))
          this.#setting.checker.takes(this, executionId(result.key))
          await channel.send({ kind: 'stored' })
          return
        }
      }
    } catch {
      // the stream broke: the worker comes again
    }
  }

  // clients

  async #answerClient (side: Side, { request, hops }: { request: ClientRequest, hops: number }, from: string): Promise<void> {
    const reply = await this.#steer(request, hops).catch((err): ClientReply => ({ kind: 'refused', code: isMeshmarkError(err) ? err.code : 'failed', reason: toError(err).message }))

    this.#say(() => `tells ${nameOf(from)}: ${reply.kind} ${request.kind === 'submit' ? openJob(request.job).id.slice(-3) : request.id.slice(-3)}${'reason' in reply ? ` (${reply.reason})` : ''}${'masters' in reply ? ` on ${reply.masters.map(nameOf).join()}` : ''}`)
    side.send(reply)
    side.close()
  }

  async #steer (request: ClientRequest, hops: number): Promise<ClientReply> {
    if (request.kind === 'cancel') {
      return this.#carryOutForClient(request, hops, async () => this.#cancel(request.id))
    }

    const job = openJob(request.job)
    const known = await this.#jobs.sealed(job.id)

    if (known != null) {
      if (Buffer.compare(known, request.job) !== 0) {
        throw new MeshmarkError('conflict', 'submitted before with another content')
      }

      return this.#accepted(job.id, await this.#replicated(await this.replica.write([{ key: `job/${job.id}`, value: known }])), true)
    }

    return this.#carryOutForClient(request, hops, async () => this.#accept(job, request.job))
  }

  async #carryOutForClient (request: ClientRequest, hops: number, here: () => Promise<ClientReply>): Promise<ClientReply> {
    const untilMs = this.process.monotonic() + PATIENCE_MS

    for (;;) {
      if (!await this.#untilCoordinator(untilMs)) {
        throw new MeshmarkError('failed', 'no coordinator took this')
      }

      if (this.election.reign != null) {
        return here()
      }

      const to = routeToCoordinator(this.election)

      if (to != null && hops < MAX_HOPS) {
        const reply = await this.#relay(to, { request, hops: hops + 1 }, this.election.coordinator?.master)

        if (reply != null) {
          return reply
        }
      }

      await this.process.sleep(AGAIN_MS)
    }
  }

  async #untilCoordinator (untilMs: number): Promise<boolean> {
    while (this.election.coordinator == null) {
      const leftMs = untilMs - this.process.monotonic()

      if (leftMs <= 0) {
        return false
      }

      await this.#next(this.#claimWaiters, leftMs)
    }

    return this.process.monotonic() < untilMs
  }

  async #relay (to: string, message: { request: ClientRequest, hops: number }, coordinator: string | undefined): Promise<ClientReply | undefined> {
    const { network, world } = this.#setting
    const side = network.open(this.process, to, 'relay')

    if (side == null) {
      return undefined
    }

    const { promise, resolve } = Promise.withResolvers<ClientReply | undefined>()
    const settle = (reply?: ClientReply): void => {
      world.stir()
      resolve(reply)
    }
    const watch = (): void => {
      if (side.isOver) {
        return
      }

      if (this.election.coordinator?.master !== coordinator) {
        side.close()
        settle()
      } else {
        this.process.after(AGAIN_MS, watch)
      }
    }

    side.listen(settle, () => { settle() })
    side.send(message)
    watch()

    return promise
  }

  async #accept (job: Job, sealed: Uint8Array): Promise<ClientReply> {
    const targets = freezeTargets(this.state, job)
    const acceptedAtMs = Date.now()
    const check = (masters: number): void => {
      if (job.replicas != null && masters < job.replicas) {
        throw new MeshmarkError('refused', `${job.replicas} masters are wanted, and there are ${masters}`)
      }
    }
    const accepted = (): void => { this.#dispatch({ kind: 'accept', job, acceptedAtMs, targets }) }

    check(1 + this.live().length)

    const position = await this.#jobs.accept(job, sealed, { acceptedAtMs, targets })

    if (job.replicas == null) {
      accepted()
    }

    const on = await this.#replicated(position)

    if (job.replicas != null && on.length < job.replicas) {
      await this.#jobs.bury([job.id], Date.now())
      this.#dispatch({ kind: 'forget', job: job.id })
      check(on.length)
    }

    if (job.replicas != null) {
      if (this.replica.isBuried(job.id)) {
        throw new MeshmarkError('refused', 'another master has refused it meanwhile')
      }

      accepted()
    }

    return this.#accepted(job.id, on, false)
  }

  #accepted (id: string, masters: string[], existing: boolean): ClientReply {
    return { kind: 'accepted', id, masters, existing, onHeard: this.#setting.checker.accepts(id, masters, master => this.#diskOf(master)) }
  }

  #diskOf (master: string): Disk | undefined {
    const node = this.#setting.network.node(master)

    return node instanceof MasterLife ? node.disk : undefined
  }

  async #cancel (id: string): Promise<ClientReply> {
    const entry = this.state.jobs.get(id)

    if (entry == null) {
      throw new MeshmarkError('usage', 'no such job')
    }

    await this.#cancelJob(id)

    const pending = await this.#cancelled(entry)

    this.#setting.checker.cancels(this, id)

    return { kind: 'cancelled', id, pending, by: this.id }
  }

  async #cancelJob (id: string): Promise<void> {
    if (this.state.jobs.get(id)?.finishedAtMs != null) {
      return
    }

    const position = await this.#jobs.cancel(id)

    this.#dispatch({ kind: 'cancel', job: id })
    await this.#replicated(position)
  }

  async #cancelled (entry: JobEntry): Promise<string[]> {
    const untilMs = this.process.monotonic() + CANCEL_PATIENCE_MS
    const cancelling = (): TaskEntry[] => [...entry.tasks.values()].filter(task => task.state === 'cancelling')

    while (cancelling().some(task => this.state.workers.get(task.worker ?? '')?.connected === true) && this.process.monotonic() < untilMs) {
      await this.#next(this.#watchers, untilMs - this.process.monotonic())
    }

    return [...entry.tasks.values()].filter(isCancelPending).map(task => task.worker ?? task.name)
  }

  /** Something of this kind happens, or the time is up. */
  async #next (waiters: Set<() => void>, ms: number): Promise<void> {
    await new Promise<void>(resolve => {
      const wake = (): void => {
        this.#setting.world.stir()
        waiters.delete(wake)
        resolve()
      }

      waiters.add(wake)
      this.process.after(ms, wake)
    })
  }

  #say (line: () => string): void {
    this.#setting.world.say(() => `${nameOf(this.id)}: ${line()}`)
  }
}

/** In place of a signature. */
function proofOf (job: string, master: string): Uint8Array {
  return Buffer.from(`${master} cancels ${job}`)
}

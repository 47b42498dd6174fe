import { unmetDemand } from '../../src/machine/demands.ts'
import { executionId, parseExecutionId } from '../../src/model/ids.ts'
import { mapTask, parseMapTask } from '../../src/model/map.ts'
import { isTaskEnd } from '../../src/model/states.ts'
import { entryOf } from '../../src/model/task-commands.ts'
import { encodeResult } from '../../src/node/protocol/model/index.ts'
import { compareClaims } from '../../src/roles/claim.ts'
import { AVOID_MS, MAX_AVOID_MS } from '../../src/roles/master/coordinator/avoidance.ts'
import { MAX_ATTEMPTS } from '../../src/roles/master/coordinator/records.ts'
import { isFact } from '../../src/roles/master/replica/facts.ts'
import { nameOf, shortExecution } from './ids.ts'
import { openJob } from './sim-jobs.ts'
import type { Disk } from './disk.ts'
import type { MasterLife } from './sim-master.ts'
import type { WorkerLife } from './sim-worker.ts'
import type { World } from './world.ts'
import type { ExecutionKey } from '../../src/model/ids.ts'
import type { Job } from '../../src/model/job.ts'
import type { RestartRule } from '../../src/model/restart.ts'
import type { ExecutionResult } from '../../src/model/result.ts'
import type { Claim } from '../../src/node/protocol/register/messages.ts'

interface Acceptance {
  /** Master -> the era of its disk when the answer was given. */
  masters: Map<string, number>
  received: boolean
}

/**
 * Sees everything and believes nobody: counts starts where they happen, and
 * keeps what was promised to whom, apart from all journals.
 */
export class Checker {
  readonly faults: string[] = []
  /** What was started -> the master whose START it was. */
  readonly #starts = new Map<string, string | undefined>()
  /** Master and execution: its worker has said to it that this has not begun. */
  readonly #declined = new Set<string>()
  /** Worker -> what runs there. */
  readonly #running = new Map<string, Map<string, { measured: boolean }>>()
  /** Begun by the journal, and cancelled before it was true. */
  readonly #abandoned = new Set<string>()
  /** Worker -> the highest claim that it has obeyed. */
  readonly #obeyed = new Map<string, Claim>()
  readonly #records = new Map<string, { worker: string, bytes: string, outcome: string, atMs: number }>()
  /** Their clocks were set. */
  readonly #strayed = new Set<string>()
  readonly #accepted = new Map<string, Acceptance[]>()
  readonly #cancelled = new Map<string, { by: string, era: number, pending: string[] }>()
  /** Execution -> who sent START. */
  readonly #commands = new Map<string, { master: string, knewOfCancel: boolean }>()
  readonly #expired = new Set<string>()
  /** Clients have asked for their cancel. */
  readonly #unwanted = new Set<string>()
  /** Job -> masters that have said that it is cancelled. */
  readonly #cancels = new Map<string, Array<{ master: string, era: number }>>()
  /** Workers take nothing of these, since they were cancelled there. */
  readonly #denied = new Set<string>()
  readonly #buried = new Map<string, Array<{ master: string, era: number }>>()
  /** Execution -> the masters that have confirmed its record. */
  readonly #takers = new Map<string, Array<{ master: string, era: number }>>()
  readonly #reigns = new Map<string, { claim: Claim, era: number }>()
  /** Grows when a disk is lost or brought back from a backup. */
  readonly #eras = new Map<string, number>()
  readonly #world: World

  constructor (world: World) {
    this.#world = world
  }

  fault (what: string): void {
    this.#world.say(() => `FAULT: ${what}`)
    this.faults.push(what)
  }

  /** The disk is not what it was. */
  diskChanged (id: string): void {
    this.#eras.set(id, this.#era(id) + 1)
  }

  /** `displaced` = one that reigns and is there, as this master must know. */
  reigns (master: string, claim: Claim, displaced: string | undefined): void {
    if (displaced != null) {
      this.fault(`master ${nameOf(master)} displaces ${nameOf(displaced)}, which is there and reigns`)
    }

    const before = this.#reigns.get(master)

    if (before != null && before.era === this.#era(master) && claim.term <= before.claim.term) {
      this.fault(`master ${nameOf(master)} claims term ${claim.term} after term ${before.claim.term}`)
    }

    this.#reigns.set(master, { claim, era: this.#era(master) })
  }

  /** A master is about to assign. */
  assigns (master: MasterLife, execution: string): void {
    const key = parseExecutionId(execution)

    for (const [other, startedBy] of this.#starts) {
      // across a partition nobody can know that another one has given it out as well
      if (startedBy !== master.id && this.#declined.has(`${master.id} ${other}`)) {
        continue
      }

      if (this.#isTakenBy(master, key, other)) {
        this.fault(`master ${nameOf(master.id)} gives ${shortExecution(execution)} to a worker that has ${shortExecution(other)}, as it knows, and they are for different workers`)
      }

      if (other !== execution && other.startsWith(`${key.job}/${key.task}/`) && parseExecutionId(other).attempt === key.attempt && master.disk.has(`assign/${other}`)) {
        this.fault(`master ${nameOf(master.id)} gives ${shortExecution(execution)} to be done, and knows that ${shortExecution(other)} was assigned, which has begun`)
      }
    }
  }

  /** Was another task of this job, which is for different workers, given to that worker, and has not failed there since? */
  #isTakenBy ({ disk }: MasterLife, key: ExecutionKey, other: string): boolean {
    const { job, task, worker } = parseExecutionId(other)
    const sealed = disk.get(`job/${key.job}`)

    if (job !== key.job || task === key.task || worker !== key.worker || sealed == null || openJob(sealed).placement.on !== 'some' || !disk.has(`assign/${other}`)) {
      return false
    }

    const { retry } = openJob(sealed)
    const given = disk.keys(`assign/${job}/${task}/`).map(key => parseExecutionId(key.slice('assign/'.length)))
    const ends = disk.keys(`result/${job}/${task}/`).map(key => key.slice('result/'.length))

    return disk.has(`result/${other}`)
      ? retry?.when !== 'always' && this.#records.get(other)?.outcome === 'done' && countedOf(ends, execution => this.#records.get(execution)?.outcome ?? '', retry) === other
      // it may run elsewhere by now, or have run there
      : ends.length === 0 && given.length === 1
  }

  /** Its worker tells a master that it has not begun, and will not. */
  declines (master: string, execution: string): void {
    this.#declined.add(`${master} ${execution}`)
  }

  /** Its wall clock is not what it was. */
  strays (id: string): void {
    this.#strayed.add(id)
  }

  /** START is sent. */
  commands (master: MasterLife, execution: string): void {
    const { job } = parseExecutionId(execution)

    this.#checkAvoidance(master, execution)

    if (!master.disk.has(`assign/${execution}`) && !master.disk.has(`tombstone/${job}`)) {
      this.fault(`START of ${shortExecution(execution)} is sent before it is journaled`)
    }

    this.#commands.set(execution, { master: master.id, knewOfCancel: this.#knewOfCancel(master, job) })
  }

  /** Who could not run a task the last time gets it again after a while only. */
  #checkAvoidance (master: MasterLife, execution: string): void {
    const key = parseExecutionId(execution)
    const before = [...this.#records].filter(([other]) => other.startsWith(`${key.job}/${key.task}/`) && master.disk.has(`result/${other}`))
    const last = before.filter(([other]) => parseExecutionId(other).attempt === key.attempt - 1)
    const [record] = last
    const refusals = before.filter(([, { worker, outcome }]) => worker === key.worker && outcome === 'not-run').length

    // of several of one attempt, and where a silence raises attempts as well, it may have been given away before this one was heard of
    if (record == null || last.length > 1 || record[1].worker !== key.worker || record[1].outcome !== 'not-run' || this.#strayed.has(master.id) || master.state.jobs.get(key.job)?.job.retryLostMs != null || master.state.jobs.get(key.job)?.tasks.get(key.task)?.target != null) {
      return
    }

    const waitMs = Math.min(AVOID_MS * 2 ** (refusals - 1), MAX_AVOID_MS)

    if (this.#world.nowMs < record[1].atMs + waitMs) {
      this.fault(`${shortExecution(execution)} is given to a worker that could not run it ${Math.round(this.#world.nowMs - record[1].atMs)} ms ago, and not after ${waitMs} ms`)
    }
  }

  /** A worker does what it is told under this claim. */
  obeys (worker: string, claim: Claim): void {
    const highest = this.#obeyed.get(worker)

    if (highest != null && compareClaims(claim, highest) < 0) {
      this.fault(`${nameOf(worker)} obeys ${nameOf(claim.master)} of term ${claim.term} after ${nameOf(highest.master)} of term ${highest.term}`)
    }
  }

  /** And has said so. */
  hasObeyed (worker: string, claim: Claim): void {
    const highest = this.#obeyed.get(worker)

    if (highest == null || compareClaims(claim, highest) > 0) {
      this.#obeyed.set(worker, claim)
    }
  }

  starts (worker: WorkerLife, execution: string, sealed: Uint8Array): void {
    const key = parseExecutionId(execution)
    const job = openJob(sealed)
    const unmet = unmetDemand(worker.info, job, key.task)
    const beside = this.#running.get(worker.id) ?? new Map<string, { measured: boolean }>()
    const measured = job.kind === 'run'
    const cancelled = this.#cancelled.get(key.job)
    const command = this.#commands.get(execution)

    if (this.#starts.has(execution)) {
      this.fault(`${shortExecution(execution)} starts again`)
    }

    for (const [other, { measured: alone }] of beside) {
      if (measured || alone || beside.size >= (worker.info.slots ?? 1)) {
        this.fault(`${shortExecution(execution)} starts beside ${shortExecution(other)}`)
      }
    }

    if (key.worker !== worker.id || (targetOf(job, key.task) ?? worker.id) !== worker.id) {
      this.fault(`${shortExecution(execution)} starts on ${nameOf(worker.id)}`)
    }

    if (unmet != null) {
      this.fault(`${shortExecution(execution)} runs where it must not: ${unmet}`)
    }

    if (key.attempt > furtherAttempts(job, key.task)) {
      this.fault(`${shortExecution(execution)} is a further attempt that nobody wanted`)
    }

    if (job.map != null) {
      this.#checkOrder(job, key)
    }

    if (job.placement.on === 'some' && [...beside.keys()].some(other => parseExecutionId(other).job === key.job)) {
      this.fault(`${shortExecution(execution)} starts beside another task of its job, which is for different workers`)
    }

    if (!worker.disk.has(`start/${execution}`)) {
      this.fault(`${shortExecution(execution)} starts before the worker's journal says so`)
    }

    if (worker.disk.has(`cancelled/${key.job}`)) {
      this.fault(`${shortExecution(execution)} starts although its worker knows that it is cancelled`)
    }

    // across a partition nobody can know of it, nor who was restored from a backup that is older
    if (cancelled != null && !cancelled.pending.includes(worker.id) && ((command?.master === cancelled.by && this.#era(cancelled.by) === cancelled.era) || command?.knewOfCancel === true)) {
      this.fault(`${shortExecution(execution)} starts after its cancel was answered`)
    }

    this.#starts.set(execution, command?.master)
    this.#running.set(worker.id, beside.set(execution, { measured }))
  }

  /** Whatever a coordinator knows or does not: the one worker of a list has done what stands before. */
  #checkOrder (job: Job, key: ExecutionKey): void {
    const { worker, list, entry } = parseMapTask(key.task)

    if (entry === 0) {
      return
    }

    const before = `${key.job}/${mapTask(worker, list, entry - 1)}/${worker}/`
    const ends = [...this.#records].flatMap(([execution, { outcome }]) => execution.startsWith(before) ? [outcome] : [])

    if ([...this.#running.get(worker)?.keys() ?? []].some(execution => execution.startsWith(before))) {
      this.fault(`${shortExecution(executionId(key))} starts beside the entry before it`)
    }

    if (job.map?.lists[list]?.keepGoing === true ? ends.length === 0 : !ends.includes('done')) {
      this.fault(`${shortExecution(executionId(key))} starts before the entry before it is done: ${ends.join() || 'not begun'}`)
    }
  }

  /** The program is no more. */
  stops (worker: string, execution?: string): void {
    if (execution == null) {
      this.#running.delete(worker)
    } else {
      this.#running.get(worker)?.delete(execution)
    }
  }

  /** It counts as begun, and never will. */
  abandons (execution: string): void {
    if (this.#starts.has(execution)) {
      this.fault(`${shortExecution(execution)} is abandoned, and has started`)
    }

    this.#abandoned.add(execution)
  }

  /** A worker's record is on its disk. */
  records (worker: string, result: ExecutionResult): void {
    const execution = executionId(result.key)
    const bytes = Buffer.from(encodeResult(result)).toString('base64')
    const known = this.#records.get(execution)

    // a worker that dies between its journal and the start cannot know that it did not begin
    if (!this.#starts.has(execution) && result.outcome !== 'interrupted' && !(result.outcome === 'cancelled' && this.#abandoned.has(execution))) {
      this.fault(`${nameOf(worker)} has a record of ${shortExecution(execution)}, which has never started`)
    }

    if (known != null && known.bytes !== bytes) {
      this.fault(`${nameOf(worker)} has two records of ${shortExecution(execution)}: ${known.outcome} and ${result.outcome}`)
    }

    this.#records.set(execution, { worker, bytes, outcome: result.outcome, atMs: known?.atMs ?? this.#world.nowMs })
  }

  /** A master says that it has the result. */
  takes (master: MasterLife, execution: string): void {
    const { job } = parseExecutionId(execution)

    this.#takers.set(execution, [...this.#takers.get(execution) ?? [], { master: master.id, era: this.#era(master.id) }])

    if (!master.disk.has(`result/${execution}`) && !master.disk.has(`tombstone/${job}`)) {
      this.fault(`master ${nameOf(master.id)} says that it has ${shortExecution(execution)}, and has not`)
    }
  }

  /** A master answers a client; returns what is to be called when the client hears it. */
  accepts (job: string, masters: string[], diskOf: (master: string) => Disk | undefined): () => void {
    for (const master of masters) {
      const disk = diskOf(master)

      // of one that was lost or restored it was true
      if (this.#era(master) === 0 && disk != null && !disk.has(`job/${job}`) && !disk.has(`tombstone/${job}`)) {
        this.fault(`job ${job.slice(-3)} is said to be accepted on ${nameOf(master)}, which has it not`)
      }
    }

    const acceptance: Acceptance = { masters: new Map(masters.map(master => [master, this.#era(master)])), received: false }

    this.#accepted.set(job, [...this.#accepted.get(job) ?? [], acceptance])

    return () => { acceptance.received = true }
  }

  /** A client hears that its job is cancelled. */
  cancelled (job: string, by: string, pending: string[]): void {
    this.#cancelled.set(job, { by, era: this.#era(by), pending })
  }

  /** A client wants its job cancelled. */
  wantsCancel (job: string): void {
    this.#unwanted.add(job)
  }

  /** A master is about to say that the job is cancelled. What had ended before was not. */
  cancels (master: MasterLife, job: string): void {
    if (master.disk.has(`cancel/${job}`)) {
      this.#cancels.set(job, [...this.#cancels.get(job) ?? [], { master: master.id, era: this.#era(master.id) }])
    }
  }

  /** A worker takes nothing of this job any more. */
  denies (job: string): void {
    this.#denied.add(job)
  }

  /** A master that coordinates calls its deadline passed. */
  expires (job: string): void {
    this.#expired.add(job)
  }

  /** A tombstone is on this master's disk. */
  buries (master: MasterLife, job: string): void {
    this.#buried.set(job, [...this.#buried.get(job) ?? [], { master: master.id, era: this.#era(master.id) }])
  }

  /** What is wrong when everything has been whole for long enough. */
  final (masters: MasterLife[], diskOf: (worker: string) => Disk | undefined): string[] {
    const [first] = masters

    return first == null ? ['there is no master'] : [...unity(masters), ...masters.flatMap(master => this.#ends(master)), ...this.#promises(first, diskOf)]
  }

  #era (id: string): number {
    return this.#eras.get(id) ?? 0
  }

  #knewOfCancel (master: MasterLife, job: string): boolean {
    return this.#cancelled.has(job) && master.disk.has(`cancel/${job}`)
  }

  /** Every job has ended, by records that there are. */
  #ends (master: MasterLife): string[] {
    const faults: string[] = []
    const say = (what: string): void => { faults.push(`at ${nameOf(master.id)}: ${what}`) }

    for (const key of master.disk.keys('job/')) {
      const id = key.slice('job/'.length)
      const entry = master.state.jobs.get(id)

      if (entry == null) {
        say(`job ${id.slice(-3)} is on disk and not known`)
        continue
      }

      if (entry.finishedAtMs == null) {
        say(`job ${id.slice(-3)} does not end`)
      }

      for (const task of entry.tasks.values()) {
        const label = `task ${task.name.length > 20 ? nameOf(task.name) : task.name} of ${id.slice(-3)}`

        if (!isTaskEnd(task.state)) {
          say(`${label} does not end: it is ${task.state}`)
        } else if (!['lost', 'cancelled'].includes(task.state) && task.records.size === 0 && !(task.state === 'not-run' && task.info != null && unmetDemand(task.info, entry.job, task.name) != null)) {
          say(`${label} is ${task.state} without a record`)
        } else if (task.state === 'cancelled' && task.records.size === 0 && entry.job.map == null && !master.disk.has(`cancel/${id}`)) {
          say(`${label} is cancelled, and nobody has cancelled it`)
        } else if (task.state === 'lost' && targetOf(entry.job, task.name) == null && !this.#denied.has(id) && master.disk.keys(`assign/${id}/${task.name}/`).length === 0) {
          say(`${label} is lost, and was never given to anybody`)
        }

        const counted = countedOf(master.disk.keys(`result/${id}/${task.name}/`).map(key => key.slice('result/'.length)), execution => this.#records.get(execution)?.outcome ?? '', ruleOf(entry.job, task.name))

        if (counted != null && (task.state !== this.#records.get(counted)?.outcome || executionId({ job: id, task: task.name, worker: task.worker ?? '', attempt: task.attempt }) !== counted)) {
          say(`${label} is ${task.state} at ${nameOf(task.worker ?? '')}, attempt ${task.attempt}, is counted, and not ${shortExecution(counted)}`)
        }

        for (const [execution, { outcome }] of task.records) {
          if (this.#records.get(execution)?.outcome !== outcome) {
            say(`${label} has a record ${outcome} of ${shortExecution(execution)}, which its worker has not: ${this.#records.get(execution)?.outcome}`)
          }
        }
      }
    }

    return faults
  }

  /** What anybody was promised. All masters are known to have the same. */
  #promises (master: MasterLife, diskOf: (worker: string) => Disk | undefined): string[] {
    const faults: string[] = []
    const { disk } = master

    for (const [job, acceptances] of this.#accepted) {
      const isHeld = acceptances.some(({ received, masters }) => received && [...masters].some(([id, era]) => this.#era(id) === era))

      if (isHeld && !disk.has(`job/${job}`) && !disk.has(`tombstone/${job}`)) {
        faults.push(`job ${job.slice(-3)} was accepted and is lost`)
      }
    }

    for (const [job, witnesses] of this.#buried) {
      if (disk.has(`job/${job}`) && witnesses.some(({ master, era }) => this.#era(master) === era)) {
        faults.push(`job ${job.slice(-3)} was removed and is there again`)
      }
    }

    for (const [job, witnesses] of this.#cancels) {
      if (disk.has(`job/${job}`) && !disk.has(`cancel/${job}`) && witnesses.some(({ master, era }) => this.#era(master) === era)) {
        faults.push(`the cancel of job ${job.slice(-3)} is lost`)
      }
    }

    for (const key of disk.keys('cancel/')) {
      const job = key.slice('cancel/'.length)

      if (!this.#unwanted.has(job) && !this.#expired.has(job)) {
        faults.push(`the cancel of job ${job.slice(-3)} is invented`)
      }
    }

    for (const [execution, { worker, bytes }] of this.#records) {
      const { job } = parseExecutionId(execution)
      const kept = disk.get(`result/${execution}`)

      const takers = this.#takers.get(execution) ?? []
      // all to whom it was given have lost it since
      const isGone = takers.length > 0 && takers.every(({ master, era }) => this.#era(master) !== era)

      // where nobody knows any more that it was assigned, nobody takes it
      if (kept == null ? disk.has(`job/${job}`) && disk.has(`assign/${execution}`) && diskOf(worker) != null && (!isGone || diskOf(worker)!.has(`result/${execution}`)) : Buffer.from(kept).toString('base64') !== bytes) {
        faults.push(`the result of ${shortExecution(execution)} is ${kept == null ? 'lost' : 'not what its worker wrote'}`)
      }
    }

    for (const key of disk.keys('result/')) {
      if (!this.#records.has(key.slice('result/'.length))) {
        faults.push(`the result of ${shortExecution(key.slice('result/'.length))} is invented`)
      }
    }

    for (const key of disk.keys('conflict/')) {
      faults.push(`there are two of ${key}`)
    }

    return faults
  }
}

/** The one worker that a task is for. */
function targetOf (job: Job, task: string): string | undefined {
  return job.map != null ? parseMapTask(task).worker : job.placement.on === 'any' || job.placement.on === 'some' ? undefined : task
}

function ruleOf (job: Job, task: string): RestartRule | undefined {
  return job.map == null ? job.retry : entryOf(job, task).restart
}

/** Attempts beyond the first that somebody wants: each loss of a worker may be another one. */
function furtherAttempts (job: Job, task: string): number {
  const rule = ruleOf(job, task)
  const restarts = rule == null ? 0 : rule.max ?? Infinity

  return job.retryLostMs == null || job.map != null ? restarts : Math.max(restarts, MAX_ATTEMPTS - 1)
}

/** Of several records of a task that which tells most, and of these the lowest; of one that is run again the last, or the success after which it was not. */
function countedOf (executions: string[], outcomeOf: (execution: string) => string, rule: RestartRule | undefined): string | undefined {
  if (rule != null) {
    const successes = rule.when === 'on-failure' ? executions.filter(execution => outcomeOf(execution) === 'done') : []
    const from = successes.length > 0 ? successes : executions
    const last = Math.max(...from.map(execution => parseExecutionId(execution).attempt))

    executions = from.filter(execution => parseExecutionId(execution).attempt === last)
  }

  const weigh = (execution: string): number => ['done', 'failed', 'limit', 'not-run', 'cancelled', 'interrupted'].indexOf(outcomeOf(execution)) < 3 ? 0 : outcomeOf(execution) === 'interrupted' ? 2 : 1

  return executions.sort((a, b) => weigh(a) - weigh(b) || (a < b ? -1 : 1))[0]
}

/** One coordinator, and the same facts and the same view of all jobs at all masters. */
function unity (masters: MasterLife[]): string[] {
  const faults: string[] = []
  const [first, ...others] = masters
  const reigning = masters.filter(({ claim }) => claim != null)

  if (reigning.length !== 1) {
    faults.push(`${reigning.length} masters reign: ${reigning.map(({ id }) => nameOf(id)).join()}`)
  }

  for (const master of masters) {
    if (master.election.coordinator?.master !== reigning[0]?.id) {
      faults.push(`${nameOf(master.id)} takes ${nameOf(master.election.coordinator?.master ?? '')} for the coordinator`)
    }
  }

  const facts = factsOf(first!)
  const views = viewsOf(first!)

  for (const other of others) {
    const names = `${nameOf(first!.id)} and ${nameOf(other.id)}`

    faults.push(...differences(facts, factsOf(other)).map(key => `${names} differ in ${key}`))
    faults.push(...differences(views, viewsOf(other)).map(key => `${names} differ in their view of ${key}: ${views.get(key)} and ${viewsOf(other).get(key)}`))
  }

  return faults
}

function factsOf ({ disk }: MasterLife): Map<string, string> {
  return new Map(disk.keys('').filter(isFact).map(key => [key, Buffer.from(disk.get(key)!).toString('base64')]))
}

function viewsOf ({ state }: MasterLife): Map<string, string> {
  return new Map([...state.jobs].flatMap(([id, { tasks }]) => [...tasks.values()].map(task => [
    `${id.slice(-3)}/${task.name.length > 20 ? nameOf(task.name) : task.name}`,
    `${task.state}${task.records.size === 0 ? '' : ` at ${nameOf(task.worker ?? '')}, attempt ${task.attempt}`}`
  ])))
}

function differences (a: Map<string, string>, b: Map<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter(key => a.get(key) !== b.get(key)).slice(0, 3)
}

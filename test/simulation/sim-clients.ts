import { MeshmarkError, isMeshmarkError, toError } from '../../src/model/errors.ts'
import { isCancelPending } from '../../src/roles/master/coordinator/tasks.ts'
import { freezeTargets } from '../../src/roles/master/coordinator/targets.ts'
import { routeToCoordinator } from '../../src/roles/master/election/step.ts'
import { nameOf } from './ids.ts'
import { openJob } from './sim-jobs.ts'
import type { Side } from './network.ts'
import type { Setting } from './setting.ts'
import type { MasterLife } from './sim-master.ts'
import type { Job } from '../../src/model/job.ts'
import type { JobEntry, TaskEntry } from '../../src/roles/master/coordinator/state.ts'

const PATIENCE_MS = 10_000
const AGAIN_MS = 100
const CANCEL_PATIENCE_MS = 20_000
const MAX_HOPS = 8

export type ClientRequest = { kind: 'submit', job: Uint8Array } | { kind: 'cancel', id: string }
export type ClientReply =
  /** `onHeard` is called when the answer has reached the client. */
  | { kind: 'accepted', id: string, masters: string[], existing: boolean, onHeard: () => void }
  | { kind: 'cancelled', id: string, pending: string[], by: string }
  | { kind: 'refused', code: string, reason: string }

/** What a master answers clients, and other masters for theirs: roles/master/submit-handler.ts, relay.ts and acceptance.ts. */
export class SimClients {
  readonly #setting: Setting
  readonly #master: MasterLife

  constructor (setting: Setting, master: MasterLife) {
    this.#setting = setting
    this.#master = master
  }

  async answer (side: Side, { request, hops }: { request: ClientRequest, hops: number }, from: string): Promise<void> {
    const reply = await this.#steer(request, hops).catch((err): ClientReply => ({ kind: 'refused', code: isMeshmarkError(err) ? err.code : 'failed', reason: toError(err).message }))

    this.#master.say(() => `tells ${nameOf(from)}: ${reply.kind} ${request.kind === 'submit' ? openJob(request.job).id.slice(-3) : request.id.slice(-3)}${'reason' in reply ? ` (${reply.reason})` : ''}${'masters' in reply ? ` on ${reply.masters.map(nameOf).join()}` : ''}`)
    side.send(reply)
    side.close()
  }

  async #steer (request: ClientRequest, hops: number): Promise<ClientReply> {
    if (request.kind === 'cancel') {
      return this.#carryOutForClient(request, hops, async () => this.#cancel(request.id))
    }

    const job = openJob(request.job)
    const known = await this.#master.jobs.sealed(job.id)

    if (known != null) {
      if (Buffer.compare(known, request.job) !== 0) {
        throw new MeshmarkError('conflict', 'submitted before with another content')
      }

      return this.#accepted(job.id, await this.#master.links.replicated(await this.#master.replica.write([{ key: `job/${job.id}`, value: known }])), true)
    }

    return this.#carryOutForClient(request, hops, async () => this.#accept(job, request.job))
  }

  async #carryOutForClient (request: ClientRequest, hops: number, here: () => Promise<ClientReply>): Promise<ClientReply> {
    const untilMs = this.#master.process.monotonic() + PATIENCE_MS

    for (;;) {
      if (!await this.#untilCoordinator(untilMs)) {
        throw new MeshmarkError('failed', 'no coordinator took this')
      }

      if (this.#master.election.reign != null) {
        return here()
      }

      const to = routeToCoordinator(this.#master.election)

      if (to != null && hops < MAX_HOPS) {
        const reply = await this.#relay(to, { request, hops: hops + 1 }, this.#master.election.coordinator?.master)

        if (reply != null) {
          return reply
        }
      }

      await this.#master.process.sleep(AGAIN_MS)
    }
  }

  async #untilCoordinator (untilMs: number): Promise<boolean> {
    while (this.#master.election.coordinator == null) {
      const leftMs = untilMs - this.#master.process.monotonic()

      if (leftMs <= 0) {
        return false
      }

      await this.#master.claimWaiters.next(leftMs)
    }

    return this.#master.process.monotonic() < untilMs
  }

  async #relay (to: string, message: { request: ClientRequest, hops: number }, coordinator: string | undefined): Promise<ClientReply | undefined> {
    const { network, world } = this.#setting
    const side = network.open(this.#master.process, to, 'relay')

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

      if (this.#master.election.coordinator?.master !== coordinator) {
        side.close()
        settle()
      } else {
        this.#master.process.after(AGAIN_MS, watch)
      }
    }

    side.listen(settle, () => { settle() })
    side.send(message)
    watch()

    return promise
  }

  async #accept (job: Job, sealed: Uint8Array): Promise<ClientReply> {
    const targets = freezeTargets(this.#master.state, job)
    const acceptedAtMs = Date.now()
    const check = (masters: number): void => {
      if (job.replicas != null && masters < job.replicas) {
        throw new MeshmarkError('refused', `${job.replicas} masters are wanted, and there are ${masters}`)
      }
    }
    const accepted = (): void => { this.#master.coordinator.dispatch({ kind: 'accept', job, acceptedAtMs, targets }) }

    check(1 + this.#master.live().length)

    const position = await this.#master.jobs.accept(job, sealed, { acceptedAtMs, targets })

    if (job.replicas == null) {
      accepted()
    }

    const on = await this.#master.links.replicated(position)

    if (job.replicas != null && on.length < job.replicas) {
      await this.#master.jobs.bury([job.id], Date.now())
      this.#master.coordinator.dispatch({ kind: 'forget', job: job.id })
      check(on.length)
    }

    if (job.replicas != null) {
      if (this.#master.replica.isBuried(job.id)) {
        throw new MeshmarkError('refused', 'another master has refused it meanwhile')
      }

      accepted()
    }

    return this.#accepted(job.id, on, false)
  }

  #accepted (id: string, masters: string[], existing: boolean): ClientReply {
    return { kind: 'accepted', id, masters, existing, onHeard: this.#setting.checker.accepts(id, masters, master => this.#master.diskOf(master)) }
  }

  async #cancel (id: string): Promise<ClientReply> {
    const entry = this.#master.state.jobs.get(id)

    if (entry == null) {
      throw new MeshmarkError('usage', 'no such job')
    }

    await this.#master.coordinator.cancel(id)

    const pending = await this.#cancelled(entry)

    this.#setting.checker.cancels(this.#master, id)

    return { kind: 'cancelled', id, pending, by: this.#master.id }
  }

  async #cancelled (entry: JobEntry): Promise<string[]> {
    const untilMs = this.#master.process.monotonic() + CANCEL_PATIENCE_MS
    const cancelling = (): TaskEntry[] => [...entry.tasks.values()].filter(task => task.state === 'cancelling')

    while (cancelling().some(task => this.#master.state.workers.get(task.worker ?? '')?.connected === true) && this.#master.process.monotonic() < untilMs) {
      await this.#master.coordinator.watchers.next(untilMs - this.#master.process.monotonic())
    }

    return [...entry.tasks.values()].filter(isCancelPending).map(task => task.worker ?? task.name)
  }
}

import { toError } from '../../model/errors.ts'
import { parseExecutionId } from '../../model/ids.ts'
import { jobOf } from './replica/facts.ts'
import { isExpired } from './job-store.ts'
import type { CoordinatorEvent, Ended } from './coordinator/state.ts'
import type { JobStore, StoredJob } from './job-store.ts'
import type { Replica } from './replica/replica.ts'
import type { CommandResult, ExecutionResult } from '../../model/result.ts'

const ASSIGN = 'assign/'

export interface FactFeedComponents {
  replica: Replica
  jobs: JobStore
  /** Is this job known already? */
  knows: (job: string) => boolean
  dispatch: (event: CoordinatorEvent) => void
  log: (line: string) => void
}

/** What other masters write of jobs, as events for this one's state, in the order in which it came. */
export class FactFeed {
  readonly #components: FactFeedComponents
  /** Job -> executions of it that others have assigned, and whose turn has not come. */
  readonly #ahead = new Map<string, Set<string>>()
  #turn: Promise<void> = Promise.resolve()
  #unlisten = (): void => {}

  constructor (components: FactFeedComponents) {
    this.#components = components
  }

  start (): void {
    this.#unlisten = this.#components.replica.onChange(changes => {
      // keys alone: other masters may write faster than this disk can be read
      const elsewhere = changes.filter(change => change.elsewhere).map(({ key }) => key)

      for (const key of elsewhere) {
        try {
          this.#assignAhead(key)
        } catch {
          // no execution: said when its turn comes
        }
      }

      if (elsewhere.length > 0) {
        this.#turn = this.#turn.then(async () => this.#take(elsewhere))
      }
    })
  }

  /** Resolves when all that is on the disk by now has been said. */
  async said (): Promise<void> {
    await this.#turn
  }

  async stop (): Promise<void> {
    this.#unlisten()
    await this.#turn
  }

  /**
   * What somebody else has been told to do must not be given out here, however
   * long the disk takes to read what comes before it.
   */
  #assignAhead (key: string): void {
    const { knows, dispatch } = this.#components
    const job = jobOf(key)

    if (job == null || !key.startsWith(ASSIGN)) {
      return
    }

    const assigned = key.slice(ASSIGN.length)

    if (knows(job)) {
      dispatch({ kind: 'assigned', key: parseExecutionId(assigned), nowMs: Date.now() })
    } else {
      this.#ahead.set(job, (this.#ahead.get(job) ?? new Set()).add(assigned))
    }
  }

  /** Its turn has come: the state has it, or will read it from the disk with its job. */
  #forgetAhead (key: string): void {
    const job = jobOf(key)
    const ahead = job == null ? undefined : this.#ahead.get(job)

    if (job != null && key.startsWith(ASSIGN) && ahead?.delete(key.slice(ASSIGN.length)) === true && ahead.size === 0) {
      this.#ahead.delete(job)
    }
  }

  async #take (keys: string[]): Promise<void> {
    for (const key of keys) {
      try {
        await this.#apply(key)
      } catch (err) {
        this.#components.log(`${key} from another master: ${toError(err).message}`)
      } finally {
        this.#forgetAhead(key)
      }
    }
  }

  async #apply (key: string): Promise<void> {
    const { jobs, knows, dispatch, replica } = this.#components
    const slash = key.indexOf('/')
    const rest = key.slice(slash + 1)
    const nowMs = Date.now()
    const kind = key.slice(0, slash)
    const job = jobOf(key)

    // this master may be about to accept the same job itself: what is said of it meanwhile must not be lost
    if (job != null && (kind === 'job' || kind === 'accepted' || !knows(job))) {
      const stored = await jobs.get(job)

      if (stored != null) {
        const event = restoreEvent(stored, await jobs.results(job))

        dispatch({ ...event, assigned: [...event.assigned, ...[...this.#ahead.get(job) ?? []].map(parseExecutionId)] })
      }

      return
    }

    switch (kind) {
      case 'assign':
        return dispatch({ kind: 'assigned', key: parseExecutionId(rest), nowMs })
      case 'cancel':
        return dispatch({ kind: 'cancel', job: rest, expired: isExpired(await replica.get(key)), nowMs })
      case 'tombstone':
        return dispatch({ kind: 'forget', job: rest, nowMs })
      case 'end': {
        const value = await replica.get(key)
        return value == null ? undefined : dispatch({ kind: 'end', job: rest, atMs: Number(JSON.parse(Buffer.from(value).toString()).atMs), nowMs })
      }
      case 'result': {
        const result = await jobs.result(rest)

        return result == null ? undefined : dispatch(resultEvent(result))
      }
    }
  }
}

export function restoreEvent (stored: StoredJob, results: ExecutionResult[]): Extract<CoordinatorEvent, { kind: 'restore' }> {
  return {
    kind: 'restore',
    job: stored.job,
    acceptedAtMs: stored.acceptedAtMs,
    finishedAtMs: stored.finishedAtMs,
    targets: stored.targets,
    ended: results.map(endOf),
    assigned: stored.assigned,
    cancelled: stored.cancelled,
    expired: stored.expired,
    nowMs: Date.now()
  }
}

export function resultEvent (result: ExecutionResult): Extract<CoordinatorEvent, { kind: 'result' }> {
  const { startedAt, finishedAt } = result

  return { kind: 'result', ...endOf(result), ran: { startedAt, finishedAt }, nowMs: Date.now() }
}

function endOf ({ key, outcome, reason, commands, start }: ExecutionResult): Ended {
  const how = outcome === 'done' ? undefined : howItEnded(commands)

  return { key, outcome, reason, ...(how == null ? {} : { how }), simultaneous: start?.simultaneous }
}

function howItEnded (commands: CommandResult[]): string | undefined {
  const last = commands.at(-1)
  const sample = last?.samples.at(-1)

  return last?.notRun?.message ?? sample?.limit ?? (sample == null ? undefined : 'code' in sample.exit ? `exit ${sample.exit.code}` : sample.exit.signal)
}

import { ApiError, Link } from '../api/link.ts'
import { keepToken } from '../api/session.ts'
import { NO_MESH, reduceMesh, type MeshState } from '../state/mesh.ts'
import { NO_JOB, reduceJob, type JobMessage, type JobState } from '../state/job.ts'
import { LATEST_JOBS } from '../state/jobs.ts'
import { KEPT } from '../state/output.ts'
import { Store } from '../state/store.ts'
import type { UploadLimits } from '../submit/check.ts'
import { initialLink, type LinkState } from '../api/link-state.ts'
import type { MeshEvent } from '../../http/exchange/mesh-changes.ts'

/** Whose token it is, as GET /v1/health says. */
export interface Who {
  role: string
  access: string
  mesh: string
  version: string
  /** What may be sent before a job. */
  uploads: UploadLimits
}

/** A master says at least every 5 s that it is there on the stream of the mesh, and every 15 s on that of a job. */
const MESH_QUIET_MS = 12_000
const JOB_QUIET_MS = 40_000

/** Of those that run, and of those that wait; a thousand rows are read by nobody, and ten thousand are 2 MB. */
const FIRST_OPEN_JOBS = 500
const MAX_OPEN_JOBS = 9_999

/** Signed in: everything that the views look at, and what they can do. */
export class App {
  readonly link: Link
  readonly who: Who
  readonly linkState: Store<LinkState>
  readonly mesh = new Store<MeshState>(NO_MESH)
  #following?: AbortController
  #openJobs = FIRST_OPEN_JOBS

  constructor (link: Link, linkState: Store<LinkState>, who: Who) {
    this.link = link
    this.linkState = linkState
    this.who = who
  }

  get mayChange (): boolean {
    return this.who.access !== 'read'
  }

  get isAdmin (): boolean {
    return this.mayChange && this.who.role === 'admin'
  }

  /**
   * Goes on with another token, where that is one for the same: what is seen
   * and typed stays. False when it is one of another mesh or other rights.
   * Throws as signIn.
   */
  async renew (token: string): Promise<boolean> {
    const who = await new Link({ origin: this.linkState.value.base, token, onState: () => {} }).get<Who>('/v1/health')

    if (who.mesh !== this.who.mesh || who.role !== this.who.role || who.access !== this.who.access) {
      return false
    }

    this.link.renew(token)
    keepToken(token)

    return true
  }

  /** Follows the mesh until `close`. */
  start (): void {
    this.#following?.abort()
    this.#following = new AbortController()

    void this.link.follow(`/v1/events?jobs=${LATEST_JOBS}&open=${this.#openJobs}`, {
      signal: this.#following.signal,
      quietMs: MESH_QUIET_MS,
      onMessage: ({ data }) => {
        const event = JSON.parse(data) as MeshEvent

        this.mesh.update(state => reduceMesh(state, event, Date.now()))

        if (event.kind === 'mesh') {
          this.link.learn(event.masters.flatMap(({ urls }) => urls))
        }
      }
    }).catch(() => {
      // refused: the state of the link says so
    })
  }

  /** Follows one job until it ends, or what is returned is called. */
  followJob (id: string, onError: (err: Error) => void): { job: Store<JobState>, stop: () => void } {
    const stop = new AbortController()
    const job = new Store<JobState>(NO_JOB)

    void this.link.follow(`/v1/jobs/${encodeURIComponent(id)}/events?tail=${KEPT}`, {
      signal: stop.signal,
      quietMs: JOB_QUIET_MS,
      onMessage: ({ data }) => {
        const event = JSON.parse(data) as JobMessage

        job.update(state => reduceJob(state, event))

        return event.kind === 'end'
      }
    }).catch(onError)

    return { job, stop: () => { stop.abort() } }
  }

  /** Whether more open jobs than now can be followed. */
  get canShowMoreJobs (): boolean {
    return this.#openJobs < MAX_OPEN_JOBS
  }

  /** From now on all jobs that have not ended, as many as a master tells. */
  showMoreJobs (): void {
    this.#openJobs = MAX_OPEN_JOBS
    this.start()
  }

  close (): void {
    this.#following?.abort()
    this.link.close()
  }
}

/** Throws ApiError with the reason when the token does not do, or no master answers. */
export async function signIn (token: string): Promise<App> {
  const linkState = new Store<LinkState>(initialLink(location.origin))
  const link = new Link({ origin: location.origin, token, onState: state => { linkState.set(state) } })

  try {
    const app = new App(link, linkState, await link.get<Who>('/v1/health'))

    keepToken(token)
    app.start()

    return app
  } catch (err) {
    if (err instanceof ApiError && err.status === 401) {
      keepToken(undefined)
    }

    throw err
  }
}

import type { Collected } from '../../model/collect.ts'
import type { Command, Job, JobKind } from '../../model/job.ts'
import type { JobPlan } from '../../model/job-plan.ts'
import type { SomeLimits } from '../../model/limits.ts'
import type { ProfileChange } from '../../model/profile.ts'
import type { Placement } from '../../model/placement.ts'
import type { Plan } from '../../model/plan.ts'
import type { Requirement } from '../../model/requirements.ts'
import type { HttpMaster, JobFilter, JobRow, PageToken, JobView, NodeRow, OutputOffset, SubmitReply } from '../../node/protocol/submit/messages.ts'
import type { HttpAccess, TokenRow } from '../../node/protocol/admin/messages.ts'
import type { Role } from '../../model/roles.ts'
import type { Variant } from '../../model/variants.ts'
import type { Source } from '../../node/payload/source.ts'

export interface ConnectOptions {
  /** `HOST[:PORT]` or multiaddrs; empty = the stored membership, then this machine's mesh, then mDNS. */
  masters?: string[]
  /** A join token to use when there is no membership yet. */
  token?: string
  /** Be somebody else than the client that this user's clients are together: a word for the folder of its key. It has to join once itself. */
  identity?: string
  /** Act as an administrator instead of a client. */
  role?: 'client' | 'admin'
  /** Mesh to choose when this machine knows several: a prefix of its id. */
  mesh?: string
  mdns?: boolean
  /** Where memberships are kept. @default MESHMARK_DATA or the user's data directory */
  dataDir?: string
  /** @default 10_000 */
  timeoutMs?: number
  signal?: AbortSignal
  /** As the client's own. */
  onWaiting?: () => void
}

/** A file that goes along: read from disk, given as bytes, or kept elsewhere. */
export interface DraftFile {
  source: Source
  /** Path inside the payload. */
  path: string
  executable?: boolean
}

/** Files that many jobs use; see `DataSet`. */
export interface DraftDataSet {
  name: string
  files: DraftFile[]
  /** `data/NAME` is the only file. */
  file?: boolean
}

/** See `Variants`. */
export interface DraftVariants {
  program: string
  choices: Array<Pick<Variant, 'where' | 'path'> & { file: DraftFile }>
}

/** A job before it has an id and a seal. */
export interface JobDraft extends Pick<Job, 'comparison' | 'ignoreFailure' | 'coldCache' | 'counters' | 'quietMs' | 'replicas' | 'retryLostMs' | 'each' | 'map' | 'retry' | 'priority' | 'deadlineMs' | 'collect' | 'build'> {
  /** ULID; made when absent. The same id again is the same job. */
  id?: string
  name?: string
  kind: JobKind
  commands: Command[]
  files: DraftFile[]
  data?: DraftDataSet[]
  variants?: DraftVariants
  stdin?: string
  env: Record<string, string>
  /** What is asked for; the rest is the default. */
  limits: SomeLimits
  placement: Placement
  /** Protections without which it must not run. */
  require?: Requirement[]
  plan: Plan
}

export interface Submitted {
  id: string
  /** Names of the masters on which job and payload are durable. */
  masters: string[]
  existing: boolean
  /** Names of live masters that made no progress, and do not have it yet. */
  leftOut?: string[]
  /** Names of data sets of which nothing was sent: they were there already. */
  known?: string[]
}

export interface AttachOptions {
  /** Ask for output too. @default false */
  output?: boolean
  offsets?: OutputOffset[]
  /** Of what each stream holds when it is told first no more than so many bytes, the last ones. @default all of it */
  tail?: number
  /** Stay until the job has ended. @default true */
  follow?: boolean
  signal?: AbortSignal
}

export interface AttachItemsOptions {
  /** In the order of the items instead of as they end. @default false */
  ordered?: boolean
  /** The job with its items. @default false */
  texts?: boolean
  /** Stay until the job has ended. @default true */
  follow?: boolean
  /** Where to go on, as `ItemReplay.position()` has said before. */
  position?: ItemPosition
  signal?: AbortSignal
}

export interface ProfileOptions {
  /** So far back, milliseconds; absent = all that is kept. */
  withinMs?: number
  /** Only executions of this job. */
  job?: string
  /** @default false */
  follow?: boolean
  signal?: AbortSignal
}

export interface ProfilePage {
  /** The master's clock, milliseconds since 1970. */
  nowMs: number
  changes: ProfileChange[]
}

/** What a client has been told of the items of a job. */
export interface ItemPosition {
  /** Bit n - 1 of item n, the lowest bit of each byte first. */
  told: Uint8Array
  /** Of the one item whose output it has in part. */
  offsets: OutputOffset[]
}

/** Of a job with items: which ones are told. */
export type ShownItems = 'failed' | 'all' | 'none'

/** What one execution has brought back; `execution` names its task, worker and attempt. */
export interface CollectedRecord extends Collected {
  execution: string
  workerName: string
}

export interface Asking {
  signal?: AbortSignal
}

/** Everything the command line does with a mesh. Errors are MeshmarkErrors. */
export interface Client {
  /** The master it speaks to. */
  readonly master: { peerId: string, name: string, address: string }
  readonly meshId: string
  readonly peerId: string
  /** Called when no master has answered for over a second; once each time. */
  onWaiting: () => void
  /** Resolves when accepted, which means durable; the payload is uploaded on the way. */
  submit: (draft: JobDraft, options?: { onUpload?: (sentBytes: number, totalBytes: number) => void, signal?: AbortSignal }) => Promise<Submitted>
  /** What would become of the job if it were submitted now; throws what `submit` would throw then. Nothing is sent but what describes its files. */
  plan: (draft: JobDraft, options?: Asking) => Promise<JobPlan>
  /** Follows a job; the last event is `end`. Reconnects by itself. */
  attach: (selector: string, options?: AttachOptions) => AsyncIterable<SubmitReply>
  /**
   * Follows a job with items: `job`, then `counts`, `items` (the ends) and the
   * `output` of an item whose end says that there is more than it holds, at
   * last `end`. Reconnects by itself.
   */
  attachItems: (selector: string, options?: AttachItemsOptions) => AsyncIterable<SubmitReply>
  cancel: (selector: string, options?: Asking) => Promise<{ id: string, pending: string[] }>
  /** All results; with `items`, of a job that has some, only how those ended, as `items` events, and with `none` of any job only what it is. */
  show: (selector: string, items?: ShownItems, options?: Asking) => Promise<{ view: JobView, events: SubmitReply[] }>
  /** What the tasks of a job have brought back so far, with what they left out. The contents are fetched with `collectedChunks`, or written with saveCollected. */
  collected: (selector: string, options?: Asking) => Promise<{ view: JobView, records: CollectedRecord[] }>
  /** The contents of a record's files, one after the other in the order of its payload, from chunk `from` on, each chunk verified. Goes on with another master when one is lost. */
  collectedChunks: (record: CollectedRecord, options?: Asking & { from?: number }) => AsyncIterable<Uint8Array>
  nodes: (options?: Asking) => Promise<NodeRow[]>
  /** The latest that fit, the latest first; `limit` is 20 unless it is given. */
  jobs: (limit?: number, options?: JobFilter & Asking) => Promise<JobRow[]>
  /**
   * What the workers did, as one master has seen it: their states, and the
   * executions that have ended, those of others without their job. Ends with
   * what there is; with `follow` it goes on until the signal aborts, and begins
   * anew with another master when the one that tells is lost.
   */
  profile: (options?: ProfileOptions) => AsyncIterable<ProfilePage>
  /**
   * Where masters answer over HTTP; with `ttlMs` also a token for that, of at
   * most what this client may. `owner`: peer id of the client whose jobs are
   * meant, where an administrator asks for another than itself.
   */
  page: (options: Asking & { ttlMs?: number, access?: HttpAccess, owner?: string }) => Promise<{ masters: HttpMaster[], token?: PageToken }>
  createToken: (role: Role, options: Asking & { ttlMs: number, uses?: number, name?: string, http?: HttpAccess }) => Promise<{ text: string, row: TokenRow, addresses: string[] }>
  listTokens: (options?: Asking) => Promise<TokenRow[]>
  revokeToken: (id: string, options?: Asking) => Promise<string>
  revokeMember: (node: string, options?: Asking) => Promise<string>
  drain: (node: string, undo: boolean, options?: Asking) => Promise<string>
  close: () => Promise<void>
}

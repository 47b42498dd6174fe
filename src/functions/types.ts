import type { RestartRule } from '../model/restart.ts'

/** Name as the function sees it -> a path here, a `file:` URL, or the bytes themselves. */
export type Companions = Record<string, string | URL | Uint8Array>

/** How calls are carried out; `with` changes it for some of them. Limits hold for each call, and take the words of the command line: '5s', '64M'. */
export interface CallOptions {
  /** Wall time; a number is seconds. @default '1h' */
  timeout?: string | number
  /** CPU time of all its processes together; a number is seconds. */
  cpuTime?: string | number
  /** Memory of all its processes together; a number is bytes. @default '4G' */
  memory?: string | number
  /** Processes and threads at once. @default 512 */
  processes?: number
  /** What it may print and return, encoded. @default resultLimit and 16M more */
  outputLimit?: string | number
  /** The largest file it may write. @default '1G' */
  fileLimit?: string | number
  /** What it may keep in its folder and /tmp. @default '1G' */
  tmpLimit?: string | number
  /** Files it may keep there. @default 100000 */
  tmpFiles?: number
  /** Files open at once, for each process. @default 1024 */
  openFiles?: number
  /** What a result may have, encoded. @default '64M' */
  resultLimit?: string | number
  /** Only workers like this: `'arch=arm64,cores=8..'`, or `{ arch: 'arm64', 'label.zone': 'lab' }`. */
  where?: string | readonly string[] | Readonly<Record<string, string | number>>
  /** So many times more when a call has failed, also by throwing; the function must bear it. @default 0 */
  retry?: number | RestartRule
  /** Of this client's own jobs, higher ones go first. @default 0 */
  priority?: number
  /** Of the jobs, to find them by; also what a function without a name is called. */
  name?: string
  /** Environment of the function. */
  env?: Readonly<Record<string, string>>
  /** What calls print, told when each has ended. @default dropped, but for the end of it in errors */
  onOutput?: (text: string, from: { worker: string }) => void
  /** Cancels the calls that have not ended: what runs is killed, what waits never starts. */
  signal?: AbortSignal
}

export interface DistributeOptions extends CallOptions {
  /** What `connect()` gave. @default the mesh connected last, or this machine's */
  mesh?: object
  /** Modules that the function can `import()`, by the name under which it does: `{ './stats.js': 'lib/stats.js' }`. */
  modules?: Companions
  /** Files in the folder in which it starts. */
  files?: Companions
}

export interface DistributedMapOptions {
  /** Results in the order of the inputs instead of as calls end. @default true */
  ordered?: boolean
  /** Inputs taken and not yet given back as results, at most. @default 1_000 */
  concurrency?: number
  signal?: AbortSignal
}

/** How the call for an input ended. */
export type Settled<R> =
  /** `index` counts the inputs from 0. */
  | { index: number, status: 'fulfilled', value: R }
  | { index: number, status: 'rejected', reason: unknown }

/** A function that runs on whichever worker is free. */
export interface Distributed<A extends unknown[], R> {
  /**
   * Rejects with what the function threw, its stack included; with a CallError
   * when it ended in another way; with the reason of an AbortSignal.
   */
  (...args: A): Promise<Awaited<R>>
  /**
   * A call for each input, whose first argument it is. Inputs are taken as
   * results are taken. The first call that fails ends it; leaving it early
   * cancels what runs.
   */
  map: (inputs: Iterable<A[0]> | AsyncIterable<A[0]>, options?: DistributedMapOptions) => AsyncGenerator<Awaited<R>, void, undefined>
  /** As `map`, but a call that fails is a result like any other. */
  settle: (inputs: Iterable<A[0]> | AsyncIterable<A[0]>, options?: DistributedMapOptions) => AsyncGenerator<Settled<Awaited<R>>, void, undefined>
  /** The same function with other options; what is not named stays. */
  with: (options: CallOptions) => Distributed<A, R>
}

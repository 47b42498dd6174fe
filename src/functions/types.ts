import type { SomeLimits } from '../model/limits.ts'
import type { Selector } from '../model/placement.ts'
import type { RestartRule } from '../model/restart.ts'

/** Name as the function sees it -> a path here, a `file:` URL, or the bytes themselves. */
export type Companions = Record<string, string | URL | Uint8Array>

/** How calls are carried out; `with` changes it for some of them. */
export interface CallOptions {
  /** For one call: limits, in milliseconds, bytes or a count each. */
  limits?: SomeLimits
  /** Conditions on workers: `['arch=arm64', 'cores=8..']`, or as selectors. */
  where?: Array<string | Selector>
  /** Runs a call again that has failed; the function must bear it. @default never */
  retry?: RestartRule
  /** Of this client's own jobs, higher ones go first. @default 0 */
  priority?: number
  /** Of the jobs, for `meshmark jobs`. @default the function's */
  name?: string
  /** Variables of its environment. */
  env?: Record<string, string>
  /** Bytes that an encoded result may have. @default 64 MiB */
  resultBytes?: number
  /** What functions print, as it comes with the end of each call. @default dropped, but for the end of it in errors */
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

export interface MapOptions {
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
  map: (inputs: Iterable<A[0]> | AsyncIterable<A[0]>, options?: MapOptions) => AsyncGenerator<Awaited<R>, void, undefined>
  /** As `map`, but a call that fails is a result like any other. */
  settle: (inputs: Iterable<A[0]> | AsyncIterable<A[0]>, options?: MapOptions) => AsyncGenerator<Settled<Awaited<R>>, void, undefined>
  /** The same function with other options; what is not named stays. */
  with: (options: CallOptions) => Distributed<A, R>
}

import { companionFiles, payloadName } from './companions.ts'
import { Call } from './call.ts'
import { meshSource } from './mesh-source.ts'
import { readCallOptions } from './call-options.ts'
import { hostFile } from './draft.ts'
import { encode } from './encoding.ts'
import { functionModule } from './function-module.ts'
import { readFunction } from './function-text.ts'
import { Lane } from './lane.ts'
import { LAYOUT } from './layout.ts'
import { MeshmarkError } from '../model/errors.ts'
import { settleAll } from './settle.ts'
import type { DraftFile } from '../roles/client/types.ts'
import type { ClientSource } from './lane.ts'
import type { Definition } from './run-calls.ts'
import type { CallOptions, Distributed, DistributeOptions } from './types.ts'

/** Characters of a job's title. */
const MAX_TITLE = 60

/**
 * A function whose calls run on whichever worker is free, each in a sandbox of
 * its own: without a network, without the worker's files.
 *
 * Only the function's text goes there. Throws a MeshmarkError (`usage`) when it
 * uses anything from outside of itself, naming it; calls reject as Distributed
 * says.
 *
 * ```ts
 * const square = distribute(async (x: number) => x * x)
 * console.log(await square(2))
 * for await (const result of square.map([1, 2, 3])) console.log(result)
 * ```
 */
export function distribute<A extends unknown[], R> (fn: (...args: A) => R, { mesh, ...options }: DistributeOptions = {}): Distributed<A, R> {
  return distributeOver(meshSource(mesh), fn, options)
}

export function distributeOver<A extends unknown[], R> (source: ClientSource, fn: (...args: A) => R, { modules, files, ...options }: Omit<DistributeOptions, 'mesh'>): Distributed<A, R> {
  const text = readFunction(fn, options.name)
  const sent = new Set(Object.keys({ ...modules, ...files }).map(payloadName))
  const missing = text.imports.find(specifier => !sent.has(payloadName(specifier)))

  if (missing != null) {
    throw new MeshmarkError('usage', `${text.name} imports '${missing}', which does not go along: add modules: { '${missing}': 'PATH' }`)
  }

  // read once, at the first call
  let packed: Promise<readonly DraftFile[]> | undefined
  const definition: Definition = {
    name: text.name,
    title: fn.name === '' ? oneLine(text.text) : `${text.name} (…)`,
    files: async () => {
      packed ??= Promise.all([hostFile(), companionFiles(modules, files)])
        .then(([host, companions]) => [host, { path: LAYOUT.fn, source: Buffer.from(functionModule(text)) }, ...companions])
      packed.catch(() => { packed = undefined })

      return packed
    }
  }

  return callable(source, definition, options)
}

function callable<A extends unknown[], R> (source: ClientSource, definition: Definition, options: CallOptions): Distributed<A, R> {
  const { name } = definition
  const lane = new Lane(source, definition, readCallOptions(options))

  // not async: frames of whoever calls would be lost
  function call (...args: A): Promise<Awaited<R>> {
    try {
      const called = new Call(encode(args, `an argument of ${name}`), stackOf(call))

      lane.add(called)

      return called.promise as Promise<Awaited<R>>
    } catch (err) {
      return Promise.reject(err)
    }
  }

  const distributed: Distributed<A, R> = Object.assign(call, {
    with: (more: CallOptions) => callable<A, R>(source, definition, { ...options, ...more }),
    settle: (inputs: Iterable<A[0]> | AsyncIterable<A[0]>, mapOptions = {}) => {
      const signal = mapOptions.signal ?? options.signal
      let bound: Distributed<A, R> | undefined

      return settleAll<A[0], Awaited<R>>((input, stop) => {
        bound ??= callable<A, R>(source, definition, { ...options, signal: stop })

        return bound(...[input] as unknown as A)
      }, inputs, { ...mapOptions, signal })
    },
    map: async function * (inputs: Iterable<A[0]> | AsyncIterable<A[0]>, mapOptions = {}) {
      for await (const settled of distributed.settle(inputs, mapOptions)) {
        if (settled.status === 'rejected') {
          throw settled.reason
        }

        yield settled.value
      }
    }
  } satisfies Pick<Distributed<A, R>, 'with' | 'settle' | 'map'>)

  Object.defineProperty(distributed, 'name', { value: name, configurable: true })

  return distributed
}

function oneLine (text: string): string {
  const line = text.replace(/\s+/g, ' ')

  return line.length > MAX_TITLE ? `${line.slice(0, MAX_TITLE - 1)}…` : line
}

/** Where in the caller's program it was called; empty when nothing is known. */
function stackOf (call: (...args: never) => unknown): string {
  const holder: { stack?: string } = {}

  Error.captureStackTrace(holder, call)

  return holder.stack?.replace(/^[^\n]*/, '') ?? ''
}

import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { settleAll } from '../../src/functions/settle.ts'
import type { Settled } from '../../src/functions/types.ts'

async function all<T> (values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []

  for await (const value of values) {
    list.push(value)
  }

  return list
}

describe('calls for many inputs', () => {
  it('end once each, in order when asked to, with no more open than allowed, whoever ends first', async () => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(fc.boolean(), { maxLength: 30 }), fc.integer({ min: 1, max: 8 }), fc.boolean(), async (scheduler, fails, concurrency, ordered) => {
      let open = 0
      let most = 0
      const results = all(settleAll(async (input: number) => {
        most = Math.max(most, ++open)
        await scheduler.schedule(Promise.resolve())
        open--

        if (fails[input] === true) {
          throw new Error(`no ${input}`)
        }

        return input * 2
      }, fails.keys(), { ordered, concurrency }))

      const ends = await scheduler.waitFor(results) as Array<Settled<number>>

      expect(most).toBeLessThanOrEqual(concurrency)
      expect(ordered ? ends.map(({ index }) => index) : ends.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...fails.keys()])

      for (const end of ends) {
        expect(end.status).toBe(fails[end.index] === true ? 'rejected' : 'fulfilled')
        expect(end.status === 'rejected' ? (end.reason as Error).message : end.value).toBe(fails[end.index] === true ? `no ${end.index}` : end.index * 2)
      }
    }))
  })

  it('take inputs only as results are taken', async () => {
    let taken = 0
    const results = settleAll(async (x: number) => x, (function * () { for (;;) { yield taken++ } })(), { concurrency: 4 })

    expect((await results.next()).value).toEqual({ index: 0, status: 'fulfilled', value: 0 })
    await turn()
    expect(taken).toBeLessThanOrEqual(6)
    await results.return()
  })

  it('are told to stop when the results are left, and the inputs are closed', async () => {
    let closed = false
    let stopped = 0
    const results = settleAll(async (x: number, signal: AbortSignal) => {
      if (x > 0) {
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => { stopped++; reject(signal.reason) }))
      }

      return x
    }, (function * () { try { yield * [0, 1, 2] } finally { closed = true } })())

    await results.next()
    await results.return()
    expect(closed).toBe(true)
    await turn()
    expect(stopped).toBe(2)
  })

  it('are left at once, also while the next input is not there yet', async () => {
    const results = settleAll(async (x: number) => x, (async function * () { yield 1; await new Promise(() => {}) })())

    await results.next()
    await results.return()
  })

  it('end with the reason of the signal, also before they begin', async () => {
    const stop = new AbortController()
    const results = settleAll(async (_input: number, signal: AbortSignal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => { reject(signal.reason) })), [1, 2], { signal: stop.signal })
    const next = results.next()

    await turn()
    stop.abort(new Error('enough'))
    await expect(next).rejects.toThrow('enough')
    await expect(all(settleAll(async x => x, [1], { signal: stop.signal }))).rejects.toThrow('enough')
  })

  it('tell what the inputs threw, after the ends of those that came', async () => {
    const seen: number[] = []

    await expect((async () => {
      for await (const end of settleAll(async (x: number) => x, (async function * () { yield 1; yield 2; throw new Error('no more') })())) {
        seen.push(end.index)
      }
    })()).rejects.toThrow('no more')
    expect(seen).toEqual([0, 1])
  })

  it('need a whole number of open ones', async () => {
    await expect(all(settleAll(async x => x, [1], { concurrency: 0 }))).rejects.toThrow('concurrency must be a whole number from 1 on, not 0')
  })
})

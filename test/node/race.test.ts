import './fail-on-rejection.ts'
import { describe, expect, it } from 'vitest'
import { raceStaggered } from '../../src/node/race.ts'

/** A candidate that never answers, and notes that it was aborted. */
async function never (signal: AbortSignal, note: () => void): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      note()
      reject(signal.reason)
    })
  })
}

describe('a staggered race', () => {
  it('gives the first success and aborts the others', async () => {
    const aborted: string[] = []
    const won = await raceStaggered(['silent', 'quick'], async (name, signal) => name === 'quick' ? name : never(signal, () => { aborted.push(name) }), 5)

    expect(won).toBe('quick')
    expect(aborted).toEqual(['silent'])
  })

  it('does not start the next one while the first has not had its time, and none after a success', async () => {
    const started: string[] = []
    const won = await raceStaggered(['a', 'b', 'c'], async name => {
      started.push(name)

      return name
    }, 60_000)

    expect(won).toBe('a')
    expect(started).toEqual(['a'])
  })

  it('starts the next one at once when all before it have failed', async () => {
    const started: string[] = []
    const won = await raceStaggered(['a', 'b', 'c'], async name => {
      started.push(name)

      if (name !== 'c') {
        throw new Error(`${name} failed`)
      }

      return name
    }, 60_000)

    expect(won).toBe('c')
    expect(started).toEqual(['a', 'b', 'c'])
  })

  it('fails with every reason, in order, when all fail', async () => {
    const failing = raceStaggered(['a', 'b', 'c'], async name => { throw new Error(name) }, 1)

    await expect(failing).rejects.toSatisfy((err: AggregateError) => err.errors.map(({ message }) => message).join() === 'a,b,c')
  })
})

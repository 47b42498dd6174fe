import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import '../../../src/node/polyfill.ts'
import { SharedTurns } from '../../../src/roles/worker/shared-turns.ts'
import { MachineLock } from '../../../src/store/lock.ts'
import { useTemporaryDir } from '../../store/child.ts'

const dir = useTemporaryDir()
let lock: MachineLock
let others: MachineLock
let turns: SharedTurns

beforeEach(() => {
  const path = join(dir(), 'measure.lock')

  lock = new MachineLock(path, [0, 1])
  others = new MachineLock(path, [0, 1])
  turns = new SharedTurns(lock)
})

describe('turns on the machine', () => {
  it('are shared by all who come together, and end with the last of them', async () => {
    const onWait = (): void => { throw new Error('nobody should wait') }
    const held = await Promise.all(Array.from({ length: 4 }, async () => turns.shared({ onWait })))

    for (const one of held) {
      await expect(others.acquire('exclusive', { signal: AbortSignal.timeout(30) })).rejects.toMatchObject({ name: 'TimeoutError' })
      await one.release()
      // once more is once
      await one.release()
    }

    await (await others.acquire('exclusive')).release()
    await turns.stop()
  })

  it('come to whoever waits for the machine alone, however many go on sharing it', async () => {
    const measured = new AbortController()
    const alone = others.acquire('exclusive').then(async held => {
      measured.abort()
      await held.release()
    })

    while (!measured.signal.aborted) {
      await (await turns.shared({})).release()
    }

    await alone
    await turns.stop()
  })

  it('are given to what is measured alone: it waits for those who share, and they for it', async () => {
    const steps: string[] = []
    const shared = await turns.shared({})
    const waiting = Promise.withResolvers<void>()
    const alone = turns.alone({ onWait: waiting.resolve }).then(held => {
      steps.push('alone')

      return held
    })

    await waiting.promise

    const later = turns.shared({}).then(held => {
      steps.push('later')

      return held
    })

    await shared.release()

    const held = await alone

    expect(steps).toEqual(['alone'])
    await held.release()
    await (await later).release()
    expect(steps).toEqual(['alone', 'later'])
    await turns.stop()
  })

  it('leave nothing locked when the worker stops', async () => {
    await (await turns.shared({})).release()
    await turns.stop()
    await (await others.acquire('exclusive', { onWait: () => { throw new Error('should not wait') } })).release()
  })

  it('do not begin for who gives up waiting', async () => {
    const held = await others.acquire('exclusive')
    const stop = new AbortController()
    const reason = new Error('cancelled')

    await expect(turns.shared({ signal: stop.signal, onWait: () => { stop.abort(reason) } })).rejects.toBe(reason)
    await held.release()
    await (await turns.shared({})).release()
    await turns.stop()
  })
})

import '../../src/node/polyfill.ts'
import { describe, expect, it } from 'vitest'
import { AT_ONCE, Doorway } from '../../src/node/doorway.ts'

describe('a doorway', () => {
  it('lets a few in at once, and the next one whenever one leaves', async () => {
    const doorway = new Doorway()
    const leaves = await Promise.all(Array.from({ length: AT_ONCE }, async () => doorway.enter('a')))
    const order: number[] = []
    const later = [1, 2].map(async number => {
      const leave = await doorway.enter('a')

      order.push(number)
      return leave
    })

    expect(doorway.waiting).toBe(2)
    leaves[0]!()
    await later[0]
    // a turn ends once
    leaves[0]!()
    expect(order).toEqual([1])
    expect(doorway.waiting).toBe(1)
    leaves[1]!()
    await later[1]
    expect(order).toEqual([1, 2])
    leaves.forEach(leave => { leave() })
    await Promise.all(later.map(async leave => { (await leave)() }))
  })

  it('lets hosts in by turns: one that comes in masses does not keep another waiting', async () => {
    const doorway = new Doorway()
    const leaves = await Promise.all(Array.from({ length: AT_ONCE }, async () => doorway.enter('mass')))
    const order: string[] = []
    const later = [...Array.from({ length: 50 }, () => 'mass'), 'single'].map(async host => {
      const leave = await doorway.enter(host)

      order.push(host)
      leave()
    })

    leaves[0]!()
    await Promise.all(later)
    expect(order.indexOf('single')).toBeLessThan(2)
    expect(order).toHaveLength(51)
    leaves.forEach(leave => { leave() })
  })

  it('goes on past those that say nothing', async () => {
    const doorway = new Doorway()

    await Promise.all(Array.from({ length: AT_ONCE }, async () => doorway.enter('silent')))
    // nobody leaves: their turns end by themselves
    ;(await doorway.enter('honest'))()
    expect(doorway.waiting).toBe(0)
  })
})

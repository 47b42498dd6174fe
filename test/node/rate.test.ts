import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RateLimiter, takeToken } from '../../src/node/rate.ts'

describe('rate limits', () => {
  it('let a whole burst through at once, and then one per interval', () => {
    const rate = { perSecond: 10, burst: 3 }
    const limiter = new RateLimiter()

    expect([0, 0, 0].map(now => limiter.take('a', rate, now))).toEqual([0, 0, 0])
    expect(limiter.take('a', rate, 0)).toBeCloseTo(100)
    expect(limiter.take('b', rate, 0)).toBe(0)
    expect(limiter.take('a', rate, 99)).toBeCloseTo(1)
    expect(limiter.take('a', rate, 100)).toBe(0)
    expect(limiter.take('a', rate, 100)).toBeCloseTo(100)
  })

  it('never let more through in any window than its length and the burst allow', () => {
    fc.assert(fc.property(
      fc.record({ perSecond: fc.double({ min: 0.1, max: 1_000, noNaN: true }), burst: fc.integer({ min: 1, max: 50 }) }),
      fc.array(fc.double({ min: 0, max: 200, noNaN: true }), { maxLength: 200 }),
      (rate, gaps) => {
        const passed: number[] = []
        let now = 0
        let tat = 0

        for (const gap of gaps) {
          now += gap

          const taken = takeToken(tat, now, rate)

          tat = taken.tat

          if (taken.allowed) {
            passed.push(now)
          }
        }

        for (const [i, from] of passed.entries()) {
          for (const [j, to] of passed.entries()) {
            if (j >= i) {
              expect(j - i + 1).toBeLessThanOrEqual(rate.burst + (to - from) * rate.perSecond / 1_000 + 1e-6)
            }
          }
        }
      }
    ))
  })

  it('tell exactly how long to wait', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 20 }), (perSecond, burst) => {
      const limiter = new RateLimiter()
      const rate = { perSecond, burst }

      for (let i = 0; i < burst; i++) {
        expect(limiter.take('a', rate, 5)).toBe(0)
      }

      const wait = limiter.take('a', rate, 5)

      expect(wait).toBeGreaterThan(0)
      expect(limiter.take('a', rate, 5 + wait * 0.99)).toBeGreaterThan(0)
      expect(limiter.take('a', rate, 5 + wait)).toBe(0)
    }))
  })

  it('forget those who have been quiet', () => {
    const limiter = new RateLimiter()

    for (let i = 0; i < 10_000; i++) {
      limiter.take(`peer ${i}`, { perSecond: 1_000, burst: 1 }, i)
    }

    expect(limiter.size).toBeLessThan(2_000)
  })
})

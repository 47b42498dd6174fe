import { describe, expect, it } from 'vitest'
import { belowFloor } from '../../src/measure/floor.ts'

describe('the floor of a worker', () => {
  const floor = { minNs: 90_000, medianNs: 110_000 }

  it('is too near to a median below ten times its own', () => {
    expect(belowFloor(1_099_999, floor)).toBe(true)
    expect(belowFloor(1_100_000, floor)).toBe(false)
  })

  it('is never too near where it was not measured', () => {
    expect(belowFloor(1, undefined)).toBe(false)
  })
})

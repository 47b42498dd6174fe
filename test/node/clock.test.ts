import './fail-on-rejection.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { handleClock, measureOffset, offsetOf } from '../../src/node/clock.ts'
import { LOOPBACK, TestMesh, firstAddress } from './mesh.ts'

describe('clock offsets', () => {
  it('are off by no more than half the delay, however unequal the two ways are', () => {
    const ms = fc.double({ min: 0, max: 1_000, noNaN: true })

    fc.assert(fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), ms, ms, ms, (offset, there, pause, back) => {
      const sent = 1_000
      const received = sent + there + offset
      const replied = received + pause
      const returned = replied - offset + back
      const measured = offsetOf(sent, received, replied, returned)

      expect(measured.delayMs).toBeCloseTo(there + back, 6)
      expect(Math.abs(measured.offsetMs - offset)).toBeLessThanOrEqual(measured.delayMs / 2 + 1e-6)
    }))
  })

  it('are measured between two nodes, and two of one process have the same clock', async () => {
    const mesh = await TestMesh.create()
    const worker = await mesh.node(['worker'], { listen: [LOOPBACK] })
    const master = await mesh.node(['master'])

    handleClock(worker)
    await master.connect(firstAddress(worker))

    const { offsetMs, delayMs } = await measureOffset(master, worker.peerId, { rounds: 4 })

    expect(delayMs).toBeGreaterThan(0)
    expect(Math.abs(offsetMs)).toBeLessThanOrEqual(delayMs / 2)
    await mesh.stop()
  })
})

import { encode } from 'uqr'
import { describe, expect, it } from 'vitest'
import { modulesPath } from '../../src/dashboard/text/qr-path.ts'

describe('a QR code', () => {
  it('is drawn as it was encoded', () => {
    const { data, size } = encode('meshmark join mmt1-worker-abc@lab:4747', { ecc: 'L', border: 4 })
    const drawn = Array.from({ length: size }, () => Array.from({ length: size }, () => false))

    for (const [, x, y, width] of modulesPath(data).matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
      drawn[Number(y)]!.fill(true, Number(x), Number(x) + Number(width))
    }

    expect(drawn).toEqual(data)
    expect(drawn.slice(0, 4).flat()).not.toContain(true)
  })

  it('draws modules up to the edge', () => {
    expect(modulesPath([[true, false, true], [false, true, true]])).toBe('M0 0h1v1h-1zM2 0h1v1h-1zM1 1h2v1h-2z')
  })
})

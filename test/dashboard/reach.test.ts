import { describe, expect, it } from 'vitest'
import { reachOf } from '../../src/dashboard/api/reach.ts'

const [OWN, OTHER, FAR] = ['http://127.0.0.1:4748', 'http://127.0.0.1:4750', 'http://10.0.0.2:4748'] as const

describe('where a page may go', () => {
  it('is every master, from an address that one of them tells', () => {
    expect(reachOf(OWN, [OTHER, OWN, FAR, `${FAR}/`])).toEqual({ bases: [OWN, OTHER, FAR], leftOut: [] })
    expect(reachOf('http://localhost:4748', [OTHER, OWN])).toEqual({ bases: ['http://localhost:4748', OTHER], leftOut: [] })
    expect(reachOf(FAR, [FAR, 'http://10.0.0.3:4748']).bases).toEqual([FAR, 'http://10.0.0.3:4748'])
  })

  it('is no loopback address through a tunnel, by a name, or from another machine', () => {
    for (const home of ['http://127.0.0.1:9000', 'http://localhost:9000', 'http://lab.example', FAR]) {
      expect(reachOf(home, [OWN, OTHER, FAR].filter(url => url !== home)).leftOut, home).toEqual([OWN, OTHER])
    }

    expect(reachOf(FAR, [FAR, 'http://[::1]:1', 'http://localhost:1', 'http://0.0.0.0:1']).bases).toEqual([FAR])
  })

  it('is nothing unencrypted from a page that came encrypted, and nothing that is no address', () => {
    expect(reachOf('https://lab.example', [FAR, 'https://other.example', 'javascript:alert(1)', 'nonsense'])).toEqual({ bases: ['https://lab.example', 'https://other.example'], leftOut: [FAR] })
  })
})

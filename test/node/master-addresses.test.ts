import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { masterOf, mergeMasters, spread, withMaster } from '../../src/node/master-addresses.ts'

const A = '12D3KooWA111111111111111111111111111111111111111111A'
const B = '12D3KooWB111111111111111111111111111111111111111111B'

// real peer ids: addresses that cannot be parsed are left out
const IDS = ['12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp', '12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu', '12D3KooWH3uVF6wv47WnArKHk5p6cvgCJEb74UTmxztmQDc298L3'] as const

function at (port: number, id: number): string {
  return `/ip4/192.0.2.1/tcp/${port}/p2p/${IDS[id]}`
}

describe('what a member knows of its masters', () => {
  it('begins with the one that was reached', () => {
    expect(mergeMasters({ reached: at(2, 1), said: [at(1, 0), at(2, 1)], known: [at(1, 0)] })).toEqual([at(2, 1), at(1, 0)])
  })

  it('loses those that are masters no more, and keeps what was typed', () => {
    const typed = '/dns/gate.example/tcp/4747'

    expect(mergeMasters({ reached: at(1, 0), said: [at(1, 0)], known: [at(2, 1), typed] })).toEqual([at(1, 0), typed])
  })

  it('keeps everything when nothing was said', () => {
    expect(mergeMasters({ said: [], known: [at(2, 1), at(1, 0)] })).toEqual([at(2, 1), at(1, 0)])
  })

  it('has no place twice, once with the master\'s id and once without', () => {
    expect(mergeMasters({ reached: at(1, 0), said: [at(1, 0)], known: ['/ip4/192.0.2.1/tcp/1'] })).toEqual([at(1, 0)])
  })

  it('takes no address that is none', () => {
    expect(mergeMasters({ said: ['/unix/x', 'rm -rf', '/ip4/192.0.2.1/tcp/99999', at(1, 0)], known: [] })).toEqual([at(1, 0)])
  })

  it('has room for every master, however many addresses one has', () => {
    const many = Array.from({ length: 40 }, (_, port) => at(port + 1, 0))
    const merged = mergeMasters({ said: [...many, at(1, 1), at(1, 2)], known: [] })

    expect(merged).toHaveLength(16)
    expect(new Set(merged.map(masterOf)).size).toBe(3)
  })
})

describe('addresses of several masters', () => {
  it('take turns, in their order, and none is lost or doubled while there is room', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat({ max: 2 })), { maxLength: 30 }), fc.nat({ max: 20 }), (pairs, most) => {
      const addresses = pairs.map(([port, id]) => at(port, id))
      const chosen = spread(addresses, most)
      const unique = new Set(addresses)

      expect(chosen).toHaveLength(Math.min(most, unique.size))
      expect(new Set(chosen).size).toBe(chosen.length)
      chosen.forEach(address => { expect(unique).toContain(address) })
      expect(chosen.slice(0, 1)).toEqual(most === 0 ? [] : addresses.slice(0, 1))

      if (most >= 3) {
        expect(new Set(chosen.map(masterOf)).size).toBe(new Set(addresses.map(masterOf)).size)
      }
    }))
  })

  it('name their master at their end', () => {
    expect(withMaster('/ip4/192.0.2.1/tcp/1', A)).toBe(`/ip4/192.0.2.1/tcp/1/p2p/${A}`)
    expect(withMaster(`/ip4/192.0.2.1/tcp/1/p2p/${A}`, B)).toBe(`/ip4/192.0.2.1/tcp/1/p2p/${A}`)
  })
})

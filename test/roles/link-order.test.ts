import { describe, expect, it } from 'vitest'
import { linkOrder } from '../../src/roles/link-order.ts'

const A = '/ip4/192.0.2.1/tcp/4747/p2p/12D3KooWA'
const B = '/ip4/192.0.2.2/tcp/4747/p2p/12D3KooWB'
const C = '/ip4/192.0.2.3/tcp/4747/p2p/12D3KooWC'

describe('the order in which masters are tried', () => {
  it('is the one that answered last, then what this machine says', () => {
    expect(linkOrder({ given: [A, C], typed: false, stored: [B, A] })).toEqual([B, A, C])
  })

  it('is as typed, whatever answered last', () => {
    expect(linkOrder({ given: [C, A], typed: true, stored: [B, A] })).toEqual([C, A, B])
  })

  it('ends with the master that was just lost, also where an address does not name it', () => {
    const lost = { id: '12D3KooWA', reachedAt: '/ip4/198.51.100.9/tcp/1/p2p/12D3KooWA', addresses: [A] }

    expect(linkOrder({ given: ['/ip4/198.51.100.9/tcp/1', A, C], typed: true, stored: [B], lost })).toEqual([C, B, '/ip4/198.51.100.9/tcp/1', A])
  })

  it('is empty where nothing is known: the local network is asked then', () => {
    expect(linkOrder({ given: [], typed: false, stored: [] })).toEqual([])
  })
})

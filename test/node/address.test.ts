import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULT_PORT, formatAddress, parseAddress } from '../../src/node/address.ts'

const ID = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'

describe('addresses', () => {
  it.each([
    ['192.0.2.7', `/ip4/192.0.2.7/tcp/${DEFAULT_PORT}`],
    ['192.0.2.7:80', '/ip4/192.0.2.7/tcp/80'],
    ['lab-01', '/dns/lab-01/tcp/4747'],
    ['lab_01.example.org:5000', '/dns/lab_01.example.org/tcp/5000'],
    [' localhost ', '/dns/localhost/tcp/4747'],
    ['::1', '/ip6/::1/tcp/4747'],
    ['[2001:db8::7]', '/ip6/2001:db8::7/tcp/4747'],
    ['[2001:db8::7]:99', '/ip6/2001:db8::7/tcp/99'],
    ['/ip4/192.0.2.7/tcp/4747', '/ip4/192.0.2.7/tcp/4747'],
    [`/dns4/lab/tcp/4747/p2p/${ID}`, `/dns4/lab/tcp/4747/p2p/${ID}`]
  ])('%s is %s', (text, expected) => {
    expect(parseAddress(text).toString()).toBe(expected)
  })

  it.each([
    ['', 'is not understood'],
    [':4747', 'is not understood'],
    ['lab:', "'' is not a port"],
    ['lab:0', "'0' is not a port"],
    ['lab:65536', "'65536' is not a port"],
    ['lab:http', "'http' is not a port"],
    ['[lab]:4747', 'is not understood'],
    ['[::1', 'is not understood'],
    ['192.0.2.256', 'neither a host name nor an IP address'],
    ['192.0.2', 'neither a host name nor an IP address'],
    ['fe80::1%eth0', 'zone'],
    ['a b', 'neither a host name nor an IP address'],
    ['http://lab:4747', 'is not a port'],
    ['/ip4/192.0.2.7', 'is not a TCP address'],
    ['/ip4/192.0.2.7/udp/4747', 'is not a TCP address'],
    ['/ip4/192.0.2.7/tcp/0', "'0' is not a port"],
    ['/ip4/lab/tcp/4747', 'is not a multiaddr'],
    ['/nonsense', 'is not a multiaddr']
  ])('%s is refused with its reason: %s', (text, reason) => {
    expect(() => parseAddress(text)).toThrow(reason)
    expect(() => parseAddress(text)).toThrow(`address '${text}'`)
  })

  it('of any text either parse, and then again from their own text, or are refused as wrong usage', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.domain(), fc.string().map(text => `/ip4/${text}`)), text => {
      try {
        const address = parseAddress(text)

        expect(parseAddress(address.toString()).toString()).toBe(address.toString())
        expect(parseAddress(formatAddress(address)).toString()).toBe(address.toString())
      } catch (err: any) {
        expect(err.code).toBe('usage')
      }
    }), { numRuns: 2_000 })
  })

  it('are shown to people without their wrapping', () => {
    expect(formatAddress(`/ip4/192.0.2.7/tcp/80/p2p/${ID}`)).toBe('192.0.2.7:80')
    expect(formatAddress('/ip6/2001:db8::7/tcp/80')).toBe('[2001:db8::7]:80')
  })
})

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROLES } from '../../src/model/roles.ts'
import { createToken, formatToken, parseToken, parseTokenAtHost, tokenHash } from '../../src/node/token.ts'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'

let meshId: string

beforeAll(async () => {
  meshId = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
})

describe('join tokens', () => {
  it('come back whole from their text, in any case and with blanks around', () => {
    for (const role of ROLES) {
      const token = createToken(meshId, role)
      const text = formatToken(token)

      expect(text).toMatch(new RegExp(`^mmk1-${role}-[a-z2-7]{87}-[a-z2-7]{8}$`))
      expect(parseToken(text)).toEqual(token)
      expect(parseToken(` ${text.toUpperCase()}\n`)).toEqual(token)
    }
  })

  it('with one character changed, dropped, doubled or swapped are called mistyped', () => {
    const text = formatToken(createToken(meshId, 'worker'))
    const spoil = fc.tuple(fc.nat(text.length - 2), fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567-@ é'), fc.constantFrom('change', 'drop', 'double', 'swap'))

    fc.assert(fc.property(spoil, ([at, character, how]) => {
      const spoiled = {
        change: text.slice(0, at) + character + text.slice(at + 1),
        drop: text.slice(0, at) + text.slice(at + 1),
        double: text.slice(0, at) + text[at] + text.slice(at),
        swap: text.slice(0, at) + text[at + 1] + text[at] + text.slice(at + 2)
      }[how] ?? ''

      fc.pre(spoiled.trim() !== text)
      expect(() => parseToken(spoiled)).toThrow(/join token/)
    }), { numRuns: 1_000 })
  })

  it('reject any other text with a usage error that does not repeat it', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map(text => `mmk1-worker-${text}-aaaaaaaa`)), text => {
      try {
        parseToken(text)
        expect.unreachable()
      } catch (err: any) {
        expect(err.code).toBe('usage')
        expect(text.length > 8 && err.message.includes(text)).toBe(false)
      }
    }), { numRuns: 1_000 })
  })

  it('are split from the address behind the @', () => {
    const token = createToken(meshId, 'client')
    const text = formatToken(token)

    expect(parseTokenAtHost(text)).toEqual({ token })
    expect(parseTokenAtHost(`${text}@lab-01:4748`)).toEqual({ token, address: 'lab-01:4748' })
    expect(parseTokenAtHost(`${text}@/ip4/192.0.2.7/tcp/4747`)).toEqual({ token, address: '/ip4/192.0.2.7/tcp/4747' })
    expect(() => parseTokenAtHost(`${text}@`)).toThrow('the address after the @ is missing')
  })

  it('are kept as hashes that differ for every secret', () => {
    const a = createToken(meshId, 'worker')
    const b = createToken(meshId, 'worker')

    expect(tokenHash(a.secret)).toMatch(/^[0-9a-f]{64}$/)
    expect(tokenHash(a.secret)).toBe(tokenHash(Uint8Array.from(a.secret)))
    expect(tokenHash(a.secret)).not.toBe(tokenHash(b.secret))
  })
})

import { describe, expect, it } from 'vitest'
import { readToken, tokenOfFragment } from '../../src/dashboard/api/token.ts'

const TOKEN = 'mmh1-AbC_123-xyz'

describe('a token', () => {
  it.each([TOKEN, ` ${TOKEN}\n`, `Bearer ${TOKEN}`, `Authorization: Bearer ${TOKEN}`, 'mmh1-AbC_\n123-xyz'])('is found in %j', text => {
    expect(readToken(text)).toBe(TOKEN)
  })

  it.each(['', 'mmt1-abcdefghijk', 'mmh1-', '<script>', `${TOKEN}?x=1`])('is not %j', text => {
    expect(readToken(text)).toBeUndefined()
  })

  it('comes in the fragment of a link that signs in, and in no other', () => {
    expect(tokenOfFragment(`#token=${TOKEN}`)).toBe(TOKEN)
    expect(tokenOfFragment(`#/mesh?token=${TOKEN}`)).toBeUndefined()
    expect(tokenOfFragment('#token=nonsense')).toBeUndefined()
  })
})

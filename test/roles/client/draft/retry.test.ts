import { describe, expect, it } from 'vitest'
import { readPriority, readRetry } from '../../../../src/roles/client/draft/retry.ts'

describe('--retry', () => {
  it.each([
    ['3', { when: 'on-failure', max: 3, backoffMs: 1_000, maxBackoffMs: 60_000 }],
    ['5:10s', { when: 'on-failure', max: 5, backoffMs: 10_000, maxBackoffMs: 60_000 }],
    ['1:2m', { when: 'on-failure', max: 1, backoffMs: 120_000, maxBackoffMs: 120_000 }],
    ['2:0', { when: 'on-failure', max: 2, backoffMs: 0, maxBackoffMs: 60_000 }]
  ])('takes %s', (text, rule) => {
    expect(readRetry(text)).toEqual(rule)
  })

  it.each(['0', '', 'x', '3:', '3:fast', '-1', '1001'])('refuses %j', text => {
    expect(() => readRetry(text)).toThrow(/^--retry '/)
  })
})

describe('--priority', () => {
  it('is a number on either side of 0', () => {
    expect(['-100', '0', '7', '100'].map(readPriority)).toEqual([-100, 0, 7, 100])
    expect(() => readPriority('101')).toThrow('--priority \'101\' is not a whole number from -100 to 100')
  })
})

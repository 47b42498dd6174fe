import { describe, expect, it } from 'vitest'
import { initialLink, reduceLink, waitMs, type LinkEvent, type LinkState } from '../../src/dashboard/api/link-state.ts'

const [A, B, C] = ['http://127.0.0.1:1', 'http://127.0.0.1:2', 'http://127.0.0.1:3'] as const

function after (...events: LinkEvent[]): LinkState {
  return events.reduce(reduceLink, initialLink(A))
}

const three: LinkEvent[] = [{ kind: 'answered', base: A }, { kind: 'masters', urls: [B, `${A}/`, C] }]

describe('the link to the masters', () => {
  it('is live when its master has answered, and knows the others then', () => {
    expect(after(...three)).toMatchObject({ phase: 'live', base: A, bases: [A, B, C], failures: 0 })
  })

  it('moves to the next master at once when one is lost, and is live again there', () => {
    const lost = after(...three, { kind: 'failed', base: A, detail: 'gone' })

    expect(lost).toMatchObject({ phase: 'moving', base: B, detail: 'gone' })
    expect(waitMs(lost)).toBe(0)
    expect(reduceLink(lost, { kind: 'answered', base: B })).toMatchObject({ phase: 'live', base: B, failures: 0 })
  })

  it('counts a loss once, however many streams notice it', () => {
    expect(after(...three, { kind: 'failed', base: A, detail: '' }, { kind: 'failed', base: A, detail: '' })).toMatchObject({ base: B, failures: 1 })
  })

  it('waits longer and longer, but not for ever, once none of them answers', () => {
    let state = [B, C, A].reduce((state, base) => reduceLink(reduceLink(state, { kind: 'failed', base: state.base, detail: '' }), { kind: 'answered', base }), after(...three))
    const waits: number[] = []

    for (let count = 0; count < 30; count++) {
      state = reduceLink(state, { kind: 'failed', base: state.base, detail: '' })
      waits.push(waitMs(state))
    }

    expect(state.phase).toBe('waiting')
    expect(waits.slice(0, 6)).toEqual([0, 0, 500, 500, 500, 1_000])
    expect(state.bases).toEqual([A, B, C])
    expect(Math.max(...waits)).toBe(10_000)
  })

  it('keeps the master that it speaks to when the list of masters leaves it out', () => {
    const moved = after(...three, { kind: 'failed', base: A, detail: '' }, { kind: 'answered', base: B })

    expect(reduceLink(moved, { kind: 'masters', urls: [A, C] }).bases).toEqual([B, A, C])
  })

  it('does not forget where masters are because one of them knows none', () => {
    expect(after(...three, { kind: 'masters', urls: [] }).bases).toEqual([A, B, C])
  })

  it('goes to no address that is not one of HTTP', () => {
    expect(after({ kind: 'masters', urls: ['javascript:alert(1)', 'nonsense', A, B] }).bases).toEqual([A, B])
  })

  it('goes back to where it came from when the others lead nowhere, and tries them again when masters are heard of', () => {
    const [first, second, third] = [A, B, C].map((_, count) => [A, B, C].slice(0, count + 1).reduce((state, base) => reduceLink(state, { kind: 'failed', base, detail: '' }), after(...three)))

    expect(first).toMatchObject({ phase: 'moving', base: B, bases: [A, B, C] })
    expect(second).toMatchObject({ phase: 'moving', base: C, bases: [A, C] })
    expect(third).toMatchObject({ phase: 'waiting', base: A, bases: [A] })
    expect(waitMs(third!)).toBe(500)
    expect([three[0]!, three[1]!].reduce(reduceLink, third!)).toMatchObject({ phase: 'live', base: A, bases: [A, B, C] })
  })

  it('tries no further once the token is refused', () => {
    expect(after(...three, { kind: 'refused', detail: 'expired' }, { kind: 'failed', base: A, detail: '' })).toMatchObject({ phase: 'refused', detail: 'expired', base: A })
  })
})

import fc from 'fast-check'
import type { Happening } from './slot-checker.ts'

const master = fc.nat({ max: 2 })
const execution = fc.nat({ max: 11 })
const which = fc.nat({ max: 2 })
const seldom = fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
const request = fc.record({
  kind: fc.constant('request' as const),
  master,
  term: fc.integer({ min: 1, max: 4 }),
  what: fc.constantFrom('available' as const, 'available' as const, 'start' as const, 'start' as const, 'renew' as const, 'rollback' as const, 'cancel' as const),
  execution,
  batch: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
  liar: seldom,
  late: seldom,
  hasPayload: seldom.map(lacks => !lacks)
})

/** As a coordinator goes about it, so that much is started. */
const whole = fc.record({ master, term: fc.integer({ min: 3, max: 4 }), execution }).map(({ master, term, execution }): Happening[] => [
  { kind: 'request', master, term, what: 'available', execution },
  { kind: 'request', master, term, what: 'start', execution }
])

/** Items, which go on in their place. */
const items = fc.record({ master, execution, batch: fc.integer({ min: 2, max: 7 }), underWay: fc.boolean(), which }).map(({ master, execution, batch, underWay, which }): Happening[] => [
  { kind: 'request', master, term: 4, what: 'start', execution, batch },
  ...(underWay ? [{ kind: 'under-way' as const, which }] : []),
  { kind: 'end', which }
])

const single: fc.Arbitrary<Happening[]> = fc.oneof(
  { weight: 8, arbitrary: request },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stream-closed' as const), master, execution }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 6_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('under-way' as const), which }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), drain: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) }
).map(happening => [happening])

export const happenings: fc.Arbitrary<Happening[]> = fc.array(fc.oneof({ weight: 3, arbitrary: single }, { weight: 1, arbitrary: whole }, { weight: 1, arbitrary: items }), { maxLength: 40 }).map(lists => lists.flat())

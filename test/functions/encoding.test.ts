import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode, encode } from '../../src/functions/encoding.ts'

function roundTrip<T> (value: T): T {
  return decode(encode(value, 'it')) as T
}

const values = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withSparseArray: true, withTypedArray: true, withNullPrototype: true, withBoxedValues: true, withObjectString: false })
  // a name that no decoder lets through, and dates that are none: equal to nothing, and tested below
  .filter(value => !has(value, item => Object.hasOwn(item, '__proto__') || (item instanceof Date && Number.isNaN(item.getTime()))))

function has (value: unknown, isIt: (item: object) => boolean): boolean {
  if (value == null || typeof value !== 'object') {
    return false
  }

  const inside = value instanceof Map ? [...value.keys(), ...value.values()] : value instanceof Set ? [...value] : Object.values(value)

  return isIt(value) || inside.some(item => has(item, isIt))
}

describe('values as text', () => {
  it('come back as they went, whatever structuredClone takes', () => {
    fc.assert(fc.property(values, value => {
      expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true)
    }), { numRuns: 500 })
  })

  it('of every kind come back', () => {
    for (const value of [undefined, null, NaN, -0, Infinity, -Infinity, 2n ** 200n, '\0 \ud800 <\u2028', /a\/b/giu, new Date(0), new Map([[{ a: 1 }, new Set([1n])]]), new Float64Array([NaN, -0]), new Uint8Array([1, 2]).buffer, new DataView(new ArrayBuffer(3)), [, 1], new URL('http://a/b?c')]) { // eslint-disable-line no-sparse-arrays
      expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true)
    }

    expect(roundTrip(new Date(NaN)).getTime()).toBeNaN()

    const cyclic: any = { list: [] }

    cyclic.list.push(cyclic, new Map([['self', cyclic]]))
    const back = roundTrip(cyclic)
    expect(back.list[0]).toBe(back)
    expect(back.list[1].get('self')).toBe(back)
  })

  it('hold nothing of a Buffer but its own bytes', () => {
    const secret = Buffer.from('a secret of this process')
    const small = Buffer.from('hello')

    expect(secret.buffer).toBe(small.buffer)
    expect(roundTrip(small)).toEqual(new Uint8Array(small))
    expect(encode(small, 'it').length).toBeLessThan(100)
  })

  it('that are errors keep name, message, stack, cause and their own properties', () => {
    const error = Object.assign(new TypeError('no', { cause: new RangeError('why', { cause: 'because' }) }), { code: 'E_NO', at: new Date(1), send: () => {} })
    const back = roundTrip(error)

    expect(back).toBeInstanceOf(TypeError)
    expect(back).toMatchObject({ name: 'TypeError', message: 'no', stack: error.stack, code: 'E_NO', at: new Date(1) })
    expect(Object.keys(back)).toEqual(['code', 'at'])
    expect(back.cause).toBeInstanceOf(RangeError)
    expect((back.cause as Error).cause).toBe('because')
    expect(roundTrip(new AggregateError([new Error('a'), new Error('b')], 'all')).errors.map((err: Error) => err.message)).toEqual(['a', 'b'])
  })

  it('that are errors of unknown classes become Error with their name, and cycles end', () => {
    class Odd extends Error { override name = 'Odd'; self = this }
    const odd = new Odd('x')
    odd.cause = { odd }
    const back = roundTrip({ odd }).odd

    expect(back).toBeInstanceOf(Error)
    expect(back).toMatchObject({ name: 'Odd', message: 'x' })
    expect(back.self).toBeUndefined()
  })

  it('through a long chain of causes take time and room in proportion', () => {
    let error = new Error('first')

    for (let i = 0; i < 200; i++) {
      error = new Error('"next"', { cause: error })
    }

    let depth = 0

    for (let back: unknown = roundTrip(error); back instanceof Error; back = back.cause) {
      depth++
    }

    expect(depth).toBe(201)
  })

  it('that cannot be sent are refused with where they are', () => {
    expect(() => encode({ a: [1, () => {}] }, 'an argument of f')).toThrow('an argument of f cannot be sent: .a[1] is a function')
    expect(() => encode(Symbol('x'), 'it')).toThrow('it cannot be sent: it is a symbol')
    expect(() => encode([Promise.resolve()], 'it')).toThrow('[0] is a promise: await it first')
    expect(() => encode({ a: new (class Point { x = 1 })() }, 'it')).toThrow('.a is an instance of Point: make a plain object')
  })

  it('nested without end are refused, not a crash', () => {
    let deep: unknown = 1

    for (let i = 0; i < 100_000; i++) {
      deep = [deep]
    }

    expect(() => encode(deep, 'it')).toThrow('it is nested too deeply')
  })

  it('are read without running anything, whatever the text says', () => {
    const texts = fc.oneof(fc.json(), fc.json().map(text => `[["Error",1],${text}]`), fc.json().map(text => `[["Bytes",1],${text}]`), fc.json().map(text => `[["BigInt",${text}]]`))

    fc.assert(fc.property(texts, text => {
      try {
        decode(text)
      } catch (err) {
        expect(err).toBeInstanceOf(Error)
      }
    }))
    expect(() => decode('[{"__proto__":1},{"polluted":2},true]')).toThrow()
    expect(() => decode(`[["BigInt","${'9'.repeat(2_000_000)}"]]`)).toThrow('Invalid input')
    expect(() => decode('[["Error",0]]')).toThrow()
    expect(({} as any).polluted).toBeUndefined()
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Glob } from '../../src/model/glob.ts'

describe('a pattern of paths', () => {
  it.each<[string, string[], string[]]>([
    ['out/*', ['out/a', 'out/.hidden', 'out/*'], ['out', 'a', 'out/a/b', 'xout/a']],
    ['*.csv', ['a.csv', '.csv'], ['a/b.csv', 'a.csvx', 'acsv']],
    ['**/*.csv', ['a.csv', 'a/b.csv', 'a/b/c.csv'], ['a.csv/b', 'a/bcsv']],
    ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['z', 'a/zz', 'b/a/z']],
    ['**', ['a', 'a/b', 'a/b/c'], []],
    ['out/', ['out/a', 'out/a/b'], ['outa', 'x/out/a']],
    ['?.[ch]', ['a.c', 'ü.h', '😀.c'], ['ab.c', 'a.o']],
    ['[!0-9]*', ['a1', '-', 'a'], ['1a', '7']],
    ['[]x]', [']', 'x'], ['[']],
    ['[a', ['[a'], ['a']],
    ['a*b*c', ['abc', 'aXbYc', 'abbcc'], ['ab', 'acb', 'abcd']],
    ['a.b+(c)', ['a.b+(c)'], ['aXb+(c)', 'a.bbc']]
  ])('%s', (pattern, fitting, others) => {
    const glob = new Glob(pattern)

    expect(fitting.filter(path => !glob.matches(path))).toEqual([])
    expect(others.filter(path => glob.matches(path))).toEqual([])
  })

  it('is refused when it leaves the folder', () => {
    for (const text of ['/etc/passwd', '../x', 'a//b', 'a/./b', 'a\\b', '', 'a/../b', 'a\0']) {
      expect(() => new Glob(text), text).toThrow(RangeError)
    }
  })

  it('fits itself when nothing in it is special', () => {
    fc.assert(fc.property(fc.array(fc.stringMatching(/^[a-zäöü0-9 .+(){}^$|-]{1,12}$/).filter(name => name !== '.' && name !== '..'), { minLength: 1, maxLength: 5 }), names => {
      expect(new Glob(names.join('/')).matches(names.join('/'))).toBe(true)
    }))
  })

  it('says of every folder on the way to what fits that it goes on there', () => {
    const part = fc.constantFrom('a', 'b', '*', '?', '**', '[ab]')

    fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 6 }), (pattern, names) => {
      const glob = new Glob(pattern.join('/'))
      let state = glob.start

      for (const name of names) {
        if (glob.matches(names.join('/'))) {
          expect(glob.goesOn(state)).toBe(true)
        }

        state = glob.next(state, name)
      }
    }))
  })

  it('takes no longer for what is made to take long', () => {
    // would be 2^40 steps for one that goes back to every star
    expect(new Glob(`${'a*'.repeat(40)}b`).matches('a'.repeat(250))).toBe(false)
    expect(new Glob(`${'**/a/'.repeat(40)}b`).matches('a/'.repeat(200) + 'c')).toBe(false)
  })
})

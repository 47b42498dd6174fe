import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toolNamed, TOOLS, versionIn } from '../../src/machine/tools.ts'
import { parseVersionRange, versionInRange } from '../../src/machine/versions.ts'

const within = (version: string, range: string): boolean => versionInRange(version, parseVersionRange(range, '--where python:'))

describe('a range of versions', () => {
  it.each([
    ['3.11.2', '3.11..'], ['3.11', '3.11..'], ['3.11.0', '3.11..'], ['4', '3.11..'], ['3.9.1', '..3.11'], ['3.13.2', '..3.13'], ['3.13', '3.11..3.13'],
    ['3.13.9', '3.11..3.13'], ['3.11.2', '3.11'], ['3', '3'], ['3.12', '3'], ['1.22rc1', '1.22..'], ['5.2.15', '5.2.15'], ['1.8.0_292', '1.8'], ['', '..'], ['9', '..']
  ])('%s is within %s', (version, range) => {
    expect(within(version, range)).toBe(true)
  })

  it.each([
    ['3.9.2', '3.11..'], ['3.10', '3.11'], ['3.1', '3.11'], ['3.14', '3.11..3.13'], ['3.10.9', '3.11..3.13'], ['2.7', '3..'], ['4.0', '..3'], ['3.11', '3.11.1..'],
    ['', '3..'], ['unknown', '..3']
  ])('%s is not within %s', (version, range) => {
    expect(within(version, range)).toBe(false)
  })

  it.each(['three', '3.x', '3..x', '-1', '3.', '3...4', '1e3', '9999999999', '4..3', '3.11..3.9', ''])('%j is refused', text => {
    if (text === '') {
      // no end at all is every version
      expect(within('1', text)).toBe(true)
      return
    }

    expect(() => parseVersionRange(text, '--where python:')).toThrow(expect.objectContaining({ code: 'usage', message: expect.stringContaining('--where python:') as string }))
  })

  it('orders any two versions as their parts are ordered', () => {
    const version = fc.array(fc.nat(40), { minLength: 1, maxLength: 4 })

    fc.assert(fc.property(version, version, (a, b) => {
      const below = (x: number[], y: number[]): boolean => {
        const at = Array.from({ length: 4 }, (_, i) => i).find(i => (x[i] ?? 0) !== (y[i] ?? 0))

        return at != null && (x[at] ?? 0) < (y[at] ?? 0)
      }

      expect(within(a.join('.'), `${b.join('.')}..`)).toBe(!below(a, b))
    }))
  })
})

describe('what tools say of themselves', () => {
  it.each([
    ['Python 3.11.2\n', '3.11.2'],
    ['v20.20.2\n', '20.20.2'],
    ['GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)\nCopyright (C) 2022', '5.2.15'],
    ['5.36.0', '5.36.0'],
    ['ruby 3.1.2p20 (2022-04-12 revision 4491bb740a) [x86_64-linux-gnu]', '3.1.2p20'],
    ['PHP 8.2.7 (cli) (built: Jun  9 2023 19:37:27) (NTS)', '8.2.7'],
    ['Lua 5.4.4  Copyright (C) 1994-2022 Lua.org, PUC-Rio', '5.4.4'],
    ['openjdk version "17.0.9" 2023-10-17\nOpenJDK Runtime Environment', '17.0.9'],
    ['java version "1.8.0_292"', '1.8.0_292'],
    ['go version go1.19.8 linux/amd64', '1.19.8'],
    ['rustc 1.63.0 (4b91a6ea7 2022-08-08)', '1.63.0'],
    ['gcc (Debian 12.2.0-14) 12.2.0\nCopyright', '12.2.0'],
    ['cc (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0', '11.4.0'],
    ['Debian clang version 14.0.6\nTarget: x86_64', '14.0.6'],
    ['Rscript (R) version 4.2.2 (2022-10-31)', '4.2.2'],
    ['GNU Make 4.3', '4.3'],
    ['tcc version 0.9.27 (x86_64 Linux)', '0.9.27'],
    ['something 7', '7'],
    ['no version here', undefined],
    ['', undefined]
  ])('%j is version %s', (text, version) => {
    expect(versionIn(text)).toBe(version)
  })

  it('takes no time over what is made to take long', () => {
    expect(versionIn('('.repeat(100_000))).toBeUndefined()
    expect(versionIn('1'.repeat(100_000))).toBeUndefined()
  })

  it('knows tools by what people call them', () => {
    expect(toolNamed('python3')).toBe('python')
    expect(toolNamed('Node')).toBe('node')
    expect(toolNamed('constructor')).toBeUndefined()
    expect(Object.keys(TOOLS).every(name => toolNamed(name) === name)).toBe(true)
  })
})

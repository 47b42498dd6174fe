import { describe, expect, it } from 'vitest'
import { expandNames, readPlacement } from '../../../../src/roles/client/draft/placement.ts'

describe('where a job runs', () => {
  it.each([
    ['lab-[1-3],pi', ['lab-1', 'lab-2', 'lab-3', 'pi']],
    ['lab-[08-10]', ['lab-08', 'lab-09', 'lab-10']],
    ['r[1-2]n[1,3]', ['r1n1', 'r1n3', 'r2n1', 'r2n3']],
    ['a, b ,a', ['a', 'b']]
  ])('expands %s', (text, names) => {
    expect(expandNames(text)).toEqual(names)
  })

  it.each([
    ['lab-[3-1]', /backwards/],
    ['lab-[1-99999]', /more than/],
    ['a[1-9999]b[1-9999]', /more than/],
    ['lab-[x]', /not a range/],
    ['lab-[1', /without a ]/],
    [',', /names no worker/]
  ])('refuses %s', (text, message) => {
    expect(() => expandNames(text)).toThrow(message)
  })

  it('joins the conditions of every --where', () => {
    expect(readPlacement('all', ['arch=arm64,cores=8..', 'label.zone=lab'])).toEqual({
      on: 'all',
      where: [{ key: 'arch', value: 'arm64' }, { key: 'cores', value: '8..' }, { key: 'label.zone', value: 'lab' }]
    })
  })

  it('takes a number of different workers', () => {
    expect(readPlacement('2', ['arch=arm64'])).toEqual({ on: 'some', count: 2, where: [{ key: 'arch', value: 'arm64' }] })
    expect(() => readPlacement('0', [])).toThrow('--on \'0\' is not a whole number from 1 to 10000')
  })
})

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { comparedLines, comparisonOf, pairsPlanOf } from '../../src/roles/client/draft/comparison.ts'
import { draftJob } from '../../src/roles/client/draft/draft.ts'
import { temporaryFolder, type } from './helpers.ts'

const PARAMETER = { name: 'n', values: ['1', '2', '4'] }

describe('what is compared', () => {
  it('is the first command with each of the others', () => {
    expect(comparedLines(['./old 7', './new 7', './newer 7'], [])).toEqual(['./old 7', './new 7', './newer 7'])
  })

  it('may have a reference from elsewhere, and then one command is enough', () => {
    expect(comparedLines(['./new 7'], [], './old 7')).toEqual(['./old 7', './new 7'])
  })

  it('may be one command with the values of a parameter', () => {
    expect(comparedLines(['./primes {n}'], [PARAMETER])).toEqual(['./primes {n}'])
  })

  it.each([
    [[], [], 'nothing to compare'],
    [['./new 7'], [], 'one command to compare'],
    [['./new {n}'], [{ name: 'n', values: ['1'] }], 'one command to compare'],
    [['./old', './new', '--runs', '5'], [], "'--runs' stands behind a command"],
    [['./old {n}', './new {n}'], [PARAMETER], 'compare them for one value at a time']
  ])('cannot be %j', (typed, parameters, message) => {
    expect(() => comparedLines(typed, parameters)).toThrow(message)
  })

  it('becomes a job whose first command is the reference, with a file for each', async () => {
    const folder = await temporaryFolder()

    for (const version of ['old', 'new']) {
      await mkdir(join(folder, version))
      await writeFile(join(folder, version, 'prog'), `#!/bin/sh\necho ${version}\n`)
    }

    const comparison = comparisonOf({ metric: 'cpu', failIfSlower: 0.05 })
    const { draft } = await draftJob({
      kind: 'run',
      words: [],
      commands: comparedLines([`${folder}/old/prog 'a b'`, `${folder}/new/prog 'a b'`], []),
      names: ['old'],
      options: {},
      on: 'all',
      plan: pairsPlanOf({}, comparison),
      measuring: { comparison }
    })

    expect(draft.comparison).toEqual({ metric: 'cpu', margin: 0.01, failIfSlower: 0.05, failIfUndecided: false })
    expect(draft.commands).toEqual([
      { argv: [`${folder}/old/prog`, 'a b'], program: { kind: 'payload', path: 'prog' }, name: 'old' },
      { argv: [`${folder}/new/prog`, 'a b'], program: { kind: 'payload', path: '2/prog' } }
    ])
  })
})

describe('the plan of a comparison', () => {
  it('aims at half of the margin, which a verdict of no difference needs', () => {
    expect(pairsPlanOf({}, { margin: 0.04 })).toMatchObject({ kind: 'precision', precision: 0.02, budgetMs: 5_000 })
  })

  it('is what was asked for otherwise', () => {
    expect(pairsPlanOf({ precision: 0.03 }, { margin: 0.04 })).toMatchObject({ precision: 0.03 })
    expect(pairsPlanOf({ runs: 30, warmup: 2 }, { margin: 0.04 })).toEqual({ kind: 'fixed', runs: 30, warmup: 2 })
  })
})

describe('compare on the command line', () => {
  it.each([
    [['compare'], /nothing to compare: write at least two/],
    [['compare', './old'], /one command to compare/],
    [['compare', './old', './new', '--runs', '5'], /'--runs' stands behind a command: write options before/],
    [['compare', '--margin', '0', 'a', 'b'], /--margin '0' is not a percentage/],
    [['compare', '--fail-if-slower', '-1', 'a', 'b'], /--fail-if-slower '-1' is not a percentage/],
    [['compare', '--metric', 'joy', 'a', 'b'], /--metric 'joy' is none of wall, cpu, memory/],
    [['compare', '-n', 'a', '-n', 'b', '-n', 'c', 'x', 'y'], /--command-name 'c' has no command to name/],
    [['compare', './does-not-exist', 'b'], /does not exist on this machine/],
    [['compare', '', 'b'], /is empty/]
  ])('%j is wrong usage and says why in one line', async (argv, message) => {
    const { code, out, err } = await type(argv)

    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(message)
    expect(err).toMatch(/^meshmark: [^\n]*\n$/)
  })

  it('takes 0 for the threshold: slower at all', async () => {
    const { err } = await type(['compare', '--fail-if-slower', '0', './does-not-exist', 'b'])

    expect(err).toMatch(/does not exist/)
  })

  it('explains itself, with examples and exit codes', async () => {
    const { code, out } = await type(['compare', '--help'])

    expect(code).toBe(0)
    expect(out).toMatch(/--fail-if-slower 5%/)
    expect(out).toMatch(/exactly so many pairs of runs/)
    expect(out).toMatch(/3 a regression/)
  })
})

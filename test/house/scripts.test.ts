import { cp, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dependenciesAreStale, sourceFingerprint } from '../../scripts/lib/stale.js'
import { countTests, slowestFiles } from '../../scripts/lib/vitest-report.js'
import { hasLibrary, inPath, SYSTEM_PACKAGES } from '../../scripts/lib/packages.js'

let root: string

beforeEach(async () => { root = await mkdtemp(join(tmpdir(), 'meshmark-house-')) })
afterEach(async () => { await rm(root, { recursive: true, force: true }) })

describe('stale dependencies', () => {
  const lock = {
    packages: {
      '': { version: '1.0.0' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b-win32': { version: '2.0.0', optional: true }
    }
  }

  async function stale (installed: Record<string, unknown> | undefined): Promise<boolean> {
    await mkdir(join(root, 'node_modules'), { recursive: true })
    await writeFile(join(root, 'package-lock.json'), JSON.stringify(lock))

    if (installed != null) {
      await writeFile(join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages: installed }))
    }

    return dependenciesAreStale(root)
  }

  it('are not those of another platform', async () => {
    expect(await stale({ 'node_modules/a': { version: '1.0.0' } })).toBe(false)
  })

  it.each([
    ['never installed', undefined],
    ['of another version', { 'node_modules/a': { version: '1.0.1' } }],
    ['missing', {}],
    ['no longer wanted', { 'node_modules/a': { version: '1.0.0' }, 'node_modules/c': { version: '1.0.0' } }],
    ['optional, of another version', { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b-win32': { version: '1.0.0' } }]
  ])('are those %s', async (_, installed) => {
    expect(await stale(installed)).toBe(true)
  })
})

describe('a stale build', () => {
  it('is one whose sources changed, came or went', async () => {
    const fingerprint = (): string => sourceFingerprint(root, ['src', 'tsconfig.json'])

    await mkdir(join(root, 'src/model'), { recursive: true })
    await writeFile(join(root, 'src/model/a.ts'), 'a')

    const first = fingerprint()

    expect(fingerprint()).toBe(first)

    await cp(join(root, 'src/model/a.ts'), join(root, 'src/model/b.ts'))
    expect(fingerprint()).not.toBe(first)

    await rm(join(root, 'src/model/b.ts'))
    expect(fingerprint()).toBe(first)

    await utimes(join(root, 'src/model/a.ts'), 1, 1)
    expect(fingerprint()).not.toBe(first)
  })
})

describe('counting tests', () => {
  const file = (status: string, tests: number): object => ({ status, assertionResults: Array(tests).fill({}) })
  const report = (passed: number, failed: number, files: object[]): object => ({ numPassedTests: passed, numFailedTests: failed, numPendingTests: 1, numTodoTests: 0, testResults: files })

  it('adds files that could not be loaded to the failures', () => {
    expect(countTests(report(3, 1, [file('passed', 2), file('failed', 2), file('failed', 0)]), 1)).toEqual({ passed: 3, failed: 2, skipped: 1 })
  })

  it('believes the exit code when no test failed', () => {
    expect(countTests(report(3, 0, [file('passed', 3)]), 1)).toMatchObject({ passed: 3, failed: 1 })
    expect(countTests(report(3, 0, [file('passed', 3)]), 0)).toMatchObject({ passed: 3, failed: 0 })
  })

  it('takes a missing report for a failure', () => {
    expect(countTests(undefined, 0)).toMatchObject({ failed: 1 })
  })

  it('names the files that took longest', () => {
    const took = (name: string, seconds: number): object => ({ name: `/checkout/test/${name}.test.ts`, startTime: 1_000, endTime: 1_000 + seconds * 1_000 })

    expect(slowestFiles({ testResults: [took('e2e/a', 2), took('b', 9), took('e2e/c', 5)] }, 2)).toEqual(['b 9 s', 'e2e/c 5 s'])
    expect(slowestFiles(undefined)).toEqual([])
  })
})

describe('system packages', () => {
  it('are looked for where the system keeps programs and libraries', () => {
    expect(inPath('sh')).toBe(true)
    expect(inPath('no-such-program')).toBe(false)
    expect(hasLibrary('no-such-library.so.1')).toBe(false)
  })

  it.runIf(process.platform === 'linux')('find the C library of this machine', () => {
    expect(hasLibrary('libc.so.6') || hasLibrary(`libc.musl-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`)).toBe(true)
  })

  it('tell those that are needed from those that help', () => {
    expect(SYSTEM_PACKAGES.filter(({ needed }: { needed: boolean }) => needed).map(({ name }: { name: string }) => name)).toEqual(['bubblewrap', 'libseccomp2'])
  })
})

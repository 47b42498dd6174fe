import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkImports, readSources } from '../../scripts/imports.js'

/** A house of these files; what they import from each other exists. */
function check (files: Record<string, string>): string[] {
  const sources = new Map(Object.entries(files).map(([path, imports]) => [path, imports.split(' ').filter(name => name !== '').map(name => `import '${name}'`).join('\n')]))

  return checkImports(sources)
}

describe('the order of imports', () => {
  it('is kept by this repository', () => {
    expect(checkImports(readSources(join(import.meta.dirname, '../../src')))).toEqual([])
  })

  it('lets a room import from those below it and from itself', () => {
    expect(check({
      'model/a.ts': '',
      'roles/b.ts': '../model/a.ts ./c.ts libp2p node:net',
      'roles/c.ts': '',
      'main.ts': './roles/b.ts',
      'sandbox/runner/main.ts': '../../model/a.ts koffi node:fs'
    })).toEqual([])
  })

  it.each([
    ['a room above', { 'model/a.ts': '../stats/b.ts', 'stats/b.ts': '' }, /stats is above model/],
    ['a room that is not in the table', { 'cli/a.ts': '../util/b.ts', 'util/b.ts': '' }, /util is not in the table/],
    ['a file that is not there', { 'cli/a.ts': './b.ts' }, /no such file/],
    ['an entry', { 'cli/a.ts': '../main.ts', 'main.ts': '' }, /nothing imports it/],
    ['a package in a pure room', { 'stats/a.ts': 'lodash' }, /stats is pure/],
    ['Node in a pure room', { 'model/a.ts': 'node:os' }, /model is pure/],
    ['a socket in the sandbox', { 'sandbox/a.ts': 'node:net' }, /free of network code/],
    ['libp2p in the sandbox', { 'sandbox/a.ts': '@libp2p/tcp' }, /free of network code/],
    ['a package in the runner', { 'sandbox/runner/a.ts': 'ulid' }, /only node: and koffi/],
    ['the machine in the runner', { 'sandbox/runner/a.ts': '../../machine/b.ts', 'machine/b.ts': '' }, /the runner imports only/],
    ['a hand on protons', { 'node/a.ts': 'protons-runtime' }, /only node\/protocol/],
    ['the command line in the library', { 'index.ts': './cli/a.ts', 'cli/a.ts': '' }, /the library needs nothing of cli/]
  ])('finds %s', (_, files, message) => {
    expect(check(files).filter(line => message.test(line))).toHaveLength(1)
  })

  it.each([
    ['import type', "import type { A } from '../cli/a.ts'"],
    ['export from', "export * from '../cli/a.ts'"],
    ['import()', "await import('../cli/a.ts')"]
  ])('sees through %s', (_, text) => {
    expect(checkImports(new Map([['model/b.ts', text], ['cli/a.ts', '']]))).toEqual(['src/model/b.ts imports ../cli/a.ts: cli is above model'])
  })

  it('finds folders that import each other, however long the way round', () => {
    const [line, ...others] = check({ 'roles/a/x.ts': '../b/x.ts', 'roles/b/x.ts': '../c/x.ts', 'roles/c/x.ts': '../a/y.ts', 'roles/a/y.ts': '', 'roles/d/x.ts': '../a/x.ts' })

    expect(line).toMatch(/src\/roles\/a, src\/roles\/b, src\/roles\/c import each other/)
    expect(others).toEqual([])
  })
})

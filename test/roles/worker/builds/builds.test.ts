import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_BUILD_LIMITS } from '../../../../src/model/build.ts'
import { BuildIndex } from '../../../../src/roles/worker/builds/build-index.ts'
import { buildKey } from '../../../../src/roles/worker/builds/build-key.ts'
import { BuildOutput } from '../../../../src/roles/worker/builds/build-output.ts'
import { compilerOf } from '../../../../src/roles/worker/builds/compiler.ts'
import { ProductFiles } from '../../../../src/roles/worker/builds/product-files.ts'
import { ContentStore } from '../../../../src/store/content.ts'
import type { DataSet } from '../../../../src/model/data.ts'
import type { BuildInputs } from '../../../../src/roles/worker/builds/build-key.ts'

describe('the compiler of a line', () => {
  it.each([
    ['cc -O2 -o app app.c', {}, 'cc'],
    ['  gcc-12 app.c', {}, 'gcc-12'],
    ['CFLAGS=-O3 clang app.c', {}, 'clang'],
    ['/opt/cc/bin/cc app.c', {}, '/opt/cc/bin/cc'],
    ['make', {}, 'cc'],
    ['make', { CC: 'clang -std=c11' }, 'clang'],
    ['CC=tcc make all', {}, 'tcc'],
    ['./configure && make', {}, 'cc'],
    ['mkdir -p out && gcc app.c', {}, 'cc'],
    ['$(touch x) app.c', {}, 'cc'],
    ['make', { CC: '$(reboot)' }, 'cc'],
    ['make', { CC: './cc' }, 'cc']
  ])('%j is %s → %s', (line, env, program) => {
    expect(compilerOf(line, env)).toMatchObject({ program })
  })

  it('is asked as it wants to be asked', () => {
    expect(compilerOf('go build app.go', {})).toEqual({ program: 'go', ask: ['version'] })
    expect(compilerOf('javac App.java', {})).toEqual({ program: 'javac', ask: ['-version'] })
    expect(compilerOf('rustc app.rs', {})).toEqual({ program: 'rustc', ask: ['--version'] })
    expect(compilerOf("cc 'app.c", {})).toBeUndefined()
    expect(compilerOf('A=b', {})).toBeUndefined()
  })
})

const set = (name: string, id: string): DataSet => ({ name, payload: { id, files: [], chunkSize: 1, chunks: [] } })

describe('what a build has in common with another one', () => {
  const inputs: BuildInputs = { client: 'a', payload: 'f'.repeat(64), line: 'make', env: { A: '1', B: '2' }, limits: DEFAULT_BUILD_LIMITS, machine: ['x64', 'gcc 12'], filter: 'x' }

  it('is everything that decides what it makes', () => {
    const others: Array<Partial<BuildInputs>> = [
      { client: 'b' }, { payload: undefined }, { payload: 'e'.repeat(64) }, { line: 'make ' }, { env: { A: '1' } }, { env: { A: '1', B: '3' } },
      { limits: { ...DEFAULT_BUILD_LIMITS, memoryBytes: 1 } }, { machine: ['x64', 'gcc 13'] }, { machine: ['x64gcc 12'] }, { filter: 'y' },
      { data: [set('lib', 'a')] }, { data: [set('lib', 'b')] }, { data: [set('bil', 'a')] }, { data: [{ ...set('lib', 'a'), file: true }] }, { data: [set('lib', 'a'), set('more', 'a')] }
    ]
    const keys = [inputs, ...others.map(other => ({ ...inputs, ...other }))].map(buildKey)

    expect(new Set(keys).size).toBe(keys.length)
  })

  it('is not in what order its variables and its data sets stand', () => {
    expect(buildKey({ ...inputs, data: [set('b', 'x'), set('a', 'y')] })).toBe(buildKey({ ...inputs, data: [set('a', 'y'), set('b', 'x')] }))
    expect(buildKey({ ...inputs, env: { B: '2', A: '1' } })).toBe(buildKey(inputs))
  })
})

describe('what a build printed', () => {
  it('is told by its first error, or its last line', () => {
    const gist = (text: string): string | undefined => {
      const output = new BuildOutput()

      output.append(Buffer.from(text))

      return output.gist
    }

    expect(gist('app.c: In function main:\napp.c:1:5: error: no\n    1 | x\n      | ^\n')).toBe('app.c:1:5: error: no')
    expect(gist('compiling\nsh: 1: cc: not found\n')).toBe('sh: 1: cc: not found')
    expect(gist('one\ntwo\n\n  ^~~\n')).toBe('two')
    expect(gist('\u001b[31mred\n')).toBe('?[31mred')
    expect(gist('')).toBeUndefined()
  })

  it('is kept from its end, in whole lines, however much there is', () => {
    const output = new BuildOutput()

    for (let line = 0; line < 100_000; line++) {
      output.append(Buffer.from(`line ${line}\n`))
    }

    const text = Buffer.from(output.bytes).toString()

    expect(text.length).toBeLessThan(128 * 1024)
    expect(text).toMatch(/^\[…\]\nline \d+\n/)
    expect(text.endsWith('line 99999\n')).toBe(true)
  })
})

describe('what builds leave', () => {
  let dir: string

  beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'meshmark-builds-')) })
  afterEach(async () => { await rm(dir, { recursive: true }) })

  it('becomes a payload, whatever pieces it comes in', async () => {
    const store = await ContentStore.open(join(dir, 'store'), { maxBytes: 1e9, durable: false })
    const left = await ProductFiles.create(dir)
    const large = Buffer.alloc(2_500_000, 'x')

    left.begin({ path: 'empty', size: 0, executable: false })
    left.begin({ path: 'bin/app', size: large.length, executable: true })
    await left.append(large.subarray(0, 10))
    await left.append(large.subarray(10))
    left.begin({ path: 'a.txt', size: 2, executable: false })
    await left.append(Buffer.from('hi'))

    const { id, files } = await left.keep(store)

    await left.close()
    expect(files.map(({ path }) => path)).toEqual(['empty', 'bin/app', 'a.txt'])

    const reader = await store.open(id)

    expect((await bytesOf(reader.readFile('bin/app'))).equals(large)).toBe(true)
    expect((await bytesOf(reader.readFile('a.txt'))).toString()).toBe('hi')
    await reader.close()
  })

  it('is known again, the youngest of it, and not when the list of it is damaged', async () => {
    const path = join(dir, 'index.json')
    const index = await BuildIndex.open(path, 2)
    const built = (n: number): { product: string, wallMs: number } => ({ product: String(n).repeat(64), wallMs: n })

    await index.set('a', built(1))
    await index.set('b', built(2))
    index.get('a')
    await index.set('c', built(3))

    const again = await BuildIndex.open(path, 2)

    expect(again.get('a')).toEqual(built(1))
    expect(again.get('b')).toBeUndefined()
    await again.delete('a')
    expect((await BuildIndex.open(path, 2)).get('a')).toBeUndefined()
    await writeFile(path, '{"version":1,"builds":[["c",{"product":"../../etc","wallMs":1}],["d",null]]}')
    expect((await BuildIndex.open(path, 2)).get('c')).toBeUndefined()
    await writeFile(path, 'nonsense')
    expect((await BuildIndex.open(path, 2)).get('c')).toBeUndefined()
  })
})

async function bytesOf (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []

  for await (const piece of pieces) {
    all.push(Uint8Array.from(piece))
  }

  return Buffer.concat(all)
}

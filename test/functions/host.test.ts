import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decode, encode } from '../../src/functions/encoding.ts'
import { functionModule } from '../../src/functions/function-module.ts'
import { readFunction } from '../../src/functions/function-text.ts'
import type { Readable } from 'node:stream'

const HOST = join(import.meta.dirname, '../../dist/function-host.mjs')

interface Ended { code: number | null, kind: string, text: string, stdout: string, stderr: string }

describe('the host of functions', () => {
  let dir: string

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'meshmark-calls-'))
    await copyFile(HOST, join(dir, 'meshmark-host.mjs'))
  })

  afterAll(async () => { await rm(dir, { recursive: true }) })

  async function call (fn: unknown, args: unknown[], most = 1_000_000, given = encode(args, 'it')): Promise<Ended> {
    const text = readFunction(fn)

    await writeFile(join(dir, 'meshmark-function.mjs'), functionModule(text))

    const child = spawn(process.execPath, ['meshmark-host.mjs', text.name, String(most), given], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
    const said: Record<'stdout' | 'stderr' | 'answer', string> = { stdout: '', stderr: '', answer: '' }

    child.stdout!.on('data', data => { said.stdout += String(data) })
    child.stderr!.on('data', data => { said.stderr += String(data) });
    (child.stdio[3] as Readable).on('data', data => { said.answer += String(data) })

    const [code] = await once(child, 'close')

    return { code, kind: said.answer.slice(0, 1), text: said.answer.slice(1), stdout: said.stdout, stderr: said.stderr }
  }

  it('answers with what the function returned, beside what it printed', async () => {
    const ended = await call(async function add (a: number, b: Map<string, number>) { console.log('hello'); return [a + b.get('x')!, arguments.length] }, [1, new Map([['x', 2]])])

    expect(ended).toMatchObject({ code: 0, kind: '=', stdout: 'hello\n' })
    expect(decode(ended.text)).toEqual([3, 2])
  })

  it('ends although the function has left a timer', async () => {
    expect(await call(() => { setInterval(() => {}, 1_000) }, [])).toMatchObject({ code: 0, kind: '=', text: '-1' })
  })

  it('reads long arguments from a file', async () => {
    await writeFile(join(dir, 'long'), encode(['x'.repeat(200_000)], 'it'))
    expect(decode((await call((text: string) => text.length, [], 1_000, 'long')).text)).toBe(200_000)
  })

  it('answers with what was thrown, without frames of its own', async () => {
    const ended = await call(function broken () { return JSON.parse('{') }, [])
    const error = decode(ended.text) as Error

    expect(ended).toMatchObject({ code: 1, kind: '!' })
    expect(error).toBeInstanceOf(SyntaxError)
    expect(error.stack).toMatch(/at broken \(file:.*meshmark-function\.mjs:\d+:/)
    expect(error.stack).not.toContain('meshmark-host')
    // what cannot be sent is told all the same
    expect(decode((await call(() => { throw Object.assign(() => {}, {}) }, [])).text)).toMatchObject({ message: 'the function threw what cannot be sent' })
  })

  it('refuses results that cannot be sent, or are too large', async () => {
    expect(await call(() => ({ f: () => {} }), [])).toMatchObject({ code: 1, kind: '?', text: 'the result of the function cannot be sent: .f is a function' })
    expect(await call(() => 'x'.repeat(5_000), [], 1_000)).toMatchObject({ code: 1, kind: '?', text: 'the result of the function has 4.9 KB encoded, and 1.0 KB are allowed: raise resultLimit, or return less' })
  })

  it('calls methods, and functions that a compiler has been at', async () => {
    expect(decode((await call({ async double (x: number) { return x * 2 } }.double, [4])).text)).toBe(8)

    const { code } = await transform('export default async (x: number) => { const inner = (y: number): number => y + 1; function named () { return inner.name } return [inner(x), named()] }', { loader: 'ts', keepNames: true, format: 'esm' })
    const { default: compiled } = await import(`data:text/javascript,${encodeURIComponent(code)}`)

    expect(compiled.toString()).toContain('__name(')
    expect(decode((await call(compiled, [1])).text)).toEqual([2, 'inner'])
    expect(decode((await call(async () => typeof require('node:os').cpus + typeof (await import('node:fs')).readFileSync, [])).text)).toBe('functionfunction')
  })
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execute, Host, measure, runs } from './host.ts'
import { echo, reader, wasm } from './wasm-modules.ts'
import type { Seen, TestTask } from './host.ts'

/** Of wasi_snapshot_preview1. */
const ENOENT = 44
const ENOTCAPABLE = 76
const EPERM = 63

let host: Host

beforeAll(async () => { host = await Host.start() }, 60_000)
afterAll(async () => { await host.stop() })

async function run (module: Buffer, more: Partial<TestTask> = {}, ...args: string[]): Promise<Seen> {
  const task = execute([])

  return host.ask('run', { ...task, commands: [{ argv: ['./module', ...args], program: { kind: 'payload', path: 'module' } }], ...more, files: { module: { base64: module.toString('base64') }, ...more.files } })
}

function exitOf ({ report }: Seen): unknown {
  return report?.commands[0]?.samples[0]?.exit
}

describe('a WebAssembly module', () => {
  it('is run with its arguments, its input and its exit code, whatever it is called, and nothing else is said', async () => {
    const seen = await run(await echo(), { stdin: 'in', files: { in: 'from stdin' } }, 'one', 'two words')

    expect(seen.stdout).toBe('./module\0one\0two words\0from stdin')
    expect(seen.stderr).toBe('')
    expect(exitOf(seen)).toEqual({ kind: 'code', code: 7 })
  })

  it('is measured as any program', async () => {
    const module = await wasm('(module (memory (export "memory") 1) (func (export "_start")))')
    const seen = await host.ask('run', measure([], { commands: [{ argv: ['./m.wasm'], program: { kind: 'payload', path: 'm.wasm' } }], plan: runs(2), files: { 'm.wasm': { base64: module.toString('base64') } } }))

    expect(seen.report).toMatchObject({ outcome: 'done' })
    expect(seen.samples).toBe(2)
  })

  it('reads files of its own folder, by any name that leads there', async () => {
    for (const folder of [3, 4]) {
      expect((await run(await reader('data/file', { folder }), { files: { 'data/file': 'mine' } })).stdout).toBe('mine')
    }

    // as one that does lead somewhere
    expect((await run(await reader('data/file', { link: 'link' }), { files: { 'data/file': 'mine' } })).stdout).toBe('mine')
    expect((await run(await reader('data/../data/file'), { files: { 'data/file': 'mine' } })).stdout).toBe('mine')
  })

  it.each([
    ['a path upwards', '../etc/passwd', undefined],
    ['a path upwards behind a folder', 'data/../../etc/passwd', undefined],
    ['an absolute path', '/etc/passwd', undefined],
    ['a link to an absolute path', '/etc/passwd', 'link'],
    ['a link upwards', '../etc/passwd', 'link'],
    ['a link to what the kernel has of itself', '../proc/self/environ', 'link']
  ])('does not get out of its folder by %s', async (_, path, link) => {
    const seen = await run(await reader(path, { link }), { files: { 'data/file': 'mine' } })

    expect(seen.stdout).toBe('')
    expect([ENOENT, ENOTCAPABLE, EPERM]).toContain((exitOf(seen) as { code?: number } | undefined)?.code)
  })

  it.each([
    ['traps', '(module (memory (export "memory") 1) (func (export "_start") unreachable))', 134, 'trapped: unreachable'],
    ['never comes back from itself', '(module (memory (export "memory") 1) (func $f (export "_start") (call $f)))', 134, 'trapped: its call stack is used up'],
    ['is a library', '(module (memory (export "memory") 1) (func (export "add")))', 126, 'exports no _start: build it as a program, not as a library'],
    ['exports no memory', '(module (func (export "_start")))', 126, 'exports no memory: build it as a program'],
    ['wants a host of its own', '(module (import "env" "alert" (func)) (memory (export "memory") 1) (func (export "_start")))', 126, 'needs env.alert, which only its own host has: build it for wasm32-wasip1'],
    ['wants what the system has not', '(module (import "wasi_snapshot_preview1" "fly" (func)) (memory (export "memory") 1) (func (export "_start")))', 126, 'cannot be started: ']
  ])('that %s says so in one line', async (_, text, code, message) => {
    const seen = await run(await wasm(text))

    expect(seen.stderr).toContain(`meshmark: module ${message}`)
    expect(seen.stderr.trim().split('\n')).toHaveLength(1)
    expect(exitOf(seen)).toEqual({ kind: 'code', code })
  })

  it.each([
    ['is damaged', Buffer.from('\0asm\x01\0\0\0garbage', 'latin1'), 'is no WebAssembly module that this Node can run: '],
    ['is a component', Buffer.from('\0asm\x0d\0\x01\0', 'latin1'), 'is a WebAssembly component, and modules are run here']
  ])('that %s says so in one line', async (_, module, message) => {
    const seen = await run(module)

    expect(seen.stderr).toContain(`meshmark: module ${message}`)
    expect(seen.stderr.trim().split('\n')).toHaveLength(1)
    expect(exitOf(seen)).toEqual({ kind: 'code', code: 126 })
  })
})

import { mkdirSync, readdirSync, statSync } from 'node:fs'
import fc from 'fast-check'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Spools } from '../../src/store/spool.ts'
import { startChild, useTemporaryDir } from './child.ts'
import type { ExecutionKey } from '../../src/model/ids.ts'
import type { Spool } from '../../src/store/spool.ts'

const dir = useTemporaryDir()
const KEY: ExecutionKey = { job: '01ARZ3NDEKTSV4RRFFQ69G5FAV', task: 'each-1.a_b', worker: '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp', attempt: 0 }

async function text (spool: Spool, from = 0): Promise<string> {
  return Buffer.from(await spool.read(from, 1e6)).toString()
}

describe('spooled output', () => {
  it('is read from any offset, also by a later process', async () => {
    const spools = await Spools.open(dir())
    const spool = await spools.get(KEY, 'stdout')

    expect(spool.size).toBe(0)
    expect(await spool.read(0, 10)).toHaveLength(0)
    expect(await spool.append(Buffer.from('hello '))).toBe(6)
    expect(await spool.append(Buffer.from('world'))).toBe(11)
    await spool.sync()
    expect(await text(spool, 6)).toBe('world')
    expect(Buffer.from(await spool.read(4, 3)).toString()).toBe('o w')
    expect(await text(spool, 99)).toBe('')
    await spools.close()

    const later = await Spools.open(dir())

    expect(await later.list()).toEqual([{ key: KEY, stream: 'stdout' }])
    expect((await later.get(KEY, 'stdout')).size).toBe(11)
    expect(statSync(join(dir(), readdirSync(dir())[0] ?? '')).mode & 0o777).toBe(0o600)
    await (await later.get(KEY, 'stdout')).append(Buffer.from('!'))
    expect(await text(await later.get(KEY, 'stdout'))).toBe('hello world!')
    await later.close()
  })

  it('keeps appends in the order of the calls', async () => {
    const spools = await Spools.open(dir())
    const spool = await spools.get(KEY, 'stderr')

    await Promise.all(Array.from({ length: 100 }, async (_, i) => spool.append(Buffer.from(`${i},`))))
    expect(await text(spool)).toBe(Array.from({ length: 100 }, (_, i) => `${i},`).join(''))
    await spools.close()
  })

  it('follows what grows, and ends when the output does', async () => {
    const spools = await Spools.open(dir())
    const spool = await spools.get(KEY, 'stdout')
    const followers = [0, 3, 8].map(async from => {
      let seen = ''

      for await (const bytes of spool.follow(from, { maxBytes: 4 })) {
        seen += Buffer.from(bytes).toString()
      }

      return seen
    })

    await spool.append(Buffer.from('abcdef'))
    await new Promise(resolve => { setImmediate(resolve) })
    await spool.append(Buffer.from('ghi'))
    spool.end()
    expect(await Promise.all(followers)).toEqual(['abcdefghi', 'defghi', 'i'])
    await expect(spool.append(Buffer.from('x'))).rejects.toThrow('has ended')
    await spools.close()
  })

  it('lets a follower give up, and ends followers of what is removed', async () => {
    const spools = await Spools.open(dir())
    const spool = await spools.get(KEY, 'stdout')
    const stop = new AbortController()
    const waiting = spool.grown(0, stop.signal)
    const other = spool.grown(0)

    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await spool.remove()
    expect(await other).toBe(false)
    expect(readdirSync(dir())).toEqual([])
    // a new one may take its place
    expect((await spools.get(KEY, 'stdout')).size).toBe(0)
    await spools.close()
  })

  it('takes deliveries that are repeated or overlap, and refuses a gap', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(40), fc.nat(20)), { maxLength: 30 }), async deliveries => {
      const spools = await Spools.open(dir())
      const spool = await spools.get(KEY, 'stdout')
      const whole = Buffer.from(Array.from({ length: 60 }, (_, i) => i))

      for (const [offset, length] of deliveries) {
        const before = spool.size
        const result = await spool.appendAt(offset, whole.subarray(offset, offset + length)).catch(() => 'gap')

        expect(result).toBe(offset > before ? 'gap' : Math.max(before, offset + length))
      }

      expect(Buffer.from(await spool.read(0, 100))).toEqual(whole.subarray(0, spool.size))
      await spool.remove()
      await spools.close()
    }), { numRuns: 40 })
  })

  it('keeps few files open however many there are', async () => {
    const spools = await Spools.open(dir(), { maxOpen: 5 })
    const all = await Promise.all(Array.from({ length: 40 }, async (_, attempt) => spools.get({ ...KEY, attempt }, 'stdout')))

    for (let round = 0; round < 3; round++) {
      await Promise.all(all.map(async (spool, i) => spool.append(Buffer.from(`${i} `))))
      expect(spools.openFiles).toBeLessThanOrEqual(5)
    }

    expect(await text(all[7] as Spool)).toBe('7 7 7 ')
    await spools.close()
    expect(spools.openFiles).toBe(0)
  })

  it('refuses names that would leave its folder', async () => {
    const spools = await Spools.open(dir())

    for (const wrong of [{ task: '../../x' }, { job: '' }, { worker: 'a,b' }, { task: 'x'.repeat(300) }, { attempt: -1.5 }]) {
      await expect(async () => { await (await spools.get({ ...KEY, ...wrong }, 'stdout')).append(Buffer.from('x')) }).rejects.toThrow('not an execution')
    }

    expect(readdirSync(dir())).toEqual([])
  })

  it('has what was written when its process was killed', async () => {
    const child = startChild("import { Spools } from './store/spool.ts'", `
      const spool = await (await Spools.open(args[0])).get(JSON.parse(args[1]), 'stdout')
      for (let i = 0; ; i++) print(String(await spool.append(Buffer.from(String(i % 10).repeat(1000)))))`, { args: [dir(), JSON.stringify(KEY)] })
    let confirmed = 0

    while (confirmed < 100_000) {
      confirmed = Number(await child.line())
    }

    await child.kill()

    const spools = await Spools.open(dir())
    const content = await text(await spools.get(KEY, 'stdout'))

    expect(content.length).toBeGreaterThanOrEqual(confirmed)
    expect(content.slice(0, confirmed)).toBe(Array.from({ length: confirmed / 1000 }, (_, i) => String(i % 10).repeat(1000)).join(''))
    await spools.close()
  })

  it.skipIf(process.getuid?.() !== 0)('is as it was before an append that did not fit the disk', async () => {
    const mount = join(dir(), 'disk')

    mkdirSync(mount)

    const child = startChild(`
      import { Spools } from './store/spool.ts'
      import { execFileSync } from 'node:child_process'`, `
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', args[0]])
      const spool = await (await Spools.open(args[0] + '/output')).get(JSON.parse(args[1]), 'stdout')
      await spool.append(Buffer.alloc(600_000, 'a'))
      print(await spool.append(Buffer.alloc(600_000, 'b')).catch(err => err.code + ' ' + err.message))
      await spool.append(Buffer.from('c'))
      print(spool.size + ' ' + Buffer.from(await spool.read(599_999, 10)))`, { args: [mount, JSON.stringify(KEY)], wrapper: ['unshare', '-m', '--propagation', 'private'] })

    expect(await child.line()).toMatch(/^failed the disk of .* is full/)
    expect(await child.line()).toBe('600001 ac')
  })
})

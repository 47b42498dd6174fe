import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { describe, expect, it } from 'vitest'
import { Journal, JournalLockedError } from '../../src/store/journal.ts'
import { startChild, useTemporaryDir } from './child.ts'
import type { JournalOptions } from '../../src/store/journal.ts'

const IMPORT = "import { Journal } from './store/journal.ts'"
const dir = useTemporaryDir()

function path (): string {
  return join(dir(), 'worker', 'journal')
}

/** Opens and gathers what was said to be damaged. */
async function openTelling (options: JournalOptions = {}): Promise<{ journal: Journal, damage: Array<[string, string]> }> {
  const damage: Array<[string, string]> = []
  const journal = await Journal.open(path(), { ...options, onDamage: (...said) => { damage.push(said) } })

  return { journal, damage }
}

async function fill (count: number): Promise<void> {
  const journal = await Journal.open(path())

  for (let i = 0; i < count; i++) {
    await journal.put(`key/${i}`, bytes(`value ${i}`), { durable: i === count - 1 })
  }

  await journal.close()
}

async function entries (journal: Journal, prefix: string, options = {}): Promise<Array<[string, string]>> {
  const found: Array<[string, string]> = []

  for await (const { key, value } of journal.iterate(prefix, options)) {
    found.push([key, Buffer.from(value).toString()])
  }

  return found
}

function bytes (text: string): Uint8Array {
  return Buffer.from(text)
}

function logFile (): string {
  return join(path(), readdirSync(path()).find(name => name.endsWith('.log')) ?? '')
}

function flip (file: string, at: number): void {
  const content = readFileSync(file)

  content[at] = (content[at] as number) ^ 0x10
  writeFileSync(file, content)
}

describe('the journal', () => {
  it('keeps records across processes and says whether it began empty', async () => {
    const first = await Journal.open(path())

    expect(first.fresh).toBe(true)
    await first.batch([{ type: 'put', key: 'a', value: bytes('1') }, { type: 'put', key: 'b', value: new Uint8Array(0) }])
    await first.del('a')
    await first.close()
    await first.close()

    const second = await Journal.open(path())

    expect(second.fresh).toBe(false)
    expect(await second.get('a')).toBeUndefined()
    expect(await second.get('b')).toHaveLength(0)
    await second.close()
    await expect(second.get('b')).rejects.toThrow('is closed')
    await expect(second.put('b', bytes('x'))).rejects.toThrow('is closed')
  })

  it('is closed to other users', async () => {
    await fill(1)
    expect(statSync(path()).mode & 0o777).toBe(0o700)
    expect(statSync(join(dir(), 'worker')).mode & 0o777).toBe(0o700)
  })

  it('walks keys of a prefix in order, backwards, from a key and up to a limit', async () => {
    const journal = await Journal.open(path())

    for (const key of ['a/1', 'a/2', 'a/3', 'b/1', 'a', 'aa']) {
      await journal.put(key, bytes(key), { durable: false })
    }

    expect((await entries(journal, 'a/')).map(([key]) => key)).toEqual(['a/1', 'a/2', 'a/3'])
    expect((await entries(journal, 'a/', { reverse: true })).map(([key]) => key)).toEqual(['a/3', 'a/2', 'a/1'])
    expect((await entries(journal, 'a/', { gt: 'a/1' })).map(([key]) => key)).toEqual(['a/2', 'a/3'])
    expect((await entries(journal, 'a/', { gt: 'a/1', reverse: true, limit: 1 })).map(([key]) => key)).toEqual(['a/3'])
    expect((await entries(journal, '')).map(([key]) => key)).toEqual(['a', 'a/1', 'a/2', 'a/3', 'aa', 'b/1'])
    expect(await entries(journal, 'c')).toEqual([])
    await journal.close()
  })

  it('walks more than one page without losing or repeating a record', async () => {
    const journal = await Journal.open(path())
    const keys = Array.from({ length: 700 }, (_, i) => `k/${String(i).padStart(4, '0')}`)

    await journal.batch(keys.map(key => ({ type: 'put', key, value: new Uint8Array(2_000) })), { durable: false })
    expect((await entries(journal, 'k/')).map(([key]) => key)).toEqual(keys)
    expect((await entries(journal, 'k/', { reverse: true })).map(([key]) => key)).toEqual(keys.toReversed())
    await journal.close()
  })

  it('applies writes in the order of the calls, however many wait', async () => {
    const journal = await Journal.open(path())

    await Promise.all(Array.from({ length: 200 }, async (_, i) => journal.put(`k${i % 3}`, bytes(String(i)))))
    expect(await entries(journal, 'k')).toEqual([['k0', '198'], ['k1', '199'], ['k2', '197']])
    // a write that is asked for in the very turn in which the one before ended
    await journal.put('k0', bytes('a')).then(async () => journal.put('k0', bytes('b')))
    expect(await entries(journal, 'k0')).toEqual([['k0', 'b']])
    await journal.close()
  })

  it('refuses keys that are its own or hardly a key', async () => {
    const journal = await Journal.open(path())

    for (const key of ['', '!version', 'damaged/x', 'x'.repeat(2_000), '\ud800']) {
      await expect(journal.put(key, bytes('x'))).rejects.toThrow('not a key')
    }

    await journal.close()
  })

  it('refuses another format and says what to do', async () => {
    await fill(1)
    await expect(Journal.open(path(), { version: 2 })).rejects.toThrow(/has format 1 and this version of meshmark reads format 2: .*move .* away/)

    // nothing was touched
    const journal = await Journal.open(path())

    expect(journal.fresh).toBe(false)
    await journal.close()
  })

  it('is open once, in this process and in others', async () => {
    const journal = await Journal.open(path())

    await expect(Journal.open(path())).rejects.toBeInstanceOf(JournalLockedError)

    const child = startChild(IMPORT, 'await Journal.open(args[0]).catch(err => print(err.code + " " + err.locked + " " + err.message))', { args: [path()] })

    expect(await child.line()).toMatch(/^failed true the journal .* is in use by another process or part of this one$/)
    await journal.close()
  })

  it('keeps everything that was confirmed when its process is killed while writing', async () => {
    for (let round = 0; round < 3; round++) {
      const child = startChild(IMPORT, `
        const journal = await Journal.open(args[0])
        for (let i = 0; ; i++) {
          await journal.put('run/' + args[1] + '/' + String(i).padStart(6, '0'), new Uint8Array(5000 + i % 7 * 9000).fill(i))
          print(String(i))
        }`, { args: [path(), String(round)] })
      let confirmed = -1

      while (confirmed < 40 + round * 7) {
        confirmed = Number(await child.line())
      }

      await child.kill()

      const { journal, damage } = await openTelling()
      const found = (await entries(journal, `run/${round}/`)).map(([key]) => Number(key.slice(-6)))

      expect(damage).toEqual([])
      expect(journal.fresh).toBe(false)
      // none missing in between, and at least what was confirmed
      expect(found).toEqual(found.map((_, i) => i))
      expect(found.length).toBeGreaterThan(confirmed)
      await journal.close()
    }
  })

  it('takes a last record that was cut short as never written', async () => {
    await fill(20)
    truncateSync(logFile(), statSync(logFile()).size - 3)

    const { journal, damage } = await openTelling()

    expect(damage).toEqual([])
    expect(journal.fresh).toBe(false)
    expect(await entries(journal, 'key/')).toHaveLength(19)
    await journal.close()
  })

  it('takes zeros at the end, as a power cut leaves them, as never written', async () => {
    await fill(20)
    appendFileSync(logFile(), new Uint8Array(4096))

    const { journal, damage } = await openTelling()

    expect(damage).toEqual([])
    expect(await entries(journal, 'key/')).toHaveLength(20)
    await journal.close()
  })

  it('sets a log aside that is damaged before its end, names it, and begins anew', async () => {
    await fill(20)
    flip(logFile(), 300)

    const { journal, damage } = await openTelling()

    expect(journal.fresh).toBe(true)
    expect(await entries(journal, '')).toEqual([])
    expect(damage).toHaveLength(1)
    expect(damage[0]?.[0]).toMatch(/journal\.damaged-\d{4}-/)
    expect(damage[0]?.[1]).toMatch(/\.log: a record at byte \d+ does not match its checksum/)
    // what was there is kept
    expect(readdirSync(damage[0]?.[0] ?? '').some(name => name.endsWith('.log'))).toBe(true)
    await journal.put('new', bytes('life'))
    await journal.close()

    const again = await openTelling()

    expect(again.damage).toEqual([])
    expect(again.journal.fresh).toBe(false)
    await again.journal.close()
  })

  it('notices a flipped bit wherever it is in the log', async () => {
    await fill(4)
    await fill(12)
    const log = logFile()
    const copy = join(dir(), 'copy')
    const size = statSync(log).size

    execFileSync('cp', ['-r', path(), copy])

    for (let at = 0; at < size; at += 13) {
      rmSync(path(), { recursive: true })
      execFileSync('cp', ['-r', copy, path()])
      flip(log, at)

      const { journal, damage } = await openTelling()

      // the length of the very last record is all that cannot be told from a crash
      const found = journal.fresh ? 0 : (await entries(journal, 'key/')).length

      await journal.close()
      expect(damage.length === 1 || found >= 11, `bit at ${at}: ${found} records, ${damage.length} said`).toBe(true)
    }
  }, 60_000)

  it.each([
    ['CURRENT that names nothing', () => { writeFileSync(join(path(), 'CURRENT'), 'MANIFEST-000099\n') }],
    ['CURRENT that is garbage', () => { writeFileSync(join(path(), 'CURRENT'), 'x') }],
    ['no CURRENT', () => { rmSync(join(path(), 'CURRENT')) }],
    ['a manifest that is empty', () => { readdirSync(path()).filter(name => name.startsWith('MANIFEST')).forEach(name => { truncateSync(join(path(), name), 0) }) }],
    ['a table that is missing', () => { readdirSync(path()).filter(name => name.endsWith('.ldb')).forEach(name => { rmSync(join(path(), name)) }) }],
    ['a table that is cut short', () => { readdirSync(path()).filter(name => name.endsWith('.ldb')).forEach(name => { truncateSync(join(path(), name), 50) }) }]
  ])('sets a database aside with %s', async (_, damageIt) => {
    await fill(20)
    // the log becomes a table when it is opened again
    await fill(1)
    damageIt()

    const { journal, damage } = await openTelling()

    expect(damage).toHaveLength(1)
    expect(existsSync(damage[0]?.[0] ?? '')).toBe(true)
    expect(journal.fresh).toBe(true)
    expect(await entries(journal, '')).toEqual([])
    await journal.put('a', bytes('b'))
    await journal.close()
    expect(readdirSync(join(dir(), 'worker')).filter(name => name.includes('damaged'))).toHaveLength(1)
  })

  it.each([['a table', /\.ldb$/], ['the manifest', /^MANIFEST/], ['CURRENT', /^CURRENT$/]])('notices a flipped bit wherever it is in %s', async (_, kind) => {
    await fill(12)
    await fill(12)
    const copy = join(dir(), 'copy')
    const table = join(path(), readdirSync(path()).find(name => kind.test(name)) ?? '')
    const size = statSync(table).size

    execFileSync('cp', ['-r', path(), copy])

    for (let at = 0; at < size; at += size > 500 ? 11 : 3) {
      rmSync(path(), { recursive: true })
      execFileSync('cp', ['-r', copy, path()])
      rmSync(logFile())
      flip(table, at)

      const { journal, damage } = await openTelling()
      const found = journal.fresh ? 0 : (await entries(journal, 'key/')).length

      await journal.close()
      expect(damage.length > 0 || found === 12, `bit at ${at}: ${found} records, nothing said`).toBe(true)
    }
  }, 60_000)

  it('takes a table that a crash left unfinished as not there', async () => {
    await fill(12)
    writeFileSync(join(path(), '000999.ldb'), randomBytes(5_000))

    const { journal, damage } = await openTelling()

    expect(damage).toEqual([])
    expect(await entries(journal, 'key/')).toHaveLength(12)
    await journal.close()
  })

  it('sets a database aside when only some of its tables are damaged', async () => {
    const first = await Journal.open(path())

    for (let i = 0; i < 6; i++) {
      await first.put(`key/${i}`, randomBytes(2_500_000), { durable: false })
    }

    await first.close()
    await (await Journal.open(path())).close()

    const tables = readdirSync(path()).filter(name => name.endsWith('.ldb')).sort()

    expect(tables.length).toBeGreaterThan(1)
    truncateSync(join(path(), tables.at(-1) ?? ''), 1_000)

    const { journal, damage } = await openTelling()

    expect(damage).toHaveLength(1)
    expect(journal.fresh).toBe(true)
    await journal.close()
  })

  it('leaves a damaged log to the process that lives in it', async () => {
    const child = startChild(IMPORT, `
      const journal = await Journal.open(args[0])
      await journal.put('a', Buffer.from('1'))
      await journal.put('b', Buffer.from('2'))
      print('open')
      process.stdin.once('data', async () => {
        await journal.put('c', Buffer.from('3'))
        print(String(await journal.get('a')))
        await journal.close()
        process.exit()
      })`, { args: [path()] })

    expect(await child.line()).toBe('open')
    flip(logFile(), 20)
    await expect(Journal.open(path())).rejects.toBeInstanceOf(JournalLockedError)
    expect(readdirSync(join(dir(), 'worker'))).toEqual(['journal'])
    child.process.stdin?.write('go')
    expect(await child.line()).toBe('1')
    expect(await child.exited).toBe(0)
  })

  it('is set aside once when several processes find it damaged at the same time', async () => {
    await fill(20)
    writeFileSync(join(path(), 'CURRENT'), 'MANIFEST-000099\n')

    const children = Array.from({ length: 4 }, () => startChild(IMPORT, `
      process.stdin.once('data', async () => {
        let damage = 0
        const result = await Journal.open(args[0], { onDamage: () => { damage++ } }).then(journal => 'open ' + journal.fresh, err => 'locked ' + (err.locked ?? err.message))
        print(result + ' ' + damage)
      })
      print('ready')`, { args: [path()] }))

    await Promise.all(children.map(async child => child.line()))
    children.forEach(child => child.process.stdin?.write('go'))

    const results = await Promise.all(children.map(async child => child.line()))

    // who sets it aside need not be the one who opens the new one first
    expect(results.map(result => result.split(' ').slice(0, 2).join(' ')).sort()).toEqual(['locked true', 'locked true', 'locked true', 'open true'])
    expect(results.map(result => result.at(-1)).sort()).toEqual(['0', '0', '0', '1'])
    expect(readdirSync(join(dir(), 'worker')).filter(name => name.includes('damaged'))).toHaveLength(1)
  })

  it('sets a damaged record aside under its own key, names it, and goes on', async () => {
    await fill(3)
    const level = new ClassicLevel<string, Buffer>(path(), { valueEncoding: 'buffer' })
    const stored = await level.get('key/1') as Buffer

    stored[7] = (stored[7] as number) ^ 1
    await level.put('key/1', stored)
    // a record that stands under another key is none
    await level.put('key/9', await level.get('key/2') as Buffer)
    await level.close()

    const { journal, damage } = await openTelling()

    expect(damage.map(([name]) => name)).toEqual([`${path()}: key/1`, `${path()}: key/9`])
    expect(journal.damagedRecords).toBe(2)
    expect(journal.fresh).toBe(false)
    expect(await entries(journal, 'key/')).toEqual([['key/0', 'value 0'], ['key/2', 'value 2']])
    expect((await entries(journal, 'damaged/')).map(([key]) => key)).toEqual(['damaged/key/1', 'damaged/key/9'])
    expect(await journal.get('key/1')).toBeUndefined()
    await journal.close()

    const again = await openTelling()

    expect(again.damage).toEqual([])
    await again.journal.close()
  })

  it('refuses to live behind a link or in a file', async () => {
    mkdirSync(join(dir(), 'worker'))
    mkdirSync(join(dir(), 'elsewhere'))
    symlinkSync(join(dir(), 'elsewhere'), path())
    await expect(Journal.open(path())).rejects.toThrow('is not a folder but a link')
    rmSync(path())
    copyFileSync(import.meta.filename, path())
    await expect(Journal.open(path())).rejects.toThrow('is not a folder')
  })

  it.skipIf(process.getuid?.() !== 0)('says that the disk is full, keeps what it had, and works again when there is room', async () => {
    const mount = join(dir(), 'disk')

    mkdirSync(mount)

    // in a mount namespace of its own: gone with the process
    const child = startChild(`${IMPORT}
      import { execFileSync } from 'node:child_process'
      import { rmSync, writeFileSync, statfsSync } from 'node:fs'`, `
      const [mount] = args
      const real = { statfsSync }
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', mount])
      let journal = await Journal.open(mount + '/journal')
      await journal.put('before', new Uint8Array(100_000).fill(1))
      const fillUp = (leave) => {
        const { bavail, bsize } = real.statfsSync(mount)
        try {
          writeFileSync(mount + '/ballast', new Uint8Array(bavail * bsize - leave))
        } catch (err) {
          // the journal's own files have grown meanwhile: full is full
          if (err.code !== 'ENOSPC') throw err
        }
      }

      // 1: refused before anything is written
      fillUp(500_000)
      print(await journal.put('refused', new Uint8Array(100_000)).then(() => 'taken', err => err.code + ': ' + err.message))
      print(String((await journal.get('before'))?.length))
      rmSync(mount + '/ballast')
      await journal.put('between', new Uint8Array(10))

      // 2: a quota does not show in statfs, so writes fail half way
      const fs = require('node:fs')
      const promises = require('node:fs/promises')
      const { statfs } = promises
      const { syncBuiltinESMExports } = require('node:module')
      const plenty = { bavail: 1e9, bsize: 4096 }
      promises.statfs = async () => plenty
      fs.statfsSync = () => plenty
      syncBuiltinESMExports()
      const results = []
      const write = async i => journal.put('race/' + i, Buffer.alloc(40_000 + i % 3 * 20_000, i)).then(() => i, err => err.message)
      for (let i = 0; i < 12; i++) {
        fillUp(20_000 + 15_000 * i)
        for (let n = 0; n < 6; n++) results.push(await write(6 * i + n))
        rmSync(mount + '/ballast')
        results.push(await write(200 + i))
      }
      promises.statfs = statfs
      fs.statfsSync = real.statfsSync
      syncBuiltinESMExports()
      const failed = results.filter(r => typeof r === 'string')
      print(String(failed.length > 12) + ' ' + failed.every(r => /the disk of .* is full/.test(r)) + ' ' + results.slice(-1))
      await journal.put('after', new Uint8Array(10))
      await journal.close()

      // 3: what was confirmed is there
      journal = await Journal.open(mount + '/journal', { onDamage: (...d) => print('damage ' + d) })
      const lost = []
      for (const r of results) {
        if (typeof r === 'number' && (await journal.get('race/' + r))?.[0] !== r) lost.push(r)
      }
      print('lost ' + lost.length + ' ' + (await journal.get('after'))?.length + ' ' + (await journal.get('before'))?.length + ' ' + journal.fresh)
      await journal.close()`, { args: [mount], wrapper: ['unshare', '-m', '--propagation', 'private'] })

    expect(await child.line()).toBe(`failed: the disk of ${mount}/journal is full: free some space there`)
    expect(await child.line()).toBe('100000')
    expect(await child.line()).toBe('true true 211')
    expect(await child.line()).toBe('lost 0 10 100000 false')
    expect(await child.exited).toBe(0)
  })
})

import { lstatSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import '../../src/node/polyfill.ts'
import { MachineLock } from '../../src/store/lock.ts'
import { startChild, useTemporaryDir } from './child.ts'
import type { Child } from './child.ts'
import type { LockMode } from '../../src/store/lock.ts'

const dir = useTemporaryDir()
let lock: MachineLock

beforeEach(async () => { lock = await MachineLock.find({ MESHMARK_LOCK: join(dir(), 'measure.lock') }) })

/** Takes the lock and says so; gives it back at a line of input. */
function holder (mode: LockMode, wrapper: string[] = []): Child {
  return startChild("import { MachineLock } from './store/lock.ts'", `
    const lock = await MachineLock.find()
    const held = await lock.acquire(args[0], { onWait: () => print('waiting') })
    print('held')
    process.stdin.once('data', async () => {
      await held.release()
      print('released')
      process.exit()
    })`, { args: [mode], wrapper, env: { MESHMARK_LOCK: lock.path } })
}

describe('the machine-wide lock', () => {
  it('is exclusive between processes and free when it is released', async () => {
    const child = holder('exclusive')

    expect(await child.line()).toBe('held')

    const waiting = Promise.withResolvers<void>()
    let waits = 0
    const acquired = lock.acquire('exclusive', { onWait: () => { waits++; waiting.resolve() } })

    await waiting.promise
    child.process.stdin?.write('release')
    expect(await child.line()).toBe('released')

    const held = await acquired

    expect(waits).toBe(1)
    await held.release()
    await held.release()
  })

  it('is released by the kernel when its process is killed', async () => {
    const child = holder('exclusive')

    expect(await child.line()).toBe('held')

    const waiting = Promise.withResolvers<void>()
    const acquired = lock.acquire('exclusive', { onWait: waiting.resolve })

    await waiting.promise
    await child.kill()
    await (await acquired).release()
  })

  it('is shared by those who say so, and closed to who wants it alone', async () => {
    const child = holder('shared')

    expect(await child.line()).toBe('held')

    const held = await lock.acquire('shared', { onWait: () => { throw new Error('should not wait') } })

    await expect(lock.acquire('exclusive', { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ name: 'TimeoutError' })
    await held.release()
  })

  it('lets nobody who would share it overtake who waits for it alone', async () => {
    const first = await lock.acquire('shared')
    const child = holder('exclusive')

    expect(await child.line()).toBe('waiting')
    await expect(lock.acquire('shared', { signal: AbortSignal.timeout(150) })).rejects.toMatchObject({ name: 'TimeoutError' })
    await first.release()
    expect(await child.line()).toBe('held')
  })

  it('can be given up while waiting, and leaves nothing locked', async () => {
    const held = await lock.acquire('exclusive')
    const reason = new Error('cancelled')
    const stop = new AbortController()

    await expect(lock.acquire('exclusive', { signal: stop.signal, onWait: () => { stop.abort(reason) } })).rejects.toBe(reason)
    await expect(lock.acquire('shared', { signal: stop.signal })).rejects.toBe(reason)
    await held.release()
    await (await lock.acquire('exclusive')).release()
  })

  it('lets two in one process exclude each other', async () => {
    let inside = 0
    let most = 0

    await Promise.all(Array.from({ length: 5 }, async () => {
      const held = await lock.acquire('exclusive')

      most = Math.max(most, ++inside)
      await new Promise(resolve => { setImmediate(resolve) })
      inside--
      await held.release()
    }))
    expect(most).toBe(1)
  })

  it('follows the file that is there when the one it waited for was removed', async () => {
    const old = await lock.acquire('exclusive')
    const waiting = Promise.withResolvers<void>()
    const acquired = lock.acquire('exclusive', { onWait: waiting.resolve })

    await waiting.promise
    rmSync(lock.path)
    await old.release()

    const held = await acquired

    await expect(lock.acquire('exclusive', { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ name: 'TimeoutError' })
    await held.release()
  })

  it('never goes through a link and never waits at something else', async () => {
    writeFileSync(join(dir(), 'victim'), '')
    symlinkSync('victim', lock.path)
    await expect(lock.acquire('shared')).rejects.toThrow(/is a symbolic link: remove it/)
    rmSync(lock.path)
    symlinkSync('nowhere', lock.path)
    await expect(lock.acquire('shared')).rejects.toThrow(/is a symbolic link: remove it/)
    rmSync(lock.path)
    execFileSync('mkfifo', [lock.path])
    await expect(lock.acquire('shared')).rejects.toThrow(/is not a regular file: remove it/)
    rmSync(lock.path)
    mkdirSync(lock.path)
    await expect(lock.acquire('shared')).rejects.toThrow(/is not a regular file: remove it/)
    await expect(new MachineLock(join(dir(), 'none', 'x')).acquire('shared')).rejects.toThrow(/is not a folder/)
  })

  it('finds one place for every user', async () => {
    const { path } = await MachineLock.find({ TMPDIR: dir() })
    const folder = statSync('/run/lock', { throwIfNoEntry: false })

    expect(path).toBe(folder != null && (folder.mode & 0o1002) === 0o1002 ? '/run/lock/meshmark-measure.lock' : '/tmp/meshmark-measure.lock')
  })

  it.skipIf(process.getuid?.() !== 0)('is shared by users in a sticky folder, whoever made it', async () => {
    const shared = join(dir(), 'sticky')
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--']

    execFileSync('chmod', ['755', dir()])
    mkdirSync(shared)
    execFileSync('chmod', ['1777', shared])
    lock = new MachineLock(join(shared, 'measure.lock'))

    const theirs = holder('exclusive', nobody)

    expect(await theirs.line()).toBe('held')
    expect(lstatSync(lock.path)).toMatchObject({ uid: 65534 })
    expect(lstatSync(lock.path).mode & 0o777).toBe(0o666)

    const waiting = Promise.withResolvers<void>()
    const acquired = lock.acquire('exclusive', { onWait: waiting.resolve })

    await waiting.promise
    await theirs.kill()
    const held = await acquired
    const again = holder('exclusive', nobody)

    expect(await again.line()).toBe('waiting')
    await held.release()
    expect(await again.line()).toBe('held')
  })
})

import { lstatSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import '../../src/node/polyfill.ts'
import { coresOf, readTopology } from '../../src/machine/topology.ts'
import { claimCores } from '../../src/store/core-claims.ts'
import { lockPath, MachineLock } from '../../src/store/lock.ts'
import { startChild, useTemporaryDir } from './child.ts'
import type { Child } from './child.ts'
import type { LockMode } from '../../src/store/lock-file.ts'

const dir = useTemporaryDir()
let lock: MachineLock

/** A machine of three cores. */
beforeEach(() => { lock = new MachineLock(join(dir(), 'measure.lock'), [0, 1, 2]) })

/** Takes the lock and says so; gives it back at a line of input. */
function holder (mode: LockMode, { cores = lock.cores, wrapper = [] }: { cores?: readonly number[], wrapper?: string[] } = {}): Child {
  return startChild("import { MachineLock } from './store/lock.ts'", `
    const lock = new MachineLock(process.env.MESHMARK_LOCK, JSON.parse(args[1]))
    const held = await lock.acquire(args[0], { onWait: () => print('waiting') })
    print('held')
    process.stdin.once('data', async () => {
      await held.release()
      print('released')
      process.exit()
    })`, { args: [mode, JSON.stringify(cores)], wrapper, env: { MESHMARK_LOCK: lock.path } })
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

  it('lets those who share it come at one moment, and none of them waits for another', async () => {
    const onWait = (): void => { throw new Error('should not wait') }
    const held = await Promise.all(Array.from({ length: 8 }, async () => lock.acquire('shared', { onWait })))

    await Promise.all(held.map(async one => one.release()))
    await (await lock.acquire('exclusive', { onWait })).release()
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
    rmSync(lock.pathOf(0))
    await old.release()

    const held = await acquired

    await expect(lock.acquire('exclusive', { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ name: 'TimeoutError' })
    await held.release()
  })

  it('never goes through a link and never waits at something else', async () => {
    writeFileSync(join(dir(), 'victim'), '')
    symlinkSync('victim', lock.pathOf(0))
    await expect(lock.acquire('shared')).rejects.toThrow(/is a symbolic link: remove it/)
    rmSync(lock.pathOf(0))
    symlinkSync('nowhere', lock.pathOf(0))
    await expect(lock.acquire('shared')).rejects.toThrow(/is a symbolic link: remove it/)
    rmSync(lock.pathOf(0))
    execFileSync('mkfifo', [lock.pathOf(0)])
    await expect(lock.acquire('shared')).rejects.toThrow(/is not a regular file: remove it/)
    rmSync(lock.pathOf(0))
    mkdirSync(lock.pathOf(0))
    await expect(lock.acquire('shared')).rejects.toThrow(/is not a regular file: remove it/)
    await expect(new MachineLock(join(dir(), 'none', 'x'), [0]).acquire('shared')).rejects.toThrow(/is not a folder/)
  })

  it('says which folder is closed where it cannot be made', async () => {
    // Nobody makes files there, root included.
    await expect(new MachineLock('/sys/x', [0]).acquire('shared')).rejects.toThrow('the lock /sys/x.0.gate cannot be made: this user may not write to /sys: chmod 1777 it, or choose another place with MESHMARK_LOCK')
  })

  it('finds one place for every user', async () => {
    expect(await lockPath({ MESHMARK_LOCK: '' })).toBe(await lockPath({}))

    const path = await lockPath({ TMPDIR: dir() })
    const folder = statSync('/run/lock', { throwIfNoEntry: false })

    expect(path).toBe(folder != null && (folder.mode & 0o1002) === 0o1002 ? '/run/lock/meshmark-measure.lock' : '/tmp/meshmark-measure.lock')
  })

  it.skipIf(process.getuid?.() !== 0)('is shared by users in a sticky folder, whoever made it', async () => {
    const shared = join(dir(), 'sticky')
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--']

    execFileSync('chmod', ['755', dir()])
    mkdirSync(shared)
    execFileSync('chmod', ['1777', shared])
    lock = new MachineLock(join(shared, 'measure.lock'), [0, 1])

    const theirs = holder('exclusive', { wrapper: nobody })

    expect(await theirs.line()).toBe('held')
    expect(lstatSync(lock.pathOf(1))).toMatchObject({ uid: 65534 })
    expect(lstatSync(lock.pathOf(1)).mode & 0o777).toBe(0o666)

    const waiting = Promise.withResolvers<void>()
    const acquired = lock.acquire('exclusive', { onWait: waiting.resolve })

    await waiting.promise
    await theirs.kill()
    const held = await acquired
    const again = holder('exclusive', { wrapper: nobody })

    expect(await again.line()).toBe('waiting')
    await held.release()
    expect(await again.line()).toBe('held')
  })

  it.skipIf(process.platform !== 'linux')('is over the cores on which this process may run', async () => {
    const topology = await readTopology()

    expect((await MachineLock.find({})).cores).toEqual(coresOf(topology, topology.allowed))
  })
})

describe('the lock of a part of the machine', () => {
  it('is held alone by each of two who have no core in common', async () => {
    const theirs = holder('exclusive', { cores: [0, 2] })

    expect(await theirs.line()).toBe('held')

    const held = await new MachineLock(lock.path, [1]).acquire('exclusive', { onWait: () => { throw new Error('should not wait') } })
    const other = new MachineLock(lock.path, [1, 2])

    await expect(other.acquire('exclusive', { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ name: 'TimeoutError' })
    await expect(other.acquire('shared', { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ name: 'TimeoutError' })
    await held.release()
  })

  it('keeps whoever needs all cores waiting for everybody, in either way', async () => {
    const first = holder('exclusive', { cores: [0] })
    const second = holder('shared', { cores: [2] })

    expect([await first.line(), await second.line()]).toEqual(['held', 'held'])

    const waiting = Promise.withResolvers<void>()
    let waits = 0
    let mine = false
    const acquired = lock.acquire('exclusive', { onWait: () => { waits++; waiting.resolve() } }).then(held => { mine = true; return held })

    await waiting.promise
    first.process.stdin?.write('release')
    expect(await first.line()).toBe('released')
    // behind the one who waits, on a core that is free
    expect(await holder('exclusive', { cores: [0] }).line()).toBe('waiting')
    expect(mine).toBe(false)
    second.process.stdin?.write('release')
    expect(await second.line()).toBe('released')

    const held = await acquired
    const third = holder('shared', { cores: [1] })

    expect(waits).toBe(1)
    expect(await third.line()).toBe('waiting')
    await held.release()
    expect(await third.line()).toBe('held')
  })

  it('lets nobody wait for ever, however many ask for parts that overlap', async () => {
    const parts = [[0, 1], [1, 2], [2, 0], [0, 1, 2], [2], [1]]
    const inside = new Map<number, number>()

    await Promise.all(parts.flatMap(cores => Array.from({ length: 4 }, async () => {
      const held = await new MachineLock(lock.path, cores).acquire('exclusive')

      for (const core of cores) {
        expect(inside.get(core) ?? 0).toBe(0)
        inside.set(core, 1)
      }

      await new Promise(resolve => { setImmediate(resolve) })
      cores.forEach(core => { inside.set(core, 0) })
      await held.release()
    })))
    expect([...inside.values()]).toEqual([0, 0, 0])
  })

  it('leaves nothing locked when it is given up half-way', async () => {
    const theirs = holder('exclusive', { cores: [2] })

    expect(await theirs.line()).toBe('held')
    await expect(lock.acquire('exclusive', { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ name: 'TimeoutError' })
    await (await new MachineLock(lock.path, [0, 1]).acquire('exclusive', { onWait: () => { throw new Error('should not wait') } })).release()
  })
})

describe('cores that workers are bound to', () => {
  /** Binds itself to the first that is free. */
  function binder (): Child {
    return startChild("import { claimCores } from './store/core-claims.ts'", `
      const claims = await claimCores(process.env.MESHMARK_LOCK, [0, 1, 2], taken => [[0, 1, 2].find(core => !taken.includes(core))])
      print(String(claims.cores))
      process.stdin.resume()`, { env: { MESHMARK_LOCK: lock.path } })
  }

  it('are chosen by one process each, also when all choose at the same time', async () => {
    const chosen = await Promise.all(Array.from({ length: 3 }, async () => binder().line()))

    expect(chosen.sort()).toEqual(['0', '1', '2'])
  })

  it('are free again when that process is killed, and when it gives them back', async () => {
    const child = binder()
    let seen: readonly number[] = []
    const choose = (taken: readonly number[]): number[] => { seen = taken; return [1, 2] }

    expect(await child.line()).toBe('0')

    const claims = await claimCores(lock.path, [0, 1, 2], choose)

    expect(seen).toEqual([0])
    await child.kill()
    await claims.release()
    await claims.release()
    await (await claimCores(lock.path, [0, 1, 2], choose)).release()
    expect(seen).toEqual([])
  })

  it('are not held by who could not choose', async () => {
    await expect(claimCores(lock.path, [0, 1], () => { throw new Error('nothing fits') })).rejects.toThrow('nothing fits')
    await (await claimCores(lock.path, [0, 1], taken => { expect(taken).toEqual([]); return [] })).release()
  })
})

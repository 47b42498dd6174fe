import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeFileAtomic } from '../../src/store/files.ts'
import { claimInstance, dataRoot, listMeshes, runtimeDir } from '../../src/store/instance.ts'
import { startChild, useTemporaryDir } from './child.ts'

const dir = useTemporaryDir()
const uid = process.getuid?.() ?? 0

describe('instances of a role', () => {
  it('are numbered in the order in which live processes came', async () => {
    const first = await claimInstance(dir())
    const child = startChild("import { claimInstance } from './store/instance.ts'", `
      const { dir, instance } = await claimInstance(args[0])
      print(instance + ' ' + dir)
      setInterval(() => {}, 1e6)`, { args: [dir()] })

    expect(first).toMatchObject({ instance: 0, dir: join(dir(), '0') })
    expect(await child.line()).toBe(`1 ${join(dir(), '1')}`)

    const third = await claimInstance(dir())

    expect(third.instance).toBe(2)
    await child.kill()

    const second = await claimInstance(dir())

    expect(second.instance).toBe(1)
    // what the dead one had is there
    expect(second.journal.fresh).toBe(false)
    await expect(claimInstance(dir(), { max: 3 })).rejects.toThrow(`all 3 instances in ${dir()} are in use`)
    await Promise.all([first, second, third].map(async ({ journal }) => journal.close()))
  })

  it('are different for processes that start at once', async () => {
    const children = Array.from({ length: 3 }, () => startChild("import { claimInstance } from './store/instance.ts'", `
      process.stdin.once('data', async () => { print(String((await claimInstance(args[0])).instance)) })
      print('ready')`, { args: [dir()] }))

    await Promise.all(children.map(async child => child.line()))
    children.forEach(child => child.process.stdin?.write('go'))
    expect((await Promise.all(children.map(async child => child.line()))).sort()).toEqual(['0', '1', '2'])
  })

  it('are not taken past a folder that does not work', async () => {
    writeFileSync(join(dir(), '0'), '')
    await expect(claimInstance(dir())).rejects.toThrow('is not a folder: move it away')
  })

  it('are listed by mesh', async () => {
    mkdirSync(join(dir(), 'mesh-b', 'worker'), { recursive: true })
    mkdirSync(join(dir(), 'mesh-a', 'master'), { recursive: true })
    mkdirSync(join(dir(), 'mesh-c', 'master'), { recursive: true })
    expect(await listMeshes(dir(), 'master')).toEqual(['mesh-a', 'mesh-c'])
    expect(await listMeshes(join(dir(), 'none'), 'master')).toEqual([])
  })
})

describe('where data lives', () => {
  it.each([
    [{ MESHMARK_DATA: '/data', XDG_DATA_HOME: '/x' }, 0, '/data'],
    [{ XDG_DATA_HOME: '/x' }, 0, '/var/lib/meshmark'],
    [{ XDG_DATA_HOME: '/x' }, 1000, '/x/meshmark'],
    [{ XDG_DATA_HOME: 'relative', HOME: '/home/a' }, 1000, '/home/a/.local/share/meshmark'],
    [{ HOME: '/home/a', MESHMARK_DATA: '' }, 1000, '/home/a/.local/share/meshmark']
  ])('follows the environment %j of user %d', (env, user, expected) => {
    expect(dataRoot(env, user)).toBe(expected)
  })
})

describe('the runtime folder', () => {
  it('is the one of the session when it is ours, else one of our own', () => {
    const session = join(dir(), 'session')

    mkdirSync(session)
    expect(runtimeDir({ XDG_RUNTIME_DIR: session }, uid, dir())).toBe(join(session, 'meshmark'))
    expect(runtimeDir({ XDG_RUNTIME_DIR: join(dir(), 'gone') }, uid, dir())).toBe(join(dir(), `meshmark-${uid}`))
    expect(runtimeDir({}, uid, dir())).toBe(join(dir(), `meshmark-${uid}`))
    expect(lstatSync(join(dir(), `meshmark-${uid}`)).mode & 0o777).toBe(0o700)
  })

  it('is refused when others could have put something into it', () => {
    const ours = join(dir(), `meshmark-${uid}`)

    mkdirSync(ours)
    chmodSync(ours, 0o777)
    expect(() => runtimeDir({}, uid, dir())).toThrow(/is open to other users \(mode 777\): remove it/)
  })

  it('is refused when it is a link', () => {
    mkdirSync(join(dir(), 'trap'), { mode: 0o700 })
    symlinkSync('trap', join(dir(), `meshmark-${uid}`))
    expect(() => runtimeDir({}, uid, dir())).toThrow('is no folder')
  })

  it.skipIf(uid !== 0)('is refused when another user planted it, and a session of another user is not ours', () => {
    const planted = join(dir(), `meshmark-${uid}`)

    mkdirSync(planted, { mode: 0o700 })
    chownSync(planted, 65534, 65534)
    expect(() => runtimeDir({}, uid, dir())).toThrow('belongs to user 65534: remove it')

    const session = join(dir(), 'session')

    mkdirSync(session)
    chownSync(session, 65534, 65534)
    expect(() => runtimeDir({ XDG_RUNTIME_DIR: session }, uid, dir())).toThrow(planted)
  })
})

describe('writing a file at once', () => {
  it('replaces what was there, with the mode that was asked for, and leaves nothing else', async () => {
    const path = join(dir(), 'file')

    await writeFileAtomic(path, 'old', 0o644)
    await writeFileAtomic(path, Buffer.from('new'), 0o600)
    expect(readFileSync(path, 'utf8')).toBe('new')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir())).toEqual(['file'])
  })

  it('replaces a link instead of writing through it', async () => {
    writeFileSync(join(dir(), 'victim'), 'kept')
    symlinkSync('victim', join(dir(), 'file'))
    await writeFileAtomic(join(dir(), 'file'), 'new')
    expect(readFileSync(join(dir(), 'victim'), 'utf8')).toBe('kept')
    expect(lstatSync(join(dir(), 'file')).isFile()).toBe(true)
  })

  it('leaves nothing when it fails', async () => {
    mkdirSync(join(dir(), 'file', 'full'), { recursive: true })
    await expect(writeFileAtomic(join(dir(), 'file'), 'new')).rejects.toThrow()
    expect(readdirSync(dir())).toEqual(['file'])
    expect(existsSync(join(dir(), 'file', 'full'))).toBe(true)
  })

  it('leaves the old content when its process is killed', async () => {
    const child = startChild("import { writeFileAtomic } from './store/files.ts'", `
      for (let i = 0; ; i++) { await writeFileAtomic(args[0], Buffer.alloc(200_000, String(i % 10))); print(String(i)) }`, { args: [join(dir(), 'file')] })

    while (Number(await child.line()) < 20) {
      // until it is well under way
    }

    await child.kill()

    const content = readFileSync(join(dir(), 'file'), 'utf8')

    expect(content).toHaveLength(200_000)
    expect(new Set(content).size).toBe(1)
  })
})

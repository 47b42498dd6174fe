import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { dataRoot, runtimeDir } from '../../src/store/folders.ts'
import { useTemporaryDir } from './child.ts'

const dir = useTemporaryDir()
const uid = process.getuid?.() ?? 0

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

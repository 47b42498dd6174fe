import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeFileAtomic } from '../../src/store/files.ts'
import { claimInstance, listMeshes } from '../../src/store/instance.ts'
import { startChild, useTemporaryDir } from './child.ts'

const dir = useTemporaryDir()

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

import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFolder } from '../../src/store/make-folder.ts'

describe('making a folder', () => {
  let dir: string

  beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'meshmark-folder-')) })
  afterEach(async () => { await rm(dir, { recursive: true, force: true }) })

  it('makes its missing parents, tells the first of them, and with its mode', async () => {
    const whole = join(dir, 'a', 'b', 'c')

    expect(await makeFolder(whole, 0o700)).toBe(join(dir, 'a'))
    expect((await stat(whole)).mode & 0o777).toBe(0o700)
    expect((await stat(join(dir, 'a'))).mode & 0o777).toBe(0o700)
  })

  it('agrees with others who make the same at the same time', async () => {
    for (let round = 0; round < 50; round++) {
      await Promise.all(Array.from({ length: 16 }, async (_, i) => makeFolder(join(dir, `${round}`, 'a', 'b', `${i % 8}`, 'c'))))
    }

    expect((await stat(join(dir, '49', 'a', 'b', '7', 'c'))).isDirectory()).toBe(true)
  })

  it('leaves one that is there, also through a link, as it is', async () => {
    await symlink(dir, join(dir, 'link'))

    expect(await makeFolder(dir)).toBeUndefined()
    expect(await makeFolder(join(dir, 'link'))).toBeUndefined()
    expect(await makeFolder('/')).toBeUndefined()
  })

  it('is refused by a file in the way, in its place or above', async () => {
    await writeFile(join(dir, 'file'), '')

    await expect(makeFolder(join(dir, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeFolder(join(dir, 'file', 'x', 'y'))).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(makeFolder('')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it.runIf(process.platform === 'linux')('ends on a file system that knows no new names', async () => {
    await expect(makeFolder('/proc/none/x')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

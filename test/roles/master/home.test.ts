import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadOrCreateIdentity } from '../../../src/node/identity.ts'
import { meshIdOf } from '../../../src/node/membership.ts'
import { explainNoHome, foundHome, leaveHome, markRemoved, MESH_KEY_FILE, newHome, removalOf, takeHome } from '../../../src/roles/master/home.ts'
import type { Home } from '../../../src/roles/master/home.ts'

let root: string
let open: Home[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'meshmark-home-'))
  open = []
})

afterEach(async () => {
  await Promise.all(open.map(async home => home.journal.close()))
  await rm(root, { recursive: true, force: true })
})

function keep<T extends Home | undefined> (home: T): T {
  if (home != null) {
    open.push(home)
  }
  return home
}

async function admitted (home: Home): Promise<Home> {
  await writeFile(join(home.dir, MESH_KEY_FILE), 'a key')
  return home
}

describe('the home of a master', () => {
  it('is founded with a key that it is named after, and taken again', async () => {
    const home = await foundHome(root)
    expect(meshIdOf(await loadOrCreateIdentity(join(home.dir, MESH_KEY_FILE)))).toBe(home.meshId)
    await home.journal.close()

    expect(keep(await takeHome(root, undefined))).toMatchObject({ meshId: home.meshId, instance: 0, dir: home.dir })
  })

  it('is the lowest of those that do not run; when all run, it says what to type', async () => {
    const first = keep(await foundHome(root))
    expect(await takeHome(root, undefined)).toBeUndefined()
    expect((await explainNoHome(root))?.message).toMatch(/runs already: .*meshmark master --peer ADDRESS/)

    const second = await admitted(await newHome(root, first.meshId))
    expect(second.instance).toBe(1)
    await second.journal.close()
    expect(keep(await takeHome(root, undefined))?.instance).toBe(1)
  })

  it('is nowhere in an empty folder', async () => {
    expect(await takeHome(root, undefined)).toBeUndefined()
    expect(await explainNoHome(root)).toBeUndefined()
  })

  it('leaves nothing behind when joining failed, and is taken for the next attempt when that was killed', async () => {
    const failed = await newHome(root, 'mesh')
    await leaveHome(failed)
    expect(await readdir(root)).toEqual([])

    const killed = await newHome(root, 'mesh')
    await killed.journal.close()
    expect(await takeHome(root, 'mesh')).toBeUndefined()
    expect(await explainNoHome(root)).toBeUndefined()
    expect(keep(await newHome(root, 'mesh')).instance).toBe(killed.instance)
  })

  it('stays where it was when joining failed after the admission', async () => {
    const home = await newHome(root, 'mesh')
    await writeFile(join(home.dir, 'membership.json'), '{}')
    await leaveHome(home)
    expect(keep(await takeHome(root, 'mesh'))?.instance).toBe(0)
  })

  it('of one that was put out is never taken again, and the next one has another', async () => {
    const home = await foundHome(root)
    await markRemoved(home.dir, 'removed by an administrator')
    await home.journal.close()

    expect(await removalOf(home.dir)).toBe('removed by an administrator')
    expect(await takeHome(root, undefined)).toBeUndefined()
    expect(await explainNoHome(root)).toMatchObject({ code: 'refused', message: expect.stringMatching(/was removed from mesh .*: join again/) })
    expect(keep(await newHome(root, home.meshId)).instance).toBe(1)
  })

  it('must be named where a folder holds masters of several meshes, unless the mesh is', async () => {
    const one = await foundHome(root)
    const other = await foundHome(root)
    await Promise.all([one, other].map(async home => home.journal.close()))
    await mkdir(join(root, 'no-mesh', 'worker'), { recursive: true })

    await expect(takeHome(root, undefined)).rejects.toThrow(/holds the masters of 2 meshes .*--data/)
    expect(keep(await takeHome(root, other.meshId))?.dir).toBe(other.dir)
  })
})

import { chmod, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { prepareOwnedDir } from '../../src/roles/role-dir.ts'

const OWNER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

describe('the folders above a worker\'s own', () => {
  let root: string

  beforeEach(async () => { root = await mkdtemp(join(tmpdir(), 'meshmark-role-')) })
  afterEach(async () => { await rm(root, { recursive: true, force: true }) })

  async function modeOf (dir: string): Promise<string> {
    return ((await stat(dir)).mode & 0o7777).toString(8)
  }

  it.each([[0o700, '711'], [0o755, '755'], [0o1777, '1777'], [0o750, '751']])('with mode %o let others pass, and lose nothing', async (before, after) => {
    await chmod(root, before)
    const { dir } = await prepareOwnedDir(root, 'mesh', 'worker', () => OWNER)

    expect(await modeOf(root)).toBe(after)
    expect(await modeOf(join(root, 'mesh'))).toBe('711')
    expect(await modeOf(dir)).toBe('700')
  })
})

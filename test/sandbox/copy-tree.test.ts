import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadLibc } from '../../src/sandbox/native/libc.ts'
import { copyTree, sizeOfTree } from '../../src/sandbox/runner/copy-tree.ts'
import type { Koffi } from '../../src/sandbox/native/koffi.ts'

const libc = loadLibc(createRequire(import.meta.url)('koffi') as Koffi)
const MiB = 2 ** 20
let dir: string

beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'meshmark-test-')) })
afterEach(() => { rmSync(dir, { recursive: true }) })

describe('copying a folder', () => {
  it('says that it lives, for each entry and within large files, however long it takes', () => {
    const [from, to] = [join(dir, 'from'), join(dir, 'to')]
    let said = 0
    const alive = (): void => { said++ }

    mkdirSync(from)
    mkdirSync(to)
    writeFileSync(join(from, 'large'), Buffer.alloc(130 * MiB))
    writeFileSync(join(from, 'small'), 'x')

    expect(sizeOfTree(from, alive)).toMatchObject({ entries: 2 })
    expect(said).toBe(2)
    copyTree(libc, from, to, alive)
    // 2 entries, 3 pieces and 1.
    expect(said).toBe(2 + 2 + 3 + 1)
    expect(statSync(join(to, 'large')).size).toBe(130 * MiB)
  })

  it('keeps folders that are closed to writing, and when they were last changed', () => {
    const [from, to] = [join(dir, 'from'), join(dir, 'to')]

    mkdirSync(join(from, 'sealed'), { recursive: true })
    mkdirSync(to)
    writeFileSync(join(from, 'sealed/file'), 'x')
    chmodSync(join(from, 'sealed'), 0o555)
    copyTree(libc, from, to, () => {})

    const [before, after] = [from, to].map(folder => statSync(join(folder, 'sealed'), { bigint: true }))

    expect(readdirSync(join(to, 'sealed'))).toEqual(['file'])
    expect(after?.mode).toBe(before?.mode)
    expect(after?.mtimeNs).toBe(before?.mtimeNs)
    chmodSync(join(from, 'sealed'), 0o755)
    chmodSync(join(to, 'sealed'), 0o755)
  })
})

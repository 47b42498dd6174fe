import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { wipe } from '../../src/sandbox/runner/wipe.ts'

let folder: string

beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'meshmark-wipe-')) })
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

describe('emptying a folder', () => {
  it('removes files, folders, links and pipes, and keeps the folder with the mode that it should have', () => {
    mkdirSync(join(folder, 'a/b/c'), { recursive: true })
    writeFileSync(join(folder, 'a/b/c/file'), 'x')
    symlinkSync('/etc', join(folder, 'link'))
    spawnSync('mkfifo', [join(folder, 'pipe')])
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]), 'x')
    chmodSync(join(folder, 'a/b'), 0o000)
    chmodSync(folder, 0o500)

    wipe(folder, 0o755)

    expect(readdirSync(folder)).toEqual([])
    expect(statSync(folder).mode & 0o7777).toBe(0o755)
    expect(statSync(folder).mtimeMs).toBe(0)
  })

  it('does not follow a link to a folder', () => {
    const outside = mkdtempSync(join(tmpdir(), 'meshmark-outside-'))

    try {
      writeFileSync(join(outside, 'file'), 'kept')
      symlinkSync(outside, join(folder, 'link'))
      wipe(folder, 0o755)
      expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('kept')
    } finally {
      rmSync(outside, { recursive: true })
    }
  })

  it('reaches deeper than a path can be', () => {
    const made = spawnSync('python3', ['-c', 'import os, sys\nos.chdir(sys.argv[1])\nfor i in range(300): os.mkdir("d" * 200); os.chdir("d" * 200); open("f", "w").close()', folder])

    expect(made.status).toBe(0)
    wipe(folder, 0o755)
    expect(readdirSync(folder)).toEqual([])
  })

  it('says that it is alive while it works', () => {
    let calls = 0

    writeFileSync(join(folder, 'a'), '')
    writeFileSync(join(folder, 'b'), '')
    wipe(folder, 0o755, () => { calls++ })
    expect(calls).toBe(2)
  })

  it('reports what it cannot remove', () => {
    expect(() => { wipe(join(folder, 'missing'), 0o755) }).toThrow('could not be emptied: ENOENT')
  })
})

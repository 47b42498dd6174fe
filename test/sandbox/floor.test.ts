import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { floorProgram } from '../../src/sandbox/floor-program.ts'
import { readElf } from '../../src/sandbox/program/elf.ts'
import { Host } from './host.ts'

describe('a program that does nothing', () => {
  it.each([['x64', 62], ['arm64', 183]])('is a static executable for %s', (arch, machine) => {
    const file = floorProgram(arch)!
    const facts = readElf((offset, length) => file.subarray(offset, offset + length))

    expect(facts).toMatchObject({ class: 64, littleEndian: true, machine, type: 2, needed: [] })
    expect(facts.interpreter).toBeUndefined()
    // the first instruction lies right behind the headers
    expect(facts.entry).toBe(0x400000 + 64 + 56)
  })

  it('is not there for processors that we know no code for', () => {
    expect(floorProgram('s390x')).toBeUndefined()
  })

  it.runIf(floorProgram(process.arch) != null)('ends at once and prints nothing', () => {
    const dir = mkdtempSync(join(tmpdir(), 'meshmark-test-'))

    try {
      writeFileSync(join(dir, 'floor'), floorProgram(process.arch)!, { mode: 0o700 })

      const { status, signal, stdout, stderr } = spawnSync(join(dir, 'floor'))

      expect({ status, signal, printed: `${stdout}${stderr}` }).toEqual({ status: 0, signal: null, printed: '' })
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})

describe.runIf(process.platform === 'linux')('the floor of a machine', () => {
  let host: Host

  beforeAll(async () => { host = await Host.start() })
  afterAll(async () => host.stop())

  it('is measured in a real box, and nothing is left of it', async () => {
    const { floor, left } = await host.ask('floor')

    expect(floor?.minNs).toBeGreaterThan(0)
    expect(floor?.medianNs).toBeGreaterThanOrEqual(floor!.minNs)
    expect(left).toBe(0)
  })
})

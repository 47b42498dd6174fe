import { readFileSync } from 'node:fs'
import os from 'node:os'
import { describe, expect, it } from 'vitest'
import { prettyName, readResources, usableMemory } from '../../src/machine/resources.ts'

describe('resources', () => {
  it('of this machine are read', async () => {
    const resources = await readResources()

    expect(resources).toMatchObject({ platform: process.platform, arch: process.arch, kernel: os.release(), nodeVersion: process.version })
    expect(resources.cores).toBeGreaterThanOrEqual(1)
    expect(resources.cores).toBeLessThanOrEqual(Math.max(os.cpus().length, 1))
    expect(resources.memoryBytes).toBeGreaterThan(0)
    expect(resources.memoryBytes).toBeLessThanOrEqual(os.totalmem())
    expect(resources.cpuModel).not.toBe('')
  })

  it("are the same for two workers of one machine, and do not show the machine's own id", async () => {
    const [one, other] = await Promise.all([readResources(), readResources()])

    expect(one).toEqual(other)
    expect(one.machineId).toMatch(/^[0-9a-f]{32}$/)

    for (const path of ['/etc/machine-id', '/proc/sys/kernel/random/boot_id']) {
      let raw = ''

      try {
        raw = readFileSync(path, 'utf8').trim()
      } catch {
        // Not on this machine.
      }

      expect(raw !== '' && one.machineId === raw.replaceAll('-', '')).toBe(false)
    }
  })

  it('count the memory that the control group leaves', () => {
    expect(usableMemory(8_000, 2_000)).toBe(2_000)
    expect(usableMemory(8_000, 0)).toBe(8_000)
    expect(usableMemory(8_000, 2 ** 64)).toBe(8_000)
    expect(usableMemory(8_000, undefined)).toBe(8_000)
  })

  it('name the system as os-release does', () => {
    expect(prettyName('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')).toBe('Debian GNU/Linux 12 (bookworm)')
    expect(prettyName("PRETTY_NAME='Void'\n")).toBe('Void')
    expect(prettyName('PRETTY_NAME=Alpine\n')).toBe('Alpine')
    expect(prettyName('PRETTY_NAME="A \\"B\\""\n')).toBe('A "B"')
    expect(prettyName('')).toBeUndefined()
  })
})

import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { startTime } from '../../../src/machine/start-time.ts'
import { homeName } from '../../../src/sandbox/cgroup/leftovers.ts'
import { ownGroups } from '../../../src/sandbox/cgroup/mounts.ts'
import { Worker } from './worker.ts'

/** An ordinary user whom nobody else is. */
const UID = 64_731

const BILLING = ['cpuacct', 'memory', 'pids']

const groups = ownGroups(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'))
  .filter(({ version, controllers }) => version === 2 || controllers.some(name => BILLING.includes(name)))

const made: string[] = []

afterEach(() => {
  for (const folder of made.splice(0).reverse()) {
    rmdirSync(folder)
  }
})

/** As a service manager does: a group that the user may divide, with the process in it. */
function delegate (pid: number, only: (version: 1 | 2) => boolean): string[] {
  return groups.filter(({ version }) => only(version)).map(({ folder }) => {
    const own = join(folder, `test-of-meshmark-${pid}`)

    mkdirSync(own)
    made.push(own)

    for (const file of ['.', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control', 'tasks'].filter(file => existsSync(join(own, file)))) {
      chownSync(join(own, file), UID, UID)
    }

    writeFileSync(join(own, 'cgroup.procs'), String(pid))
    return own
  })
}

describe.runIf(process.getuid?.() === 0 && groups.length > 0)('the home of a worker that never was root', () => {
  it.each([
    ['in every hierarchy', () => true],
    ['in version 1', (version: number) => version === 1],
    ['in version 2', (version: number) => version === 2]
  ] as const)('is made where it may be, %s, and removed', async (_, only) => {
    const worker = await Worker.start({ uid: UID })

    try {
      const own = delegate(worker.pid, only)
      const before = (await worker.ask('home'))

      expect(before.reason).toBeUndefined()

      for (const folder of before.folders ?? []) {
        expect(own.some(above => folder === join(above, homeName(worker.pid, startTime(worker.pid) ?? '')))).toBe(true)
      }

      // What is not billed is explained.
      expect((before.folders ?? []).length).toBeGreaterThan(0)
      expect(before.caveats).toEqual(before.caveats?.map(() => expect.stringContaining('not billed by a cgroup; ')))

      const after = await worker.ask('closeHome')

      expect(after.left).toEqual([])
      expect((before.folders ?? []).filter(folder => existsSync(folder))).toEqual([])
      expect(after.cgroup).not.toContain('/meshmark-')
    } finally {
      await worker.stop()
    }
  })

  it.each([
    ['in every hierarchy', () => true],
    ['in version 1', (version: number) => version === 1],
    ['in version 2', (version: number) => version === 2]
  ] as const)('bills boxes in what was delegated to it, %s', async (_, only) => {
    const worker = await Worker.start({ uid: UID })

    try {
      delegate(worker.pid, only)

      const { methods, reason } = await worker.ask('settle')

      expect(reason).toBeUndefined()
      expect(methods?.cpu).not.toBe('rusage')

      const { outcome, commands: [command] } = await worker.ask('run', 'b = bytearray(30 << 20)\n', { runs: 3 })

      expect(outcome).toBe('done')
      expect(command?.cpuMethod).toBe(methods?.cpu)
      expect(command?.memoryMethod).toBe(methods?.memory)
      expect(await worker.ask('groups')).toEqual([])
      await worker.ask('close')
    } finally {
      await worker.stop()
    }
  }, 60_000)

  it('is explained when it cannot be made', async () => {
    const worker = await Worker.start({ uid: UID })

    try {
      const { reason } = await worker.ask('home')

      expect(reason).toContain("no right to make groups below the worker's own: start the worker as root, or by systemd-run --user")
    } finally {
      await worker.stop()
    }
  })

  it('takes the place of those that dead workers left, and of no other', async () => {
    const worker = await Worker.start({ uid: UID })

    try {
      const own = delegate(worker.pid, () => true)
      const dead = own.map(folder => join(folder, homeName(worker.pid, '1')))
      const living = own.map(folder => join(folder, homeName(process.pid, startTime(process.pid) ?? '')))

      for (const folder of [...dead, ...living]) {
        mkdirSync(folder)
        mkdirSync(join(folder, 'box-0'))
        chownSync(folder, UID, UID)
        chownSync(join(folder, 'box-0'), UID, UID)
      }

      await worker.ask('home')
      await worker.ask('closeHome')
      expect(dead.filter(folder => existsSync(folder))).toEqual([])
      expect(living.filter(folder => existsSync(join(folder, 'box-0')))).toEqual(living)

      for (const folder of living) {
        rmdirSync(join(folder, 'box-0'))
        rmdirSync(folder)
      }
    } finally {
      await worker.stop()
    }
  })
})

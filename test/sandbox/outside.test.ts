import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { missingProtections } from '../../src/sandbox/facts.ts'
import { insideUid, programFacts, threadsOf, useOf } from '../../src/sandbox/outside.ts'
import { statusFacts } from '../../src/sandbox/process-facts.ts'

const STATUS = `Name:\tcat
NoNewPrivs:\t1
Seccomp:\t2
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
CapAmb:\t0000000000000000
`

/** Calls back while the script runs, with the pid of its shell, once it has said a word. */
async function during<T> (script: string, see: (pid: number) => T): Promise<T> {
  const shell = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] })
  const exit = once(shell, 'exit')

  try {
    await once(shell.stdout, 'data')
    return see(shell.pid as number)
  } finally {
    shell.stdin.end()
    await exit
  }
}

/** A background process has no standard input of its own in a shell. */
const ONE = 'exec 3<&0; cat <&3 & echo x; wait'
const TWO = 'exec 3<&0; cat <&3 & cat <&3 & echo x; wait'

describe('what is seen of a box from outside', () => {
  it('is what holds for its only program: here, nothing does', async () => {
    const facts = await during(ONE, programFacts)

    expect(facts.seccomp).toBe(0)
    expect(facts.uid).toBe(process.getuid?.())
    expect(missingProtections(facts)).toEqual(expect.arrayContaining(['a user namespace of its own', 'a net namespace of its own', 'its system call filters', 'a user of its own']))
  })

  it('is nothing when there are several, or none', async () => {
    await expect(during(TWO, programFacts)).rejects.toThrow('was not found')
    await expect(during('echo x; read word', programFacts)).rejects.toThrow('was not found')
  })

  it('knows every thread of the runner', () => {
    expect(threadsOf(process.pid)).toEqual(readdirSync('/proc/self/task').map(Number).sort((a, b) => a - b))
    expect(useOf(process.pid).threads).toBeGreaterThan(1)
    expect(useOf(process.pid).dataBytes).toBeGreaterThan(1_000_000)
  })
})

describe('the map of uids', () => {
  it.each([
    ['      1000       1001          1\n', 1001, 1000],
    ['         0       1001          1\n      1000     100000          1\n', 100_000, 1000],
    ['         0          0 4294967295\n', 7, 7],
    ['        10        100          5\n', 104, 14]
  ])('%j says of %i that it is %i inside', (map, uid, inside) => {
    expect(insideUid(map, uid)).toBe(inside)
  })

  it('does not guess whom it does not name', () => {
    expect(() => insideUid('        10        100          5\n', 105)).toThrow('not in the map')
  })
})

describe('the status of a program', () => {
  it('tells of filters and of every set of capabilities', () => {
    expect(statusFacts(STATUS)).toEqual({ seccomp: 2, noNewPrivileges: 1, capabilities: '0' })
    expect(statusFacts(STATUS.replace(/(CapBnd:\t0+)0/, '$14')).capabilities).toBe('4')
  })

  it('is not believed when a set is missing', () => {
    expect(() => statusFacts(STATUS.replace(/CapAmb.*\n/, ''))).toThrow('CapAmb')
  })
})

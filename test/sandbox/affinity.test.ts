import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { formatProcessorList } from '../../src/machine/processor-list.ts'
import { readTopology } from '../../src/machine/topology.ts'
import { whyNoMemoryOf, withAffinity } from '../../src/sandbox/affinity.ts'
import { Host, measure, runs, sh } from './host.ts'

const { allowed } = await readTopology()
const last = allowed.at(-1) ?? 0
const noMemory = whyNoMemoryOf([0])
let host: Host | undefined

afterEach(async () => { await host?.stop() })

describe('an affinity', () => {
  it('is that of what is started under it, and over afterwards', () => {
    const nproc = () => spawnSync('nproc', { encoding: 'utf8' }).stdout.trim()
    const list = () => /^Cpus_allowed_list:\s*(.*)$/m.exec(spawnSync('cat', ['/proc/self/status'], { encoding: 'utf8' }).stdout)?.[1]

    expect(withAffinity({ processors: [last] }, () => [nproc(), list()])).toEqual(['1', String(last)])
    expect(withAffinity({ processors: allowed }, list)).toBe(formatProcessorList(allowed))
    expect(list()).toBe(formatProcessorList(allowed))
    expect(availableParallelism()).toBe(allowed.length)
  })

  it('is over also when what was done under it failed', () => {
    expect(() => withAffinity({ processors: [last] }, () => { throw new Error('failed') })).toThrow('failed')
    expect(availableParallelism()).toBe(allowed.length)
  })

  it('is refused when it cannot be had as a whole', () => {
    expect(() => withAffinity({ processors: [8_000] }, () => {})).toThrow('nothing can be bound to the processors 8000 (EINVAL)')
    expect(() => withAffinity({ processors: [last, 8_000] }, () => {})).toThrow(`of the processors ${last},8000 only ${last} can be used now: start the worker anew`)
    expect(availableParallelism()).toBe(allowed.length)
  })

  it.skipIf(noMemory != null)('has the memory of its nodes only', () => {
    const policy = () => spawnSync('cat', ['/proc/self/numa_maps'], { encoding: 'utf8' }).stdout.split('\n')[0]?.split(' ')[1]

    expect(withAffinity({ processors: [last], nodes: [0] }, policy)).toBe('bind:0')
    expect(policy()).toBe('default')
    expect(whyNoMemoryOf([1_000])).toBe('memory cannot be bound to the NUMA nodes 1000 (EINVAL)')
  })
})

describe('a box that is bound', () => {
  const python = (code: string) => measure(['python3', '-c', code], { plan: runs(1) })

  it.each(['bubblewrap', 'unshare'])('by %s has its programs on these processors alone', async builder => {
    host = await Host.start({ env: { BUILDER: builder, SETTLE: '{}', AFFINITY: JSON.stringify({ processors: [last], ...(noMemory == null ? { nodes: [0] } : {}) }) } })

    const { report, stdout } = await host.ask('run', measure(sh('nproc; grep Cpus_allowed_list /proc/self/status; sed "s/^[^ ]* //; s/ .*//; 1q" /proc/self/numa_maps'), { plan: runs(2) }))

    expect(report?.outcome).toBe('done')
    expect(stdout).toBe(`1\nCpus_allowed_list:\t${last}\n${noMemory == null ? 'bind:0' : 'default'}\n`)

    const escape = await host.ask('run', python('import os\ntry: os.sched_setaffinity(0, range(64))\nexcept PermissionError as e: print(e.strerror)\nprint(sorted(os.sched_getaffinity(0)))'))

    expect(escape.stdout).toBe(`Operation not permitted\n[${last}]\n`)
    expect(readFileSync(`/proc/${host.child.pid}/status`, 'utf8')).toContain(`Cpus_allowed_list:\t${formatProcessorList(allowed)}\n`)
  })

  it('does not come to be on processors that are not there', async () => {
    host = await Host.start({ env: { AFFINITY: '{"processors":[8000]}' } })

    await expect(host.ask('run', measure(['true']))).rejects.toThrow('nothing can be bound to the processors 8000')
  })
})

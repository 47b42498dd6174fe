import { describe, expect, it } from 'vitest'
import { disturbances, readDisturbances } from '../../src/machine/disturbances.ts'
import type { MachineFiles } from '../../src/machine/disturbances.ts'

const CALM: MachineFiles = {
  processes: [['/sbin/init'], ['/usr/bin/meshmark', 'worker', '--name', 'a'], ['bash']],
  perfParanoid: '2\n',
  eventSources: ['breakpoint', 'cpu', 'software'],
  synchronized: true,
  throttles: ['0\n', '0\n', '']
}

describe('what disturbs a machine', () => {
  it('is nothing on a calm one', () => {
    expect(disturbances(CALM)).toEqual([])
  })

  it.each<[Partial<MachineFiles>, RegExp, RegExp]>([
    [{ processes: [['/usr/sbin/irqbalance', '--foreground']] }, /irqbalance/, /^systemctl stop irqbalance$/],
    [{ processes: [['node', '/x/dist/main.js', '--role', 'worker'], ['meshmark', 'worker']] }, /^2 workers/, /--cores/],
    [{ throttles: ['3\n', '4\n'] }, /slowed down 7 times/, /cooling/],
    [{ eventSources: ['breakpoint', 'msr', 'software'] }, /no hardware counters/, /PMU/],
    [{ perfParanoid: '3\n' }, /perf_event_paranoid 3/, /^sysctl -w kernel.perf_event_paranoid=2$/],
    [{ synchronized: false }, /clock in step/, /timedatectl/]
  ])('is named for %j, with what changes it', (change, caveat, mend) => {
    const [found, ...others] = disturbances({ ...CALM, ...change })

    expect(found?.caveat).toMatch(caveat)
    expect(found?.mend).toMatch(mend)
    expect(others).toEqual([])
  })

  it.each<[string, Partial<MachineFiles>]>([
    ['a clock that another program keeps', { synchronized: false, processes: [['/usr/sbin/chronyd', '-F', '1']] }],
    ['workers on cores of their own', { processes: [['meshmark', 'worker', '--cores', '2'], ['meshmark', 'worker', '--cores=1'], ['meshmark', 'worker']] }],
    ['a client that names a worker', { processes: [['meshmark', 'run', '--worker', 'worker'], ['vi', 'meshmark', 'worker'], ['meshmark', 'worker']] }],
    ['counters of ARM', { eventSources: ['armv8_pmuv3_0', 'software'] }],
    ['a kernel that does not tell', { eventSources: undefined, perfParanoid: '', throttles: [] }]
  ])('is not %s', (_, change) => {
    expect(disturbances({ ...CALM, ...change })).toEqual([])
  })

  it('is read of this machine', async () => {
    for (const { name, caveat, mend } of await readDisturbances()) {
      expect([name, caveat, mend].every(text => text !== '')).toBe(true)
    }
  })
})

import { describe, expect, it } from 'vitest'
import { environmentCaveats, readEnvironment } from '../../src/machine/environment.ts'
import type { EnvironmentFiles } from '../../src/machine/environment.ts'

const QUIET: EnvironmentFiles = {
  cpuinfo: 'processor\t: 0\nflags\t\t: fpu vme sse2\n',
  smt: '0\n',
  governors: ['performance\n', 'performance\n'],
  boost: '0\n',
  noTurbo: '1\n',
  swaps: 'Filename\tType\tSize\tUsed\tPriority\n',
  randomize: '0\n',
  hugePages: 'always [madvise] never\n'
}

describe('what makes measurements on a machine less steady', () => {
  it('is nothing on one that was set up for it, nor where the kernel tells nothing', () => {
    expect(environmentCaveats(QUIET)).toEqual([])
    expect(environmentCaveats({ cpuinfo: '', smt: '', governors: [], boost: '', noTurbo: '', swaps: '', randomize: '', hugePages: '' })).toEqual([])
  })

  it.each<[Partial<EnvironmentFiles>, RegExp, RegExp]>([
    [{ cpuinfo: 'flags\t\t: fpu hypervisor sse2\n' }, /virtual machine/, /machine itself/],
    [{ container: 'lxc' }, /container \(lxc\)/, /outside/],
    [{ smt: '1\n' }, /SMT/, /smt\/control/],
    [{ governors: ['performance', 'powersave', 'powersave'] }, /governor powersave\)/, /cpupower/],
    [{ boost: '1\n' }, /boost/, /cpufreq\/boost/],
    [{ noTurbo: '0\n' }, /turbo/, /no_turbo/],
    [{ swaps: 'Filename\tType\n/dev/sda2\tpartition\n' }, /swapped/, /swapoff/],
    [{ randomize: '2\n' }, /ASLR/, /randomize_va_space=0/],
    [{ supplies: [{ type: 'Mains\n', status: '' }, { type: 'Battery\n', status: 'Discharging\n' }] }, /battery/, /plug it in/],
    [{ virtio: [{ device: '0x0002\n', features: '0000010\n' }, { device: '0x0005\n', features: '0110010\n' }] }, /back to the host/, /balloon/],
    [{ hugePages: '[always] madvise never\n' }, /huge pages/, /madvise/]
  ])('is named for %j, with what changes it', (change, caveat, mend) => {
    const [found, ...others] = environmentCaveats({ ...QUIET, ...change })

    expect(found?.caveat).toMatch(caveat)
    expect(found?.mend).toMatch(mend)
    expect(others).toEqual([])
  })

  it('is no battery that is full or being filled', () => {
    expect(environmentCaveats({ ...QUIET, supplies: [{ type: 'Battery\n', status: 'Charging\n' }, { type: 'Battery\n', status: 'Full\n' }] })).toEqual([])
  })

  it('is no balloon that is only blown up when it is asked to, nor another device', () => {
    expect(environmentCaveats({ ...QUIET, virtio: [{ device: '0x0005\n', features: '0110100\n' }, { device: '0x0002\n', features: '0000010\n' }, { device: '', features: '' }] })).toEqual([])
  })

  it('is read of this machine', async () => {
    for (const { caveat, mend } of await readEnvironment()) {
      expect(caveat).not.toBe('')
      expect(mend).not.toBe('')
    }
  })
})

import { describe, expect, it } from 'vitest'
import { factChecks } from '../../../src/cli/doctor/facts.ts'
import { kernelCheck } from '../../../src/cli/doctor/kernel.ts'
import { sandboxWords } from '../../../src/report/sandbox-words.ts'
import { FULL_SANDBOX } from '../../model/sandbox-facts.ts'
import type { Surroundings } from '../../../src/cli/doctor/facts.ts'
import type { Check } from '../../../src/cli/doctor/system.ts'
import type { SandboxFacts } from '../../../src/model/machine.ts'

const BARE: Partial<SandboxFacts> = { cgroup: 'none', methods: { cpu: 'rusage', memory: 'adopted-maxrss', processes: 'rlimit' }, bounds: undefined }
const HERE: Surroundings = { root: false, user: 'ann', systemd: true, uidmap: true }

function checks (change: Partial<SandboxFacts>, here: Partial<Surroundings> = {}): Record<string, Check> {
  return Object.fromEntries(factChecks({ ...FULL_SANDBOX, ...change }, { ...HERE, ...here }).map(check => [check.name, check]))
}

describe('doctor says of a sandbox', () => {
  it('PASS to each protection of a full one, canaries one by one, and nothing to mend', () => {
    const all = factChecks(FULL_SANDBOX, HERE)

    expect(all.map(({ name }) => name)).toEqual(['sandbox', 'namespaces', 'system calls', 'proc', 'cgroup: CPU time', 'cgroup: memory', 'cgroup: processes', 'second uid', 'canary: network', 'canary: become root'])
    expect(all.filter(({ verdict, mend }) => verdict !== 'PASS' || mend != null)).toEqual([])
    expect(checks({})['canary: network']?.found).toBe('refused, ENETUNREACH')
  })

  it.each<[string, Partial<SandboxFacts>, Partial<Surroundings>, string, RegExp]>([
    ['the substitute for bubblewrap', { builder: 'unshare' }, {}, 'sandbox', /^sudo apt-get install bubblewrap$/],
    ['no /proc', { proc: false }, {}, 'proc', /systempaths=unconfined/],
    ['no cgroup under systemd', BARE, {}, 'cgroup: CPU time', /^start it .*systemd-run --user --scope -p Delegate=yes meshmark worker$/],
    ['no cgroup without systemd', BARE, { systemd: false }, 'cgroup: memory', /as root/],
    ['no cgroup for root', BARE, { root: true }, 'cgroup: memory', /mount -o remount,rw \/sys\/fs\/cgroup/],
    ['no peak of memory', { methods: { ...FULL_SANDBOX.methods, memory: 'adopted-maxrss' } }, {}, 'cgroup: memory', /newer kernel/],
    ['processes counted by user', { ...BARE, kernel: '5.10.0-8-amd64' }, {}, 'cgroup: processes', /systemd-run/],
    ['one uid, for want of numbers', { uidMode: 'shared' }, {}, 'second uid', /^sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ann$/],
    ['one uid, for want of the program', { uidMode: 'shared' }, { uidmap: false }, 'second uid', /^sudo apt-get install uidmap && sudo usermod/]
  ])('CAUTION to %s, with what mends it', (_, change, here, name, mend) => {
    const check = checks(change, here)[name]

    expect(check?.verdict).toBe('CAUTION')
    expect(check?.mend).toMatch(mend)
  })

  it('PASS to processes without a cgroup where the kernel counts them for each box', () => {
    expect(checks(BARE)['cgroup: processes']).toMatchObject({ verdict: 'PASS', found: expect.stringContaining('rlimit') })
  })

  it('FAIL to a canary that got out', () => {
    expect(checks({ canaries: { network: 'allowed' } })['canary: network']).toMatchObject({ verdict: 'FAIL' })
  })

  it('what every result will say', () => {
    expect(checks({ caveats: ['swap is on', 'x'] }).caveats).toMatchObject({ verdict: 'CAUTION', found: 'every result says: swap is on; x' })
  })
})

describe('doctor says of a kernel', () => {
  it.each([
    ['6.1.0-18-amd64', 'PASS', /^6.1.0-18-amd64$/],
    ['5.19.0', 'PASS', /^5.19.0$/],
    ['5.15.0-91-generic', 'CAUTION', /^5.15.0-91-generic: cgroup v2 .*\(5.19\)$/],
    ['5.13.0', 'CAUTION', /processes.*\(5.14\); cgroup/],
    ['5.10.0-8-amd64', 'CAUTION', /\(5.11\); .*\(5.14\)/],
    ['5.4.0', 'CAUTION', /\(5.9\); .*\(5.11\)/],
    ['4.19.0', 'FAIL', /older than 5.3/]
  ])('%s: %s', (release, verdict, found) => {
    const check = kernelCheck(release)

    expect(check.verdict).toBe(verdict)
    expect(check.found).toMatch(found)
    expect(check.mend == null).toBe(verdict === 'PASS')
  })
})

describe('the list of nodes says of a sandbox', () => {
  it.each<[string, Partial<SandboxFacts>]>([
    ['full', {}],
    ['no cgroup', BARE],
    ['one uid, no cgroup', { ...BARE, uidMode: 'shared', caveats: ['both'] }],
    ['no memory cgroup', { bounds: { memory: false, processes: true } }],
    ['unshare, no /proc', { builder: 'unshare', proc: false }],
    ['caveats', { caveats: ['swap is on'] }]
  ])('%s', (words, change) => {
    expect(sandboxWords({ ...FULL_SANDBOX, ...change })).toBe(words)
  })

  it('refused, where there is none', () => {
    expect(sandboxWords(undefined)).toBe('refused')
  })
})

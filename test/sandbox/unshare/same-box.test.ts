import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { build, isRoot, NODE_INSIDE } from './build.ts'
import type { Built, Seen } from './build.ts'

/** SYS_ADMIN, SYS_CHROOT and SETPCAP; with two uids also KILL, SETGID, SETUID, SYS_PTRACE and SYS_RESOURCE. */
const CAPABILITIES = { one: '0000000000240100', two: '00000000012c01e0' }

const canMount = isRoot && succeeds('unshare', ['--mount', 'true'])

function succeeds (program: string, args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Without what may differ. */
function comparable (seen: Seen | undefined, twoUids: boolean): unknown {
  const { mounts, environ, descriptors, attempts, namespaces, ...rest } = seen as Seen

  return {
    ...rest,
    mounts: mounts.map(({ root, point, options, type, source }) => ({
      // Bubblewrap's root was a folder of another one.
      root: point === '/' ? '/' : root,
      point,
      // With one uid /proc is not read-only before the runner has its user namespace; the runner sees to it.
      options: point === '/proc' && !twoUids ? options.replace(/^r[wo]/, '') : options,
      type,
      source
    })),
    // Bubblewrap adds the current folder and leaves open what it has waited for.
    environ: environ.filter(variable => !variable.startsWith('PWD=')),
    descriptors: descriptors.filter(fd => fd <= 3),
    attempts: { ...attempts, '/proc/sys/kernel/hostname': attempts['/proc/sys/kernel/hostname'] === 'allowed' },
    namespaces: Object.keys(namespaces)
  }
}

describe.each([
  ['one uid', false],
  ...(isRoot ? [['two uids', true]] as const : [])
] as const)('a box by util-linux with %s', (_, twoUids) => {
  let built: Built
  let seen: Seen

  beforeAll(async () => {
    built = await build('unshare', { twoUids })
    seen = built.seen as Seen
  })

  it('is built, and says nothing on the way', () => {
    expect(built).toMatchObject({ code: 0, stderr: '' })
  })

  it('is the one that bubblewrap builds', async ({ skip }) => {
    skip(!succeeds('bwrap', ['--version']), 'bubblewrap is not installed')

    const other = await build('bubblewrap', { twoUids })

    expect(comparable(seen, twoUids)).toEqual(comparable(other.seen, twoUids))
  })

  it('tells the number of process 1, which is a child of what was started', () => {
    expect(built.child?.parent).toBe(built.builder)
  })

  it('has process 1 and no other, with a session of its own', () => {
    expect(seen.processes).toEqual(['1'])
    expect(seen.session).toEqual(['0', '1', '1', '0'])
    expect(seen.status['NSpid']).toBe('1')
  })

  it('has a runner with the plan\'s capabilities and no others, on all its threads, for ever', () => {
    const wanted = twoUids ? CAPABILITIES.two : CAPABILITIES.one

    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(seen.status[set], set).toBe(wanted)
    }

    expect(new Set(seen.threads)).toEqual(new Set([wanted]))
    expect(seen.status['NoNewPrivs']).toBe('1')
  })

  it('has the uids of the plan', () => {
    const uid = twoUids ? '0' : '1000'

    expect(seen.status['Uid']?.split('\t')).toEqual([uid, uid, uid, uid])
    expect(seen.status['Gid']?.split('\t')).toEqual([uid, uid, uid, uid])
    expect(seen.uids).toEqual(twoUids ? [['0', '1000'], ['0', '1000']] : [['1000'], ['1000']])
  })

  it('is apart from everything', () => {
    for (const [name, link] of Object.entries(seen.namespaces)) {
      expect(link, name).not.toBe(readlinkSync(`/proc/self/ns/${name}`))
    }

    expect(seen.hostname).toBe('box')
    expect(seen.links).toEqual(['lo'])
    expect(seen.interfaces['lo']?.map(({ address }) => address)).toContain('127.0.0.1')
  })

  it('shows nothing of the host but what the plan binds', () => {
    const own = ['/', '/proc', '/dev', '/dev/pts', '/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty']

    for (const { point, root } of seen.mounts) {
      expect([point, root]).toSatisfy(() => own.includes(point) || ((point === '/usr' || point.startsWith('/etc/')) && root.endsWith(point)) || ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/box/bin/node'].includes(point))
    }

    expect(seen.environ.map(variable => variable.split('=')[0])).toEqual(['PATH', 'LANG'])
    expect(seen.cmdline).toEqual([NODE_INSIDE, '--v8-pool-size=0', '--no-warnings', '/box/runner.cjs'])
    expect(seen.descriptors).toEqual([0, 1, 2, 3])
  })

  it('can be written to nowhere before the runner has mounted something', () => {
    const { '/dev/null': sink, '/dev/ptmx': terminal, ...rest } = seen.attempts

    expect([sink, terminal]).toEqual(['allowed', 'allowed'])
    expect(Object.values(rest)).not.toContain('allowed')
    expect(seen.mounts.filter(({ point, options }) => options.startsWith('rw') && !point.startsWith('/dev/')).map(({ point }) => point)).toEqual(twoUids ? [] : ['/proc'])
  })
})

describe('a box by util-linux', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'meshmark-unshare-'))
    execFileSync('chmod', ['755', folder])
    mkdirSync(join(folder, 'target'))
    writeFileSync(join(folder, 'target/file'), 'content')
    mkdirSync(join(folder, 'target/below it'))
    symlinkSync(join(folder, 'target'), join(folder, 'link'))
  })

  afterAll(() => { rmSync(folder, { recursive: true }) })

  it('can be built without a /proc, and then has no terminals', async () => {
    // What looks there finds nothing and ends; that is all it can say.
    const { code, stderr, child, builder } = await build('unshare', { proc: false })

    expect(code).toBe(1)
    expect(stderr).toContain('/proc/self/mountinfo')
    expect(child?.parent).toBe(builder)
  })

  it('follows links of the host to what is bound', async () => {
    const { seen } = await build('unshare', { steps: [{ do: 'bind', from: join(folder, 'link'), at: '/box/seen' }] })

    expect(seen?.box.map(([path]) => path)).toContain('/box/seen/file')
  })

  it.runIf(canMount)('restricts what is mounted below', async () => {
    const { seen, stderr } = await build('unshare', { before: `mount -t tmpfs none '${folder}/target/below it'`, steps: [{ do: 'bind', from: join(folder, 'target'), at: '/box/seen' }] })

    expect(stderr).toBe('')
    expect(seen?.mounts.find(({ point }) => point.startsWith('/box/seen/below'))?.options).toMatch(/^ro,nosuid,nodev/)
  })

  it('leaves out what is optional and not there', async () => {
    const { seen } = await build('unshare', { steps: [{ do: 'bind', from: join(folder, 'nothing'), at: '/box/seen', optional: true }] })

    expect(seen?.box.map(([path]) => path)).not.toContain('/box/seen')
  })

  it('that cannot be built says why in one line', async () => {
    const { seen, code, stderr } = await build('unshare', { steps: [{ do: 'bind', from: join(folder, 'nothing'), at: '/box/seen' }] })

    expect(seen).toBeUndefined()
    expect(code).toBe(1)
    expect(stderr).toMatch(/^assembler: [^\n]*nothing[^\n]*\n$/)
  })

  it('changes no mount outside', async () => {
    const before = readFileSync('/proc/self/mountinfo', 'utf8')

    await build('unshare')
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before)
  })
})

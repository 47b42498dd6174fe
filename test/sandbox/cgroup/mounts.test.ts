import { readFileSync, statSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ownGroups, parseCgroupMounts, parseMemberships } from '../../../src/sandbox/cgroup/mounts.ts'

/** Lines of real systems, without the mounts of other file systems but one. */
const SYSTEMS = {
  'Debian 12, a user\'s scope': {
    mountinfo: `
21 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
29 21 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`,
    cgroup: '0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r7c5b.scope\n',
    own: [['/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/run-r7c5b.scope', 2, []]]
  },
  'systemd in hybrid mode': {
    mountinfo: `
26 25 0:22 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:8 - tmpfs tmpfs ro,size=4096k,nr_inodes=1024,mode=755
27 26 0:23 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
28 26 0:24 / /sys/fs/cgroup/systemd rw,nosuid,nodev,noexec,relatime shared:10 - cgroup cgroup rw,xattr,name=systemd
31 26 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid,nodev,noexec,relatime shared:14 - cgroup cgroup rw,cpu,cpuacct
32 26 0:29 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime shared:15 - cgroup cgroup rw,memory
33 26 0:30 / /sys/fs/cgroup/pids rw,nosuid,nodev,noexec,relatime shared:16 - cgroup cgroup rw,pids
`,
    cgroup: `9:memory:/user.slice/user-1000.slice/session-2.scope
5:pids:/user.slice/user-1000.slice/session-2.scope
3:cpu,cpuacct:/user.slice
1:name=systemd:/user.slice/user-1000.slice/session-2.scope
0::/user.slice/user-1000.slice/session-2.scope
`,
    own: [
      ['/sys/fs/cgroup/unified/user.slice/user-1000.slice/session-2.scope', 2, []],
      ['/sys/fs/cgroup/systemd/user.slice/user-1000.slice/session-2.scope', 1, ['name=systemd']],
      ['/sys/fs/cgroup/cpu,cpuacct/user.slice', 1, ['cpu', 'cpuacct']],
      ['/sys/fs/cgroup/memory/user.slice/user-1000.slice/session-2.scope', 1, ['memory']],
      ['/sys/fs/cgroup/pids/user.slice/user-1000.slice/session-2.scope', 1, ['pids']]
    ]
  },
  'docker on version 2, which mounts it read-only': {
    mountinfo: '680 679 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot\n',
    cgroup: '0::/\n',
    own: []
  },
  'docker --privileged on version 2': {
    mountinfo: '680 679 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n',
    cgroup: '0::/\n',
    own: [['/sys/fs/cgroup', 2, []]]
  },
  'docker on version 1, whose mounts show a part of the tree': {
    mountinfo: `
700 699 0:29 /docker/4f0c /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime master:15 - cgroup cgroup rw,memory
701 699 0:30 /docker/4f0c /sys/fs/cgroup/pids ro,nosuid,nodev,noexec,relatime master:16 - cgroup cgroup rw,pids
`,
    cgroup: '9:memory:/docker/4f0c/inner\n5:pids:/docker/4f0c\n',
    own: [['/sys/fs/cgroup/memory/inner', 1, ['memory']]]
  },
  'a part of the tree that this process is not in': {
    mountinfo: `
700 699 0:29 /docker/4f0c /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
701 699 0:30 /../other /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
702 699 0:26 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup rw
`,
    cgroup: '9:memory:/docker/4f0cafe\n5:pids:/../other/x\n0::/../../outside\n',
    own: []
  },
  'a folder with a space, and an agent': {
    mountinfo: '31 26 0:28 / /mnt/my\\040groups rw,relatime - cgroup cgroup rw,cpuset,memory,clone_children,release_agent=/sbin/agent,name=mine\n',
    cgroup: '4:cpuset,memory,name=mine:/a b:c\n',
    own: [['/mnt/my groups/a b:c', 1, ['cpuset', 'memory', 'name=mine']]]
  }
} as const

describe('the own control groups of a process', () => {
  it.each(Object.entries(SYSTEMS))('are found on %s', (_, { mountinfo, cgroup, own }) => {
    expect(ownGroups(mountinfo, cgroup)).toEqual(own.map(([folder, version, controllers]) => ({ folder, version, controllers })))
  })

  it('are folders on this machine', () => {
    for (const { folder } of ownGroups(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'))) {
      expect(statSync(folder).isDirectory()).toBe(true)
    }
  })

  it('are never outside the mount that shows them', () => {
    const path = fc.array(fc.constantFrom('a', 'b', '..', 'a b'), { maxLength: 4 }).map(parts => `/${parts.join('/')}`)

    fc.assert(fc.property(path, path, (root, own) => {
      const groups = ownGroups(`1 2 0:1 ${root.replaceAll(' ', '\\040')} /point rw - cgroup2 cgroup rw\n`, `0::${own}\n`)

      for (const { folder } of groups) {
        expect(folder === '/point' || folder.startsWith('/point/')).toBe(true)
        expect(folder.split('/')).not.toContain('..')
        // What is below the root of the mount is found again below its point.
        expect((root === '/' ? '' : root) + folder.slice('/point'.length) || '/').toBe(own)
      }
    }))
  })

  it('are none in texts that are none', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (mountinfo, cgroup) => {
      expect(ownGroups(mountinfo, cgroup)).toEqual([])
    }))
  })

  it('lines keep their controllers and their paths', () => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/)
    const path = fc.array(fc.stringMatching(/^[^/\n\r]{1,6}$/), { maxLength: 4 }).map(parts => `/${parts.join('/')}`)

    fc.assert(fc.property(fc.array(fc.record({ controllers: fc.array(word, { maxLength: 3 }), path })), memberships => {
      expect(parseMemberships(memberships.map(({ controllers, path }, i) => `${i}:${controllers.join()}:${path}\n`).join(''))).toEqual(memberships)
    }))
  })

  it('mounts of other file systems are none', () => {
    expect(parseCgroupMounts('21 28 0:20 / /sys/fs/cgroup rw - tmpfs cgroup2 rw\n22 28 0:20 / /x rw - cgroup\n - cgroup2 x rw')).toEqual([])
  })
})

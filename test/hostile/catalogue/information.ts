import { hostname, userInfo } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Theme } from '../attack.ts'

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

/** Words of the host that no program may find. The last one is in the worker's environment. */
const SECRETS = [CHECKOUT, 'meshmark-test', 'meshmark-marks', 'meshmark-mode', 'hunter2', 'SECRET', ...(userInfo().username === 'root' ? [] : [userInfo().username])]

/** All of them are masked, or were never there. */
const MASKED = ['cmdline', 'kcore', 'kallsyms', 'keys', 'key-users', 'kmsg', 'diskstats', 'interrupts', 'iomem', 'ioports', 'modules', 'partitions', 'sched_debug', 'timer_list', 'sysrq-trigger', 'sys/kernel/random/boot_id', 'swaps', 'tty/drivers', 'bus/pci/devices', 'fs/ext4', 'acpi', 'scsi/scsi', 'slabinfo', 'kpagecount', 'vmallocinfo', 'pagetypeinfo']

export const INFORMATION: Theme = {
  title: 'against a program that looks for what is not its own',
  attacks: [
    {
      name: 'reads whatever it can',
      program: { sh: 'env; cat /proc/*/cmdline /proc/self/mountinfo /proc/self/mounts /proc/self/cgroup /proc/self/environ /proc/1/environ /proc/1/cgroup /proc/1/mountinfo /proc/*/comm /proc/self/maps; cat /etc/*; hostname; ls /; ls -la /box; readlink /proc/self/fd/* /proc/self/cwd /proc/self/root /proc/self/exe /proc/1/exe' },
      kinds: ['run', 'exec'],
      files: { a: 'b' },
      expect: {
        outcome: 'failed',
        check: ({ stdout }) => {
          const found = SECRETS.filter(secret => stdout.includes(secret))

          if (found.length > 0 || stdout.split(/[^\w.-]+/).includes(hostname()) || !stdout.includes('TMPDIR=/tmp') || /^\d+:[^\n]*:\/(?!\.\.(\/\.\.)*$)[^\n]+$/m.test(stdout)) {
            throw new Error(`it found ${found.join(', ') || 'the name of the machine or a group'}`)
          }
        }
      }
    },
    { name: 'asks for its own groups', program: { sh: 'cut -d: -f3 /proc/self/cgroup | sort -u; cut -d: -f3 /proc/1/cgroup | sort -u' }, expect: { outcome: 'done', stdout: /^(\/(\.\.(\/\.\.)*)?\n)+$/ } },
    { name: 'asks what the kernel tells of the machine', program: { sh: `for f in ${MASKED.join(' ')}; do cat /proc/$f 2>/dev/null | grep -q . && echo $f; done; ls -A /sys /boot /home /root /var /mnt /media /srv /opt 2>/dev/null | grep .; echo end` }, expect: { outcome: 'done', stdout: 'end\n' } },
    { name: 'looks for others', program: { sh: 'ls /proc | grep -c "^[0-9]"; ls /proc/1/task | wc -l >/dev/null; ps -e -o comm= 2>/dev/null | sort | tr "\\n" " "' }, expect: { outcome: 'done', stdout: /^[3-7]\n(?:(?:MainThread|node|sh|ps|sort|tr|ls|grep|wc|\S*runner\S*) ?)*\n?$/ } },
    { name: 'has descriptors that it was not given', program: { sh: 'ls /proc/self/fd | tr "\\n" " "; for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done; python3 -c "import os; os.closerange(0, 3)"; ls -d /proc/self/fd/3/../../../etc/shadow 2>/dev/null; pwd' }, expect: { outcome: 'done', stdout: /^0 1 2 3 \/dev\/null\n[^\n]*deleted\)\n[^\n]*deleted\)\n\/work\n$/ } },
    { name: 'has descriptors that it was not given, handed out', program: { sh: 'ls /proc/self/fd | tr "\\n" " "; for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done' }, kinds: ['exec'], expect: { outcome: 'done', stdout: /^0 1 2 3 \/dev\/null\npipe:\[\d+\]\npipe:\[\d+\]\n$/ } },
    { name: 'asks the kernel of itself', program: { sh: 'grep -E "^(NoNewPrivs|Seccomp|Seccomp_filters|Cap...|Groups|NSpid|Uid|Gid):" /proc/self/status | tr -d " \\t"' }, kinds: ['run', 'exec'], expect: { outcome: 'done', stdout: /^Uid:1000100010001000\nGid:1000100010001000\nGroups:(?:65534)*\nNSpid:\d+\nCapInh:0+\nCapPrm:0+\nCapEff:0+\nCapBnd:0+\nCapAmb:0+\nNoNewPrivs:1\nSeccomp:2\nSeccomp_filters:2\n$/ } },
    {
      name: 'finds a place to write beside its own',
      program: { python: 'import os\nfound = set()\nfor top in ["/"]:\n  for folder, folders, files in os.walk(top):\n    folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/usr", "/work", "/tmp", "/dev/shm")]\n    for name in folders + files:\n      path = os.path.join(folder, name)\n      if os.access(path, os.W_OK) and not os.path.islink(path): found.add(path)\nprint("\\n".join(sorted(p for p in found if not p.startswith("/dev/"))))\nprint("end")' },
      expect: { outcome: 'done', stdout: /^(\/work\n|\/tmp\n)*\n?end\n$/ }
    }
  ]
}

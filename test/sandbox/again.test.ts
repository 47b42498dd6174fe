import { fileURLToPath } from 'node:url'
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execute, Host, named, own, sh } from './host.ts'
import type { Series, TestTask } from './host.ts'

const isRoot = process.getuid?.() === 0
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))
const NOBODY = 61_901
const othersMayRead = isRoot && spawnSync(process.execPath, ['-e', 'require("fs").readFileSync("dist/sandbox/index.js")'], { cwd: CHECKOUT, uid: NOBODY, gid: NOBODY }).status === 0

/** With two uids and control groups where root can give them, and without. */
const KINDS = [
  { who: 'a worker with all that it can have', options: { env: { SETTLE: '{}' } }, possible: true },
  { who: 'a worker that never was root', options: { uid: NOBODY }, possible: othersMayRead }
]

/** Everything that a program can see of what others have left. */
const LOOK = [
  'find /work /tmp /dev/shm -mindepth 1 | sort',
  'stat -c "%n %a %u %s" /work /tmp /dev/shm | sort',
  'set -- /proc/[0-9]*; echo $#',
  'grep -c . /proc/net/unix',
  'ipcs -a 2> /dev/null | grep -c 0x',
  'ulimit -a; umask; nice; pwd; id -u; env | sort',
  'df -P /work /tmp /dev/shm | awk "{ print \\$3, \\$6 }"',
  'df -iP /work /tmp /dev/shm | awk "{ print \\$3, \\$6 }"',
  'cut -d" " -f5,6,8- /proc/self/mountinfo | sort',
  'cut -d" " -f4- /proc/sys/kernel/random/uuid > /dev/null',
  'ls /proc/self/fd | wc -l'
].join('; ')

const look = named(sh(LOOK))
const python = (script: string) => named(['python3', '-c', script])
const node = (script: string) => named(['node', '-e', script])

for (const { who, options, possible } of KINDS) {
  describe.runIf(possible)(`the next execution of a job, in the box of ${who},`, () => {
    let host: Host

    beforeAll(async () => { host = await Host.start(options) }, 60_000)
    afterAll(async () => { await host.stop() })

    const series = async (commands: TestTask['commands'], more: Partial<TestTask> = {}): Promise<Series['times']> => {
      const { times, left } = await host.ask('series', execute(['true'], more), commands)

      expect(left).toBe(0)

      return times
    }

    /** What the box looks like before and after somebody has been in it. */
    const around = async (...between: TestTask['commands']): Promise<void> => {
      const times = await series([look, ...between, look])
      const [first] = times
      const last = times.at(-1)

      expect(times).toHaveLength(between.length + 2)
      expect(times.map(({ clean }) => clean)).toEqual(times.map(() => true))
      expect(first?.stdout).toContain('/dev/shm 1777')
      expect(last?.stdout).toBe(first?.stdout)
      // the builder and the runner
      expect(last?.processes).toBe(first?.processes)
    }

    it('begins as the first one did', async () => {
      await around(named(['true']))
    })

    it('finds no files, in whatever place and of whatever name, nor changed modes of folders', async () => {
      await around(
        named(sh('for folder in /work /tmp /dev/shm; do mkdir -p $folder/a/b; echo x > $folder/a/b/c; echo x > $folder/.hidden; ln -s /etc/passwd $folder/link; mkfifo $folder/pipe; chmod 000 $folder/a; chmod 700 $folder; done')),
        named(sh('touch -d 2001-01-01 /tmp; chmod 0711 /work'))
      )
    })

    it('finds nothing that was noted on the folders themselves', async () => {
      const note = python('import os\nfor folder in ("/work", "/tmp", "/dev/shm"):\n  print(os.listxattr(folder), os.stat(folder).st_mtime < 2)\n  try: os.setxattr(folder, "user.note", b"x")\n  except OSError: pass\n  os.utime(folder, (1, 1))')
      const times = await series([note, note, note, note])

      expect(times.map(({ stdout }) => stdout)).toEqual(times.map(() => '[] False\n'.repeat(3)))
    })

    it('finds nobody who has stayed: not in the background, as a daemon, stopped, nor of a bomb', async () => {
      await around(
        named(sh('sleep 1000 & setsid sleep 1000 & (trap "" TERM HUP; exec sleep 1000) &')),
        named(sh('setsid -f sh -c "while :; do sleep 0.01; echo x > /tmp/mark; done"; sleep 0.1')),
        named(sh('sleep 1000 & kill -STOP $!')),
        named(sh('bomb () { bomb | bomb & sleep 10; }; (bomb) & sleep 0.2; kill -9 $$'))
      )
    })

    it('finds no shared memory, message queues, memory files or sockets', async () => {
      await around(
        python('import mmap, os\nfd = os.open("/dev/shm/x", os.O_CREAT | os.O_RDWR)\nos.ftruncate(fd, 1 << 20)\nm = mmap.mmap(fd, 1 << 20)\nm.write(b"y" * (1 << 20))\nif os.fork() == 0:\n  import time\n  time.sleep(1000)'),
        python('import ctypes\nc = ctypes.CDLL(None)\nc.shmget(1234, 4096, 0o1666)\nc.semget(1234, 1, 0o1666)\nc.msgget(1234, 0o1666)\nc.mq_open(b"/queue", 0o102, 0o666, None)'),
        python('import socket, os\na = socket.socket(socket.AF_UNIX)\na.bind("\\0abstract")\na.listen()\nos.fork()\n# two that hold each other, on their way to nobody\nx, y = socket.socketpair()\nsocket.send_fds(x, [b"x"], [y.fileno()])\nsocket.send_fds(y, [b"y"], [x.fileno()])'),
        python('import os\ntry:\n  fd = os.memfd_create("kept")\n  os.write(fd, b"z" * 1000000)\n  os.fork()\nexcept OSError: pass')
      )
    })

    it('has its own limits, whatever the one before has done to its own or tried with the runner\'s', async () => {
      await around(
        named(sh('ulimit -n 10; ulimit -f 1; ulimit -t 1; ulimit -v 100000; umask 777; renice 19 $$ > /dev/null; true')),
        python('import resource\nfor who in (0, 1):\n  for what in range(16):\n    try: resource.prlimit(who, what, (0, 0))\n    except Exception: pass'),
        python('import os\ntry: os.setpriority(os.PRIO_PROCESS, 1, 19)\nexcept OSError: pass\ntry: os.sched_setaffinity(1, {0})\nexcept OSError: pass\nfor s in (9, 19, 10, 2):\n  try: os.kill(1, s)\n  except OSError: pass')
      )
    })

    it('finds nothing mounted', async () => {
      await around(
        named(sh('mount -t tmpfs none /tmp 2> /dev/null; unshare -rm mount -t tmpfs none /work 2> /dev/null; umount -l /tmp 2> /dev/null; true')),
        python('import ctypes\nc = ctypes.CDLL(None)\nc.mount(b"none", b"/work", b"tmpfs", 0, None)\nc.umount2(b"/dev/shm", 2)\nc.chroot(b"/tmp")\nc.unshare(0x10020000)')
      )
    })

    it('finds the payload as it was sent, though the one before has written over it', async () => {
      const files = { 'run.sh': '#!/bin/sh\ncat data; echo "changed by $1" > data; echo "echo hacked" > run.sh; chmod 777 run.sh; rm -f other; touch new; ls | sort\n', data: 'as sent\n', other: 'x' }
      const times = await series([own('run.sh', 'a'), own('run.sh', 'b'), own('run.sh', 'c')], { files })

      expect(times.map(({ stdout }) => stdout)).toEqual(times.map(() => 'as sent\ndata\nnew\nrun.sh\n'))
      expect(times.map(({ report }) => report?.outcome)).toEqual(['done', 'done', 'done'])
      expect(new Set(times.map(({ report }) => report?.commands[0]?.program?.digest)).size).toBe(1)
    })

    it('is billed for itself alone, and has its own outcome', async () => {
      const times = await series([
        named(sh('i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done')),
        named(['true']),
        named(sh('sleep 1000')),
        named(sh('echo out; echo err >&2; exit 7')),
        named(['no-such-program']),
        named(sh('head -c 3000000 /dev/zero')),
        named(['echo', 'last'])
      ], { limits: { wallMs: 3_000 } })
      const cpu = times.map(({ report }) => report?.commands[0]?.samples[0]?.cpuNs ?? 0)

      expect(cpu[1]).toBeLessThan((cpu[0] ?? 0) / 2)
      expect(times.map(({ report }) => report?.outcome)).toEqual(['done', 'done', 'limit', 'failed', 'not-run', 'limit', 'done'])
      expect(times[2]?.report?.reason).toMatch(/wall/)
      expect(times[3]).toMatchObject({ stdout: 'out\n', stderr: 'err\n' })
      expect(times[5]?.report?.reason).toMatch(/output/)
      expect(times[6]?.stdout).toBe('last\n')
      expect(times[6]?.report?.commands[0]?.samples).toHaveLength(1)
    })

    it('has all of its memory, however much the one before took', async () => {
      const eat = python('a = b"x" * 150_000_000\nprint(len(a))')
      const times = await series([eat, eat, named(sh('head -c 100000000 /dev/zero > /tmp/x; wc -c < /tmp/x')), eat], { limits: { memoryBytes: 256 * 2 ** 20 } })

      expect(times.map(({ stdout }) => stdout)).toEqual(['150000000\n', '150000000\n', '100000000\n', '150000000\n'])
    })

    it('may be one of hundreds', async () => {
      const times = await series([...Array.from({ length: 100 }, (_, at) => named(['echo', String(at)])), named(sh('ls /proc/self/fd | wc -l; ls -l /proc/self/fd | grep -c pipe'))])

      expect(times.slice(0, -1).map(({ stdout }) => stdout)).toEqual(Array.from({ length: 100 }, (_, at) => `${at}\n`))
      expect(times.at(-1)?.report?.outcome).toBe('done')
    }, 120_000)

    it('is told its own arguments, and of programs in the right place', async () => {
      const times = await series([node('console.log(process.argv.length)'), named(['printf', '%s|', 'a b', '$&', '{}'])])

      expect(times.map(({ stdout }) => stdout)).toEqual(['1\n', 'a b|$&|{}|'])
    })
  })
}

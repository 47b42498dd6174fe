import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { execute, Host, measure, named, own, runs, sh } from './host.ts'
import type { TestTask } from './host.ts'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

/** Somebody who can read the checkout, if there is one. */
const NOBODY = 61_900
const isRoot = process.getuid?.() === 0
const othersMayRead = isRoot && spawnSync(process.execPath, ['-e', 'require("fs").readFileSync("dist/sandbox/index.js")'], { cwd: CHECKOUT, uid: NOBODY, gid: NOBODY }).status === 0

const KINDS = [
  { who: isRoot ? 'a worker that was root' : 'a worker that never was root', options: {}, possible: true },
  { who: 'a worker that never was root', options: { uid: NOBODY }, possible: othersMayRead }
]

const node = (script: string): string[] => ['node', '-e', script]
const python = (script: string): string[] => ['python3', '-c', script]

for (const { who, options, possible } of KINDS) {
  describe.runIf(possible)(`programs in the box of ${who}`, () => {
    let host: Host

    beforeAll(async () => { host = await Host.start(options) }, 60_000)
    afterAll(async () => { await host.stop() })

    const attempt = async (task: TestTask) => {
      const seen = await host.ask('run', task)

      expect(seen.left).toBe(0)
      return seen
    }

    it('are nobody, and so is the worker', async () => {
      const { uid, euid, groups, status } = await host.ask('whoami')

      expect(uid).not.toBe(0)
      expect(euid).toBe(uid)
      expect(groups.filter(group => group !== uid)).toEqual([])
      expect(status).toMatch(/^CapPrm:\t0+$/m)
      expect(status).toMatch(/^CapEff:\t0+$/m)

      const { stdout, processes } = await attemptUntil('id -u; sleep 100000', '\n')

      expect(stdout).toBe('1000\n')
      expect(processes.map(process => process.uid)).toEqual(processes.map(() => uid))
    })

    async function attemptUntil (script: string, until: string) {
      const seen = await host.ask('run', execute(sh(script)), { until })

      expect(seen.error?.message).toBe('seen enough')
      expect(seen.left).toBe(0)
      return { ...seen, processes: seen.processes ?? [] }
    }

    it('see all the protections that the worker announces', async () => {
      const facts = await host.ask('facts')

      expect(facts.namespaces).toEqual(['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'])
      expect(facts.filterHash).toMatch(/^[0-9a-f]{64}$/)
      expect(Object.values(facts.canaries)).not.toContain('allowed')
      expect(Object.keys(facts.canaries)).toContain('network')
    })

    it('have no network of any family but UNIX sockets', async () => {
      const script = 'import socket\nfor f in range(0, 46):\n  for t in (1, 2, 3, 5):\n    try:\n      socket.socket(f, t); print(f)\n    except OSError as e: pass\n'
      const { stdout } = await attempt(execute(python(script)))

      expect(new Set(stdout.trim().split('\n'))).toEqual(new Set(['1']))
    })

    it('cannot look into the runner', async () => {
      const script = 'for f in mem maps environ fd/3 cwd root exe fd; do cat /proc/1/$f >/dev/null 2>&1 && echo $f; ls /proc/1/$f/ >/dev/null 2>&1 && echo $f; readlink /proc/1/$f; done; echo end'

      expect((await attempt(execute(sh(script)))).stdout).toBe('end\n')
    })

    it('cannot harm the runner with any signal', async () => {
      const script = 'n=0; for s in $(seq 1 64); do kill -$s 1 2>/dev/null && n=$((n+1)); done; echo $n'

      expect(await attempt(execute(sh(script)))).toMatchObject({ stdout: '0\n', report: { outcome: 'done' } })
    })

    it('cannot change the limits or the priority of the runner', async () => {
      const script = [
        'import os, resource',
        'def attempt(name, f):',
        '  try: f(); print(name)',
        '  except PermissionError: return True',
        '  except ProcessLookupError: return False',
        'denied = [attempt("prlimit %d" % pid, lambda: resource.prlimit(pid, resource.RLIMIT_CPU, (0, 0))) for pid in set(range(1, 100)) - {os.getpid()}]',
        // It has two threads of its own at least, whatever their numbers.
        'assert denied[0] and denied.count(True) > 1, denied',
        'attempt("affinity", lambda: os.sched_setaffinity(1, {0}))',
        'attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))',
        'attempt("scheduler", lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)))',
        'try: open("/proc/1/oom_score_adj", "w").write("1000"); print("oom")',
        'except OSError: pass',
        'print("end")'
      ].join('\n')

      expect(await attempt(execute(python(script)))).toMatchObject({ stderr: '', stdout: 'end\n', report: { outcome: 'done' } })
    })

    it('cannot write to the system', async () => {
      const script = 'for f in /usr/x /x /etc/x /box/x /box/runner.cjs /dev/x /proc/sys/kernel/core_pattern /usr/bin/env; do (echo x >> $f) 2>/dev/null && echo $f; done; mkdir /y 2>/dev/null && echo y; ln /usr/bin/env /tmp/env 2>/dev/null && echo link; echo end'

      expect((await attempt(execute(sh(script)))).stdout).toBe('end\n')
    })

    it('see nothing of the host in their environment, in /proc and in /etc', async () => {
      const script = 'env; cat /proc/*/cmdline /proc/self/mountinfo /proc/self/cgroup /proc/self/environ /proc/1/environ; cat /etc/*; hostname; ls /; ls -a /root /home /sys'
      const { stdout, stderr } = await attempt(execute(sh(script)))

      for (const secret of ['hunter2', 'SECRET', CHECKOUT.replace(/\/$/, ''), 'meshmark-test']) {
        expect(stdout).not.toContain(secret)
      }

      expect(stdout.split(/[^\w.-]+/)).not.toContain(hostname())

      expect(stdout).toContain('TMPDIR=/tmp')
      expect(stderr).toContain('/root')
      expect(stderr).toContain('/sys')
    })

    it('cannot read a file of the worker\'s checkout', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'meshmark-secret-'))
      const file = join(folder, 'secret')

      try {
        writeFileSync(file, 'hunter2', { mode: 0o600 })

        const { stdout, report } = await attempt(execute(['cat', file, join(CHECKOUT, 'package.json'), '/etc/shadow']))

        expect(stdout).toBe('')
        expect(report?.commands[0]?.samples[0]?.exit).toEqual({ kind: 'code', code: 1 })
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    it('inherit three descriptors and no more', async () => {
      // The fourth is the folder that ls reads.
      expect((await attempt(execute(['ls', '/proc/self/fd']))).stdout).toBe('0\n1\n2\n3\n')
    })

    it('get no new privileges and no namespaces', async () => {
      const script = [
        'import os, ctypes',
        'libc = ctypes.CDLL(None, use_errno=True)',
        'for name, args in [("unshare", (0x10000000,)), ("unshare", (0x20000,)), ("setns", (0, 0)), ("mount", (b"x", b"/tmp", b"tmpfs", 0, None)), ("ptrace", (16, 1, 0, 0)), ("setuid", (0,)), ("chroot", (b"/tmp",)), ("syscall", (425, 1, 0)), ("syscall", (321, 0, 0, 0)), ("syscall", (298, 0, 0, 0, 0, 0)), ("syscall", (250, 0, 0, 0)), ("syscall", (435, 0, 0)), ("syscall", (56, 0x10000011, 0, 0, 0, 0))]:',
        '  r = getattr(libc, name)(*args)',
        '  if r != -1: print(name, args, r)',
        'print(open("/proc/self/status").read())'
      ].join('\n')
      const { stdout } = await attempt(execute(python(script)))

      expect(stdout).toMatch(/^Name:/)
      expect(stdout).toMatch(/^NoNewPrivs:\t1$/m)
      expect(stdout).toMatch(/^Seccomp:\t2$/m)
      expect(stdout).toMatch(/^Seccomp_filters:\t2$/m)
      expect(stdout).toMatch(/^CapBnd:\t0+$/m)
    })

    it('end at the wall limit, asleep, stopped or deaf', async () => {
      for (const script of ['sleep 100000', 'kill -STOP $$', "trap '' TERM INT HUP; while :; do :; done"]) {
        for (const task of [measure(sh(script)), execute(sh(script))]) {
          const { report } = await attempt({ ...task, limits: { wallMs: 150 } })

          expect(report).toMatchObject({ outcome: 'limit', reason: 'wall limit of 150 ms in run 1' })
          expect(report?.commands[0]?.samples[0]).toMatchObject({ limit: 'wall', exit: { kind: 'signal', signal: 'SIGKILL' } })
          expect(report?.commands[0]?.samples[0]?.wallNs).toBeGreaterThanOrEqual(150e6)
        }
      }
    })

    it('end at the CPU limit', async () => {
      const { report } = await attempt(measure(sh('while :; do :; done'), { limits: { cpuMs: 1000 } }))

      expect(report).toMatchObject({ outcome: 'limit', reason: 'CPU limit of 1 s in run 1' })
    })

    it('end at the output limit', async () => {
      const outputBytes = 500_000

      for (const task of [measure(['yes']), execute(['yes'])]) {
        const { report } = await attempt({ ...task, limits: { outputBytes } })

        expect(report).toMatchObject({ outcome: 'limit', reason: 'output limit of 488 KB in run 1' })
        expect(report?.commands[0]?.output?.truncated).toBe(true)
      }

      expect((await attempt({ ...execute(['yes']), limits: { outputBytes } })).stdoutBytes).toBe(outputBytes)
    })

    it('end at the limits of files', async () => {
      const many = await attempt(measure(node('for (let i = 0; ; i++) fs.writeFileSync("/tmp/" + i, "")'), { limits: { tmpInodes: 1000 } }))

      expect(many.report).toMatchObject({ outcome: 'limit', reason: 'limit of 1000 temporary files in run 1' })

      const large = await attempt(measure(sh('head -c 20000000 /dev/zero > x; head -c 20000000 /dev/zero > /dev/shm/x'), { limits: { tmpBytes: 30_000_000 } }))

      expect(large.report?.commands[0]?.samples[0]?.limit).toBe('tmp')

      const long = await attempt(measure(sh('head -c 20000000 /dev/zero > x'), { limits: { fileBytes: 10_000_000 } }))

      expect(long.report?.outcome).not.toBe('done')
    })

    it('cannot bomb with forks, and nothing of it stays', async () => {
      const { report } = await attempt(measure(python('import os\nwhile True:\n  try: os.fork()\n  except OSError: pass'), { limits: { wallMs: 500, processes: 20 } }))
      const [sample] = report?.commands[0]?.samples ?? []

      expect(sample?.limit).toBe('wall')
      expect(sample?.leftovers).toBeGreaterThan(5)
      expect(sample?.leftovers).toBeLessThanOrEqual(20)
    })

    it('leave no daemon to the next run', async () => {
      const script = 'test -z "$(pgrep -x sleep)" || exit 1; (setsid sleep 100000 >/dev/null 2>&1 &) ; (sleep 100000 &)'
      const { report } = await attempt(measure(sh(script), { plan: runs(3) }))

      expect(report?.outcome).toBe('done')
      expect(report?.commands[0]?.samples.map(({ leftovers }) => leftovers)).toEqual([2, 2, 2])
    })

    it('pay for what orphans burn', async () => {
      // The program waits for a mark and not for its child, whose time wait4 would otherwise add to its own.
      const burn = 'const t = process.cpuUsage(); while (process.cpuUsage(t).user < 300000); fs.writeFileSync("/tmp/burnt", "")'
      const { report } = await attempt(measure(sh(`setsid -f node -e '${burn}' >/dev/null; until test -e /tmp/burnt; do sleep 0.01; done`)))

      expect(report?.outcome).toBe('done')
      expect(report?.commands[0]?.samples[0]?.cpuNs).toBeGreaterThan(300e6)
    })

    it('die for calls of another architecture', async () => {
      const gcc = spawnSync('gcc', ['-x', 'c', '-static', '-o', '/dev/stdout', '-'], { input: 'int main(){int r;__asm__ volatile("int $0x80":"=a"(r):"a"(20));return 0;}', maxBuffer: 2 ** 24 })

      if (process.arch !== 'x64' || gcc.status !== 0) {
        return
      }

      const { report } = await attempt(measure([], { commands: [own('old')], files: { old: { base64: gcc.stdout.toString('base64') } } }))

      expect(report?.reason).toBe('killed by SIGSYS in run 1')
    })

    it('run as they would outside: threads, pipes, compilers', async () => {
      const scripts = [
        sh('seq 1000 | sort -rn | xargs -n 50 echo | gzip | gunzip | wc -l'),
        python('import threading, multiprocessing as m\nt = threading.Thread(target=print, args=(1,)); t.start(); t.join()\nwith m.get_context("fork").Pool(2) as p: print(p.map(abs, [-1, -2]))'),
        node('new (require("worker_threads").Worker)("console.log(1)", { eval: true }); require("child_process").execSync("true")'),
        ...(existsSync('/usr/bin/gcc') ? [sh('echo "int main(){return 0;}" > /tmp/x.c && gcc -O2 -o /tmp/x /tmp/x.c && /tmp/x')] : [])
      ]

      for (const argv of scripts) {
        expect(await attempt(execute(argv, { limits: { memoryBytes: 2 ** 32 } }))).toMatchObject({ stderr: '', report: { outcome: 'done' } })
      }
    })
  })
}

describe.runIf(isRoot)('root', () => {
  it('is refused as the one who builds boxes', async () => {
    const { Box, loadBoxFiles } = await import('../../src/sandbox/index.ts')

    await expect(Box.create({ files: await loadBoxFiles(), dir: dirname(CHECKOUT) })).rejects.toThrow('boxes are not built by root')
  })
})

describe('a worker that is killed', () => {
  it('leaves nothing running', async () => {
    const host = await Host.start()
    const pids = await host.ask('start', { ...execute([]), commands: [named(sh('setsid -f sleep 100000; echo ready; sleep 100000'))] })

    const { dir } = await host.ask('leftFiles')

    expect(pids.length).toBeGreaterThan(3)
    host.child.kill('SIGKILL')

    // Nobody here is their parent, so there is no event to wait for.
    await vi.waitFor(() => { expect(pids.filter(pid => existsSync(`/proc/${pid}`))).toEqual([]) }, { timeout: 10_000, interval: 5 })
    rmSync(dir, { recursive: true })
  }, 30_000)
})

import type { Expected, Theme } from '../attack.ts'

const MiB = 1024 * 1024
const limits = { memoryBytes: 200 * MiB, wallMs: 10_000 }
const TOO_MUCH: Expected = { outcome: 'limit', limit: 'memory', reason: 'memory limit of' }

/** Standard output is a number of MiB. */
const count = (most: number): Expected['check'] => ({ stdout }) => {
  const got = Number(/^(\d+)$/m.exec(stdout)?.[1])

  if (!(got > 0 && got <= most)) {
    throw new Error(`${got} were got, and no more than ${most} allowed`)
  }
}

/** Node.js 24 reserves a gigabyte for itself, on top of which the runner needs its own. */
const inherited: Expected['check'] = ({ stdout }) => {
  const bytes = Number(stdout)

  if (bytes !== 100 * MiB && !(bytes >= 256 * MiB && bytes < 4096 * MiB)) {
    throw new Error(`it may have ${stdout.trim()} bytes`)
  }
}

export const MEMORY_LIMITS = limits

export const MEMORY: Theme = {
  title: 'against a program that takes memory',
  attacks: [
    // Ended by the group; refused where each process has a limit of its own.
    { name: 'takes what there is', program: { c: 'memory', words: ['private', 1_000] }, kinds: ['run', 'exec'], limits, expect: ({ cgroup }) => cgroup ? TOO_MUCH : { outcome: 'failed', stdout: /^\d+$/m, check: count(210) } },
    { name: 'takes what there is in Python', program: { python: 'x = []\nwhile True: x.append(bytearray(1 << 20))' }, limits, expect: ({ cgroup }) => cgroup ? TOO_MUCH : { outcome: 'failed', reason: 'exit code 1' } },
    { name: 'shares what it takes', program: { c: 'memory', words: ['shared', 400] }, limits, expect: TOO_MUCH },
    { name: 'takes a part in each of its processes', program: { c: 'memory', words: ['of-many', 480] }, kinds: ['run', 'exec'], limits, expect: TOO_MUCH },
    { name: 'forbids to be asked for its memory', program: { c: 'memory', words: ['undumpable', 480] }, limits, expect: TOO_MUCH },
    { name: 'shares a little among many', program: { c: 'memory', words: ['among-many', 100] }, limits, expect: { outcome: 'done' } },
    { name: 'maps 16 TiB, huge pages and locks', program: { c: 'memory', words: ['huge', 16] }, limits, expect: ({ cgroup }) => ({ outcome: 'done', attempts: { map: 'ENOMEM', 'huge pages': 'ENOMEM', lock: ['ENOMEM', 'EPERM'], 'lock all': cgroup ? ['ENOMEM', 'EPERM', 'ok'] : ['ENOMEM', 'EPERM', 'ok'] } }) },
    { name: 'outruns its limit and has the runner\'s', program: { c: 'outrun', words: [] }, limits: { memoryBytes: 100 * MiB }, skip: ({ cgroup }) => cgroup || process.arch !== 'x64', expect: { outcome: 'done', check: inherited } },
    { name: 'calls itself for ever', program: { c: 'memory', words: ['recursion'] }, limits, expect: { outcome: 'failed', exit: { kind: 'signal', signal: 'SIGSEGV' } } },
    { name: 'hoards memory without a name', program: { c: 'memory', words: ['memfds', 400] }, limits: { ...limits, openFiles: 1_024 }, expect: ({ cgroup }) => cgroup ? TOO_MUCH : { outcome: 'done', attempts: { memfd_create: 'ENOSYS' } } },
    { name: 'fills /dev/shm', program: { sh: 'head -c 400000000 /dev/zero > /dev/shm/x' }, limits: { ...limits, tmpBytes: 400 * MiB, fileBytes: 400 * MiB }, expect: ({ cgroup }) => cgroup ? TOO_MUCH : { outcome: 'done' } },
    { name: 'hoards messages that nobody takes', program: { c: 'memory', words: ['sockets', 1_000] }, limits: { ...limits, openFiles: 256 }, expect: ({ cgroup }) => cgroup ? TOO_MUCH : { outcome: 'done', attempts: { 'larger by force': 'EPERM', socketpair: 'EMFILE' }, check: count(100) }, hole: ({ cgroup }) => cgroup ? undefined : 'the watch over memory does not count the buffers of sockets, and a program may make each as large as net.core.wmem_max' },
    { name: 'hoards what is in pipes', program: { c: 'memory', words: ['pipes', 1_000] }, limits: { ...limits, openFiles: 256 }, expect: { outcome: 'done', attempts: { pipe: 'EMFILE' }, check: count(70) } },
    { name: 'takes memory of the kernel to note where nothing is', program: { c: 'memory', words: ['page-tables', 800] }, limits, expect: TOO_MUCH, hole: ({ cgroup }) => cgroup ? undefined : 'the watch over memory does not count page tables' },
    { name: 'takes memory of the kernel for locks', program: { c: 'memory', words: ['locks', 200] }, limits: { ...limits, memoryBytes: 20 * MiB, openFiles: 4_096 }, expect: TOO_MUCH, hole: 'the kernel charges locks of parts of files to nobody; a program can hold millions' },
    { name: 'sends descriptors that nobody takes', program: { c: 'memory', words: ['in-flight', 1_000] }, limits: { ...limits, openFiles: 256 }, expect: { outcome: 'done', attempts: { send: 'ETOOMANYREFS' }, check: count(5) } }
  ]
}

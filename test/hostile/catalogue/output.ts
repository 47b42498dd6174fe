import type { Attack, Expected, Theme } from '../attack.ts'

const MiB = 1024 * 1024
const both: Attack['kinds'] = ['run', 'exec']
const limits = { outputBytes: MiB, wallMs: 10_000 }
const EXCEEDED: Expected = { outcome: 'limit', limit: 'output', reason: 'output limit of 1.0 MB' }

/** Nobody is given more than the limit. */
const bounded: Expected['check'] = ({ stdoutBytes, stderr, report }) => {
  if (stdoutBytes + stderr.length > MiB || report?.commands[0]?.output?.truncated !== true) {
    throw new Error(`${stdoutBytes} bytes were passed on`)
  }
}

export const OUTPUT: Theme = {
  title: 'against a program that prints',
  attacks: [
    { name: 'prints for ever', program: { c: 'output', words: ['flood', 1] }, kinds: both, limits, expect: { ...EXCEEDED, check: bounded } },
    { name: 'prints for ever to standard error', program: { c: 'output', words: ['flood', 2] }, kinds: both, limits, expect: { ...EXCEEDED, check: bounded } },
    { name: 'prints for ever in a shell', program: { sh: 'yes' }, kinds: both, limits, expect: { ...EXCEEDED, check: bounded } },
    { name: 'prints for ever in Python', program: { python: 'import sys\nwhile True: sys.stdout.write("x" * 65536)' }, limits, expect: EXCEEDED },
    { name: 'is deaf to the signal of the file limit', program: { c: 'output', words: ['deaf', 1] }, kinds: both, limits: { ...limits, fileBytes: 2 * MiB }, expect: EXCEEDED },
    { name: 'wants a hole in its output', program: { c: 'output', words: ['sparse'] }, limits, expect: EXCEEDED },
    { name: 'opens its output anew and makes a hole', program: { c: 'output', words: ['reopened', 100] }, limits, expect: EXCEEDED },
    { name: 'makes its output longer by 200 MiB', program: { c: 'output', words: ['longer', 200] }, limits, expect: EXCEEDED },
    { name: 'makes its output longer by 30 GiB', program: { c: 'output', words: ['longer', 30 * 1024] }, limits: { ...limits, fileBytes: 32 * 1024 * MiB }, expect: EXCEEDED },
    { name: 'changes what its output is', program: { c: 'output', words: ['changed'] }, limits, expect: { outcome: 'done', attempts: { seal: 'EPERM', lease: 'EPERM', name: ['ENOENT', 'EXDEV'], mode: 'ok', attribute: 'EOPNOTSUPP', flags: ['ENOSYS', 'EPERM', 'ENOTTY'] } } },
    { name: 'prints after its end', program: { c: 'output', words: ['afterwards'] }, kinds: both, limits: { ...limits, outputBytes: 64 * MiB, fileBytes: 64 * MiB }, expect: { outcome: 'done', leftovers: [1, 1] } },
    { name: 'takes its output back', program: { c: 'output', words: ['taken-back'] }, kinds: both, limits, expect: { outcome: 'done' } },
    { name: 'prints every byte', program: { c: 'output', words: ['bytes'] }, kinds: both, expect: { outcome: 'done', stdout: Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join(''), stderr: Array.from({ length: 256 }, (_, i) => String.fromCharCode(255 - i)).join('') } },
    { name: 'prints zeros', program: { sh: 'head -c 1000 /dev/zero; printf "\\377\\376"' }, kinds: both, expect: { outcome: 'done', stdout: '\0'.repeat(1000) + '\xff\xfe' } }
  ]
}

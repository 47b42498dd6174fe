import type { Attack, Expected, Theme } from '../attack.ts'

const MiB = 1024 * 1024
const both: Attack['kinds'] = ['run', 'exec']
const limits = { wallMs: 3_000, tmpBytes: 20 * MiB, fileBytes: 2_000 * MiB, tmpInodes: 1_000 }
const TMP: Expected = { outcome: 'limit', limit: 'tmp', reason: 'limit of 20.0 MB for temporary files' }
const INODES: Expected = { outcome: 'limit', limit: 'tmp-files', reason: 'limit of 1000 temporary files' }
const payload = { data: 'original', input: 'words' }

/** A file, a folder, a pipe, a link: each with a name, none of which leads anywhere. */
const SHELL_TRAPS = 'ln -s /etc/shadow out; ln -s /proc/1/environ env; ln -s / root; mkfifo pipe; mkdir -p closed/deep; chmod 0 closed; ln -s out2 out2; printf x > "$(printf "a\\nb")"; mkdir "-rf"; touch -- "--help"; ls -A | wc -l'

export const FILES: Theme = {
  title: 'against a program that makes files',
  attacks: [
    { name: 'fills /tmp', program: { c: 'files', words: ['fill', 0] }, kinds: both, limits, expect: TMP },
    { name: 'fills /dev/shm', program: { c: 'files', words: ['fill', 1] }, limits, expect: TMP },
    { name: 'fills its working copy', program: { c: 'files', words: ['fill', 2] }, limits, expect: TMP },
    { name: 'fills /tmp in a shell', program: { sh: 'dd if=/dev/zero of=/tmp/x bs=1M 2>/dev/null; sleep 10' }, limits, expect: TMP },
    { name: 'allocates what it does not write', program: { c: 'files', words: ['allocate', 5] }, limits, expect: TMP },
    { name: 'writes what has no name', program: { c: 'files', words: ['unlinked', 100] }, limits, expect: TMP },
    { name: 'makes more files than it may', program: { c: 'files', words: ['inodes'] }, kinds: both, limits, expect: INODES },
    { name: 'makes more files than it may in Node.js', program: { node: 'for (let i = 0; ; i++) fs.writeFileSync("/tmp/" + i, "")' }, limits, expect: INODES },
    { name: 'gives one file more names than it may', program: { c: 'files', words: ['names'] }, limits, expect: INODES },
    { name: 'makes a folder in a folder in a folder', program: { c: 'files', words: ['deep', 100_000] }, limits: { ...limits, tmpInodes: 150_000, wallMs: 20_000 }, runs: 2, expect: { outcome: 'done', stdout: 'end\n' } },
    { name: 'writes a file beyond its limit', program: { c: 'files', words: ['too-long', 0] }, kinds: both, limits: { ...limits, fileBytes: 5 * MiB }, expect: { outcome: 'limit', limit: 'file', reason: 'file limit of 5.0 MB' } },
    { name: 'writes a file beyond its limit and is deaf', program: { c: 'files', words: ['too-long', 1] }, limits: { ...limits, fileBytes: 5 * MiB }, expect: { outcome: 'done', attempts: { write: 'EFBIG' } } },
    { name: 'opens more files than it may', program: { c: 'files', words: ['descriptors', 10_000] }, limits: { openFiles: 100 }, expect: { outcome: 'limit', limit: 'open-files', attempts: { open: 'EMFILE' }, stdout: /^97$/m } },
    { name: 'opens more files than it may and is silent', program: { c: 'files', words: ['descriptors', 20_000] }, limits: { openFiles: 100 }, expect: { outcome: 'limit', limit: 'open-files' }, hole: 'nobody sees that a process was refused a descriptor when it says nothing of it and ends' },
    { name: 'leaves marks for its next run', program: { c: 'files', words: ['state'] }, runs: 3, expect: { outcome: 'done', stdout: 'end\n', leftovers: [1, 1], check: ({ report }) => { if (report?.commands[0]?.output?.same !== true) throw new Error('runs were not alike') } } },
    { name: 'sets traps for whoever cleans up', program: { c: 'files', words: ['traps'] }, kinds: both, runs: 3, expect: { outcome: 'done', attempts: { "socket's name": 'ok', pipe: 'ok', 'link to a secret': 'ok', 'link to the runner': 'ok', 'link to itself': 'ok', folder: 'ok', 'file in it': 'ok', 'no rights': 'ok', 'name of bytes': 'ok', 'strange mode': 'ok', 'folder of a link': ['EXDEV', 'EACCES'] } } },
    { name: 'sets traps in a shell', program: { sh: SHELL_TRAPS }, runs: 3, expect: { outcome: 'done', stdout: '9\n' } },
    { name: 'changes the payload of its next run', program: { c: 'files', words: ['payload'] }, files: payload, stdin: 'input', runs: 3, expect: { outcome: 'done', stdout: /^original\n/, attempts: { 'remove itself': 'ok', 'own place': 'ok', 'remove data': 'ok', 'data is a pipe': 'ok' }, check: ({ report }) => { if (report?.commands[0]?.output?.same !== true) throw new Error('runs were not alike') } } },
    { name: 'changes the payload by a mapping', program: { c: 'files', words: ['mapped'] }, files: payload, runs: 3, expect: { outcome: 'done', stdout: 'orig\nend\n', leftovers: [1, 1], check: ({ report }) => { if (report?.commands[0]?.output?.same !== true) throw new Error('runs were not alike') } } },
    { name: 'makes its input a pipe for the next run', program: { sh: 'cat; rm input; mkfifo input' }, files: payload, stdin: 'input', runs: 3, expect: { outcome: 'done', stdout: 'words' } },
    { name: 'removes the ground it stands on', program: { sh: 'rm -rf /work/* /tmp/* /dev/shm/*; rmdir /work /tmp 2>/dev/null; chmod 0 /work; cd /; pwd' }, files: payload, runs: 2, expect: { outcome: 'done', stdout: '/\n' } },
    {
      name: 'wants links and files where they must not be',
      program: { c: 'files', words: ['links'] },
      expect: {
        outcome: 'done',
        attempts: {
          'program of the system': ['EXDEV', 'EPERM'],
          'by its descriptor': ['EXDEV', 'ENOENT', 'EPERM'],
          'by /proc': ['EXDEV', 'EPERM'],
          'from folder to folder': 'EXDEV',
          device: 'ENOSYS',
          'block device': 'ENOSYS',
          setuid: 'ok',
          capability: 'EOPNOTSUPP',
          'give away': ['EPERM', 'EINVAL'],
          'write to the system': ['EROFS', 'EACCES'],
          'write to the root': ['EROFS', 'EACCES'],
          'write to /etc': ['EROFS', 'EACCES'],
          'write to /dev': ['EROFS', 'EACCES'],
          'write to a program': ['EROFS', 'EACCES'],
          'write to the runner': ['EROFS', 'EACCES'],
          'replace the runner': ['EROFS', 'EACCES'],
          'remove a program': ['EROFS', 'EACCES'],
          'times of a program': ['EROFS', 'EPERM'],
          'times of a device': ['EROFS', 'EPERM'],
          'mode of a device': ['EROFS', 'EPERM']
        }
      }
    },
    { name: 'writes where it may not in a shell', program: { sh: 'for f in /usr/x /x /etc/x /box/x /box/runner.cjs /dev/x /sys/x /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/self/oom_score_adj /usr/bin/env /bin/sh; do (echo x >> $f) 2>/dev/null && echo $f; done; mkdir /y 2>/dev/null && echo y; echo end' }, expect: { outcome: 'done', stdout: 'end\n' } }
  ]
}

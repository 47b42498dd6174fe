import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import type { TestContext } from 'vitest'

/** Where a box looks for programs. */
const FOLDERS = ['/usr/local/bin', '/usr/bin', '/bin']
const GAME = join(import.meta.dirname, '../../bench/programs')

describe('programs that nobody here wrote run unchanged:', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.worker('lab')
  })

  afterAll(async () => { await mesh.close() })

  async function file (name: string, content: string | Uint8Array, mode = 0o644): Promise<string> {
    const path = join(mesh.dir, 'work', name)
    await writeFile(path, content)
    await chmod(path, mode)

    return path
  }

  function needs (context: TestContext, ...programs: string[]): void {
    const missing = programs.filter(name => !FOLDERS.some(folder => existsSync(join(folder, name))))

    context.skip(missing.length > 0, `${missing.join(' and ')} is not installed on this machine`)
  }

  /** What the program printed; it succeeded and complained about nothing. */
  async function exec (args: string[], input?: string): Promise<Buffer> {
    const { code, bytes, stderr } = await mesh.run(['exec', ...args], { input })

    expect({ code, complaints: stderr.replace(/^meshmark: .*\n/gm, '') }).toEqual({ code: 0, complaints: '' })

    return bytes
  }

  /** SHA-256 of what a measured program printed, the same in every run. */
  async function measured (args: string[]): Promise<string> {
    const { code, stdout, stderr } = await mesh.run(['run', '--runs', '3', '--warmup', '1', '--format', 'json', ...args])

    expect(code, stderr).toBe(0)

    const [result] = JSON.parse(stdout).results

    expect(result.times).toHaveLength(3)
    expect(result.stdout_same).toBe(true)

    return result.stdout_sha256
  }

  function sha256 (text: string): string {
    return createHash('sha256').update(text).digest('hex')
  }

  it('xz packs a file and unpacks it to the same bytes', async context => {
    needs(context, 'xz')
    const content = Buffer.concat([randomBytes(100_000), Buffer.from('the same line again\n'.repeat(20_000))])
    await file('mixed', content)

    expect(await exec(['--with', 'mixed', '--shell', 'xz -6 mixed && test ! -e mixed && xz --test mixed.xz && xz --decompress --stdout --threads=2 mixed.xz'])).toEqual(content)
  })

  it('openssl computes the digest that Node computes', async context => {
    needs(context, 'openssl')
    const content = randomBytes(3_000_001)
    await file('blob', content)
    const expected = createHash('sha512').update(content).digest('hex')

    expect((await exec(['--with', 'blob', 'openssl', 'dgst', '-sha512', '-r', 'blob'])).toString()).toBe(`${expected} *blob\n`)
    expect(await measured(['--with', 'blob', 'openssl', 'dgst', '-sha512', '-r', 'blob'])).toBe(sha256(`${expected} *blob\n`))
  })

  it('openssl encrypts and decrypts', async context => {
    needs(context, 'openssl')
    const content = randomBytes(100_000)
    await file('plain', content)
    const cipher = (way: string): string => `openssl enc -aes-256-ctr -pbkdf2 -pass pass:secret ${way}`

    expect(await exec(['--with', 'plain', '--shell', `${cipher('-e')} -in plain | ${cipher('-d')}`])).toEqual(content)
  })

  it('sqlite3 keeps a database in the working copy, with its journal, its locks and its shared memory', async context => {
    needs(context, 'sqlite3')
    await file('fill.sql', `PRAGMA journal_mode=wal;
CREATE TABLE n (i INTEGER PRIMARY KEY, square INTEGER);
WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 20000) INSERT INTO n SELECT i, i * i FROM r;
BEGIN; DELETE FROM n; ROLLBACK;
`)
    const script = "sqlite3 data.db '.read fill.sql' && sqlite3 data.db 'SELECT count(*), sum(square) FROM n; PRAGMA integrity_check;'"
    const expected = 'wal\n20000|2666866670000\nok\n'

    expect((await exec(['--with', 'fill.sql', '--shell', script])).toString()).toBe(expected)
    // each run begins without the database of the one before
    expect(await measured(['--with', 'fill.sql', '--shell', script])).toBe(sha256(expected))
  })

  it('python3 uses processes, threads, queues and shared memory', async context => {
    needs(context, 'python3')
    await file('parallel.py', `
import hashlib, multiprocessing as mp, tempfile, threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import shared_memory

def square(x):
    return x * x

def produce(queue, block):
    memory = shared_memory.SharedMemory(name=block)
    memory.buf[0] = 42
    memory.close()
    queue.put(sum(range(1000)))

if __name__ == '__main__':
    with mp.Pool(4) as pool:
        print(sum(pool.map(square, range(1000))))

    with ThreadPoolExecutor(8) as threads:
        print(len(set(threads.map(lambda n: hashlib.sha256(bytes([n])).hexdigest(), range(200)))))

    block = shared_memory.SharedMemory(create=True, size=4096)
    queue = mp.Queue()
    process = mp.Process(target=produce, args=(queue, block.name))
    process.start()
    print(queue.get(), end=' ')
    process.join()
    print(block.buf[0], process.exitcode)
    block.close()
    block.unlink()

    lock, total = threading.Lock(), [0]
    def add():
        for _ in range(1000):
            with lock:
                total[0] += 1
    workers = [threading.Thread(target=add) for _ in range(10)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    with tempfile.TemporaryFile() as temporary:
        temporary.write(b'x' * 1000000)
        print(total[0], temporary.tell())
`)
    const expected = '332833500\n200\n499500 42 0\n10000 1000000\n'

    expect((await exec(['--with', 'parallel.py', 'python3', 'parallel.py'])).toString()).toBe(expected)
    expect(await measured(['./parallel.py'])).toBe(sha256(expected))
  })

  it('python3 takes its program from standard input', async context => {
    needs(context, 'python3')

    expect((await exec(['--stdin', '-', 'python3', '-', 'a b'], 'import sys\nprint(sys.argv[1:], 2 ** 100)\n')).toString()).toBe("['a b'] 1267650600228229401496703205376\n")
  })

  it('bash joins programs with pipes, jobs in the background and substituted processes', async context => {
    needs(context, 'bash', 'seq', 'sort', 'tr')
    await file('pipes.sh', `#!/bin/bash
set -euo pipefail
seq 1 5000 | sort -r | sort -n | tail -n 1
paste -d, <(seq 1 3) <(seq 4 6) | tr '\\n' ' '
{ sleep 0.1; echo late > note; } & wait $!; cat note
trap 'echo trapped' EXIT
read -r -a words <<< "x y z"
printf '%s\\n' "\${#words[@]}" "\${BASH_SOURCE[0]##*/}"
false | true && echo unreachable || echo "\${PIPESTATUS[0]}"
`, 0o755)

    expect((await exec(['./pipes.sh'])).toString()).toBe('5000\n1,4 2,5 3,6 late\n3\npipes.sh\n1\ntrapped\n')
  })

  it('perl forks and counts words', async context => {
    needs(context, 'perl')
    await file('count.pl', `use strict; use warnings;
my %count; $count{lc $1}++ while $ARGV[0] =~ /(\\w+)/g;
print join(' ', map { "$_=$count{$_}" } sort keys %count), "\\n";
pipe(my $from, my $to); my $child = fork();
if (!$child) { close $from; print $to $$ == getppid() ? 'no' : 'child'; exit 3 }
close $to; print <$from>, ' '; waitpid($child, 0); print $? >> 8, "\\n";
`)

    expect((await exec(['--with', 'count.pl', 'perl', 'count.pl', 'The cat and the hat and THE bat'])).toString()).toBe('and=2 bat=1 cat=1 hat=1 the=3\nchild 3\n')
  })

  it('awk adds up columns', async context => {
    needs(context, 'awk')
    await file('table', Array.from({ length: 1000 }, (_, index) => `${index % 3} ${index}\n`).join(''))

    expect((await exec(['--with', 'table', 'awk', '{ sum[$1] += $2 } END { print sum[0], sum[1], sum[2] }', 'table'])).toString()).toBe('166833 166167 166500\n')
  })

  it('node uses threads, files and its own libraries', async () => {
    await file('threads.mjs', `import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { gzipSync, gunzipSync } from 'node:zlib'
import { tmpdir } from 'node:os'

if (!isMainThread) {
  parentPort.postMessage(workerData ** 2)
} else {
  const squares = await Promise.all([1, 2, 3, 4].map(n => new Promise(resolve => new Worker(new URL(import.meta.url), { workerData: n }).on('message', resolve))))
  const path = (await mkdtemp(tmpdir() + '/x-')) + '/file'
  await writeFile(path, gzipSync('packed '.repeat(1000)))
  console.log(squares.join(), gunzipSync(await readFile(path)).length)
}
`)

    expect((await exec(['./threads.mjs'])).toString()).toBe('1,4,9,16 7000\n')
    expect(await measured(['./threads.mjs'])).toBe(sha256('1,4,9,16 7000\n'))
  })

  it('tar and gzip carry a folder', async context => {
    needs(context, 'tar', 'gzip')
    await file('leaf', 'green\n')

    expect((await exec(['--with', 'leaf=tree/branch/leaf', '--shell', 'tar czf tree.tgz tree && rm -r tree && tar xzf tree.tgz && cat tree/branch/leaf && stat -c %F tree/branch'])).toString()).toBe('green\ndirectory\n')
  })

  it('gcc compiles in the box what is run there', async context => {
    needs(context, 'gcc')
    await copyFile(join(GAME, 'fannkuch.c'), join(mesh.dir, 'work', 'fannkuch.c'))

    expect((await exec(['--with', 'fannkuch.c', '--shell', 'gcc -O2 -o fannkuch fannkuch.c && ./fannkuch 7'])).toString()).toBe('228\nPfannkuchen(7) = 16\n')
  })

  // expected outputs: the Computer Language Benchmarks Game
  it.for([
    ['fannkuch', '7', '228\nPfannkuchen(7) = 16\n'],
    ['nbody', '1000', '-0.169075164\n-0.169087605\n']
  ] as const)('%s of the Benchmarks Game, compiled here and sent, computes what it must', async ([name, argument, expected], context) => {
    needs(context, 'gcc')
    execFileSync('gcc', ['-O2', '-o', join(mesh.dir, 'work', name), join(GAME, `${name}.c`), '-lm'])
    expect(await measured([`./${name}`, argument])).toBe(sha256(expected))
  })

  it.for([
    ['fannkuch.py', '7', '228\nPfannkuchen(7) = 16\n'],
    ['spectralnorm.py', '100', '1.274219991\n']
  ] as const)('%s of the Benchmarks Game, by python3, computes what it must', async ([name, argument, expected], context) => {
    needs(context, 'python3')
    await file(name, await readFile(join(GAME, name)))

    expect(await measured([`./${name}`, argument])).toBe(sha256(expected))
  })

  it('a program in C with threads, mapped memory and a child of its own is sent and run', async context => {
    needs(context, 'gcc')
    const source = await file('busy.c', `#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static long *shared;
static void *add (void *n) { for (long i = 0; i < 100000; i++) __atomic_add_fetch(shared, (long) n, __ATOMIC_SEQ_CST); return 0; }

int main (void)
{
  pthread_t threads[4];
  int status;

  shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (long i = 0; i < 4; i++) pthread_create(&threads[i], 0, add, (void *) (i + 1));
  for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
  if (fork() == 0) { *shared += 7; _exit(5); }
  wait(&status);
  printf("%ld %d\\n", *shared, WEXITSTATUS(status));
}
`)
    execFileSync('gcc', ['-O2', '-pthread', '-o', join(mesh.dir, 'work', 'busy'), source])

    expect((await exec(['./busy'])).toString()).toBe('1000007 5\n')
    expect(await measured(['./busy'])).toBe(sha256('1000007 5\n'))
  })
})

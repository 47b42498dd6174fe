/** A shell script with its files; it says nothing of where and when it runs. */
export interface HonestProgram {
  title: string
  /** What it takes beyond a POSIX shell and coreutils; without it the case is skipped. */
  needs: string[]
  script: string
  files?: Record<string, string>
}

const C_THREADS = `
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;
static long sum;
static _Thread_local long own;

static void *work (void *argument) {
  long k = (long)argument;

  pthread_barrier_wait(&barrier);
  for (long i = 0; i < 100000; i++) own += i % (k + 2);
  pthread_mutex_lock(&mutex);
  sum += own;
  pthread_mutex_unlock(&mutex);
  return (void *)own;
}

int main (void) {
  pthread_t threads[8];

  pthread_barrier_init(&barrier, NULL, 8);
  for (long k = 0; k < 8; k++) if (pthread_create(&threads[k], NULL, work, (void *)k) != 0) return 2;
  for (long k = 0; k < 8; k++) {
    void *result;

    pthread_join(threads[k], &result);
    printf("%ld: %ld\\n", k, (long)result);
  }
  printf("sum %ld\\n", sum);
  fprintf(stderr, "done\\n");
  return 3;
}
`

const CXX_THREADS = `
#include <atomic>
#include <condition_variable>
#include <future>
#include <iostream>
#include <mutex>
#include <queue>
#include <stdexcept>
#include <thread>
#include <vector>

int main () {
  std::mutex mutex;
  std::condition_variable filled;
  std::queue<int> queue;
  std::atomic<long> sum{0};
  std::vector<std::thread> threads;

  for (int k = 0; k < 4; k++) {
    threads.emplace_back([&] {
      for (;;) {
        std::unique_lock lock(mutex);
        filled.wait(lock, [&] { return !queue.empty(); });
        int value = queue.front();
        queue.pop();
        lock.unlock();
        if (value < 0) return;
        sum += value;
      }
    });
  }
  for (int i = 0; i < 10004; i++) {
    std::lock_guard lock(mutex);
    queue.push(i < 10000 ? i : -1);
    filled.notify_one();
  }
  for (auto &thread : threads) thread.join();
  std::cout << "sum " << sum << "\\n";

  auto failing = std::async(std::launch::async, []() -> int { throw std::runtime_error("from a thread"); });
  try { failing.get(); } catch (const std::exception &error) { std::cerr << error.what() << "\\n"; return 1; }
}
`

const OPENMP = `
#include <omp.h>
#include <stdio.h>

int main (void) {
  double sum = 0;
  long most = 0;
  int team = 0;

  #pragma omp parallel for reduction(+:sum) reduction(max:most) num_threads(4) schedule(dynamic, 100)
  for (long i = 1; i <= 100000; i++) {
    sum += i;
    if (i * 7919 % 10007 > most) most = i * 7919 % 10007;
  }
  #pragma omp parallel num_threads(4)
  {
    #pragma omp single
    team = omp_get_num_threads();
    #pragma omp task
    {
      #pragma omp atomic
      team += 10;
    }
  }
  printf("%.0f %ld %d\\n", sum, most, team);
  return 0;
}
`

const PYTHON_PROCESSES = `
import multiprocessing as mp
from multiprocessing import shared_memory

def square(n):
    return n * n

def put(queue, lock, counter, k):
    with lock:
        counter.value += k
    queue.put((k, 'x' * 100_000))

def fill(name, k):
    block = shared_memory.SharedMemory(name=name)
    block.buf[k] = k + 1
    block.close()

def main():
    for method in ('fork', 'spawn', 'forkserver'):
        context = mp.get_context(method)
        with context.Pool(2) as pool:
            print(method, pool.map(square, range(10)), flush=True)
        queue, lock, counter = context.Queue(), context.Lock(), context.Value('i', 0)
        children = [context.Process(target=put, args=(queue, lock, counter, k)) for k in range(3)]
        for child in children:
            child.start()
        print(sorted((k, len(text)) for k, text in (queue.get() for _ in children)), flush=True)
        for child in children:
            child.join()
        print(counter.value, [child.exitcode for child in children], flush=True)
    block = shared_memory.SharedMemory(create=True, size=4)
    children = [mp.Process(target=fill, args=(block.name, k)) for k in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    print(bytes(block.buf[:4]))
    block.close()
    block.unlink()

if __name__ == '__main__':
    main()
`

const PYTHON_ASYNC = `
import asyncio, os, signal, sys

async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()

async def talk(reader, writer):
    for text in ('one', 'two'):
        writer.write(text.encode() + b'\\n')
        print((await reader.readline()).decode().strip())
    writer.close()

async def main():
    child = await asyncio.create_subprocess_exec('tr', 'a-z', 'A-Z', stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print((await child.communicate(b'a' * 200_000))[0] == b'A' * 200_000, child.returncode)
    children = [await asyncio.create_subprocess_shell(f'exit {k}') for k in range(5)]
    print([await child.wait() for child in children])
    killed = await asyncio.create_subprocess_exec('sleep', '1000')
    killed.send_signal(signal.SIGTERM)
    print(await killed.wait())
    server = await asyncio.start_unix_server(echo, 'socket')
    await talk(*await asyncio.open_unix_connection('socket'))
    server.close()
    print(await asyncio.to_thread(sum, range(1000)))
    os.kill(os.getpid(), signal.SIGUSR1)
    await got.wait()
    print('signal', file=sys.stderr)

async def start():
    global got
    got = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, got.set)
    await main()

asyncio.run(start())
sys.exit(7)
`

const PYTHON_SOCKETS = `
import socket, threading

for address in ('path', '\\0abstract-meshmark-test'):
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    def serve():
        peer, _ = server.accept()
        with peer:
            while data := peer.recv(1000):
                peer.sendall(data[::-1])
    thread = threading.Thread(target=serve)
    thread.start()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(server.getsockname())
        client.sendall(b'backwards')
        print(client.recv(100))
    thread.join()
    server.close()
`

const NODE_PROCESSES = `
import { exec, execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync, gunzipSync } from 'node:zlib'

const own = fileURLToPath(import.meta.url)

if (process.send != null) {
  process.once('message', n => process.send(n * 2, () => process.exit(4)))
} else if (!isMainThread) {
  Atomics.add(new Int32Array(workerData.shared), 0, workerData.k)
  parentPort.postMessage(workerData.k)
} else {
  const shared = new SharedArrayBuffer(4)
  const workers = [1, 2, 3, 4].map(k => new Worker(own, { workerData: { k, shared } }))
  const said = await Promise.all(workers.map(async worker => {
    const [[message], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])

    return [message, code]
  }))
  console.log(JSON.stringify(said), new Int32Array(shared)[0])

  const child = fork(own)
  child.send(21)
  const [[answer], [code]] = await Promise.all([once(child, 'message'), once(child, 'exit')])
  console.log(answer, code)
  console.log(execFileSync('wc', ['-c'], { input: 'x'.repeat(300_000) }).toString().trim())
  const { stdout, stderr } = await promisify(exec)('echo out; echo err >&2')
  console.log(stdout.trim(), stderr.trim())
  const killed = spawn('sleep', ['1000'])
  await once(killed, 'spawn')
  killed.kill('SIGINT')
  console.log(await once(killed, 'exit'))
  console.log(gunzipSync(gzipSync('squeezed')).toString())
  throw Object.assign(new Error('unhandled'), { stack: 'unhandled, without a path' })
}
`

const PERL_FORK = `
use strict; use warnings; use IPC::Open3; use Socket; use IO::Select;
$| = 1;
my @pids;
pipe(my $read, my $write) or die;
for my $k (1 .. 4) {
  my $pid = fork() // die;
  if (!$pid) { close $read; syswrite $write, sprintf("child %d\\n", $k); exit $k }
  push @pids, $pid;
}
close $write;
print sort <$read>;
for (@pids) { waitpid $_, 0; print $? >> 8, "\\n" }
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die;
if (!fork()) { close $a; my $line = <$b>; print $b scalar reverse($line); exit 0 }
close $b; $a->autoflush(1); print $a "pair\\n"; shutdown $a, 1; print <$a>, "\\n"; wait;
my $pid = open3(my $in, my $out, undef, 'sort', '-n'); print $in "$_\\n" for 3, 1, 2; close $in; print <$out>; waitpid $pid, 0;
local $SIG{ALRM} = sub { print "alarm\\n" }; alarm 1; select undef, undef, undef, 5;
kill 'TERM', $$;
`

const BASH = `
set -u
printf '%s\\n' c a b | sort | tee copy | tr a-z A-Z
diff <(seq 1 5) <(seq 1 2 5)
echo "diff: $?"
cat <<EOT
here $((6 * 7)) $(echo nested)
EOT
cat <<< 'here string'
for i in 1 2 3; do (exit $i) & pids[$i]=$!; done
for i in 3 2 1; do wait "\${pids[$i]}"; echo "job $i: $?"; done
false | true | (exit 5); echo "\${PIPESTATUS[*]}"
exec 5<> <(:); exec 5>&-
mkfifo fifo; (echo through a fifo > fifo) & cat fifo; wait
coproc up { read -r line; echo "$line, $line"; }; echo shout >&"\${up[1]}"; read -r line <&"\${up[0]}"; echo "$line"; wait
trap 'echo caught' USR1; kill -USR1 $$
sleep 1000 & kill -KILL $!; wait $! 2> /dev/null; echo "killed: $?"
ulimit -S -c 0; yes | head -n 1; [[ -w /dev/null && -r /dev/urandom && -d /proc/self/fd ]] && echo devices
timeout 0.1 sleep 1000; echo "timeout: $?"
echo to stderr >&2
(sh -c 'kill -SEGV $$'; exit $?) 2> /dev/null; echo "segv: $?"
exit 42
`

const GIT = `
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
export GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z' GIT_CONFIG_GLOBAL=/dev/null GIT_PAGER=cat
git init -q -b main repository && cd repository
for i in $(seq 1 30); do seq 1 $((i * 20)) > numbers; cp numbers copy$i; git add . && git commit -q -m "commit $i"; done
git checkout -q -b side HEAD~3 && echo side > side && git add side && git commit -q -m side && git checkout -q main && git merge -q -m merge side
git log --oneline --stat -n 3
git gc -q && git fsck --full && git count-objects -v | grep -v size
git clone -q . ../clone && git -C ../clone rev-parse HEAD && git archive HEAD | sha256sum
git diff HEAD~1 HEAD~2 | sha256sum
git grep -c 555 | sort
git show nothing
`

const SQLITE = `
for mode in delete wal; do
  sqlite3 $mode.db <<EOT
PRAGMA journal_mode = $mode;
CREATE TABLE numbers (n INTEGER PRIMARY KEY, square INTEGER);
BEGIN;
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) INSERT INTO numbers SELECT n, n * n FROM c;
COMMIT;
BEGIN; DELETE FROM numbers; ROLLBACK;
SELECT count(*), sum(square) FROM numbers;
CREATE INDEX squares ON numbers(square);
VACUUM;
PRAGMA integrity_check;
EOT
  for i in 1 2 3; do sqlite3 -cmd '.timeout 20000' $mode.db "INSERT INTO numbers VALUES (100000 + $i, $i)" & done; wait
  sqlite3 $mode.db 'SELECT count(*), max(n) FROM numbers'
done
sqlite3 delete.db 'SELECT nothing FROM numbers'
`

const JAVA = `
import java.nio.file.*;
import java.util.concurrent.*;
import java.util.stream.*;

public class Main {
  public static void main (String[] args) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    long sum = 0;
    for (Future<Long> part : pool.invokeAll(IntStream.range(0, 8).mapToObj(k -> (Callable<Long>) () -> LongStream.range(0, 10000).map(i -> i * k).sum()).toList())) sum += part.get();
    pool.shutdown();
    System.out.println(sum + " " + IntStream.range(0, 100000).parallel().filter(i -> i % 7 == 0).count());
    Path file = Files.createTempFile("test", null);
    Files.writeString(file, "written");
    System.out.println(Files.readString(file));
    Files.delete(file);
    Process child = new ProcessBuilder("sh", "-c", "echo child; exit 3").start();
    System.out.print(new String(child.getInputStream().readAllBytes()));
    System.out.println(child.waitFor());
    Thread thread = new Thread(() -> { throw new IllegalStateException("in a thread"); }, "named");
    thread.start();
    thread.join();
    System.exit(9);
  }
}
`

const FILES = `
umask 022
mkdir -p a/b && echo text > a/b/file && ln a/b/file hard && ln -s a/b/file soft
stat -c '%A %h %F %n' a a/b a/b/file hard soft
chmod 751 a && touch -d '2020-02-03T04:05:06Z' hard && stat -c '%a' a && stat -c '%a %Y' hard
cp -a a copy && mv copy/b/file moved && rmdir copy/b copy && find . | sort
truncate -s 5M sparse && stat -c %s sparse && fallocate -l 1M full && stat -c '%s' full
echo run > /dev/shm/meshmark-honest-$$ && cat /dev/shm/meshmark-honest-$$ && rm /dev/shm/meshmark-honest-$$
printf '#!/bin/sh\\necho executed $1\\n' > program && chmod +x program && ./program now
name=$(mktemp) && cp program $name && chmod +x $name && $name below-tmp; rm $name
setsid sh -c 'echo session'; nohup true < /dev/null
head -c 3 /dev/zero | od -c; head -c 100000 /dev/urandom | wc -c
cat nowhere; rm -r a moved; ls
date -u -d @0 +%FT%TZ; TZ=Europe/Vienna date -d @1700000000 +%T; id > /dev/null && echo somebody
locale -k LC_CTYPE | grep charmap; printf 'ä' | wc -m
echo $(ulimit -s) > /dev/null; stdbuf -oL echo unbuffered; test -t 0; echo "terminal: $?"; cat | wc -c
`

/** Programs that take nothing that a sandbox has to forbid. */
export const HONEST: HonestProgram[] = [
  { title: 'C with POSIX threads', needs: ['gcc'], files: { 'threads.c': C_THREADS }, script: 'gcc -O2 -Wall -pthread -o threads threads.c && ./threads' },
  { title: 'a static binary made by gcc', needs: ['gcc'], files: { 'threads.c': C_THREADS }, script: 'gcc -static -O1 -pthread -o threads threads.c && ./threads' },
  { title: 'C++ with std::thread and exceptions', needs: ['g++'], files: { 'threads.cc': CXX_THREADS }, script: 'g++ -std=c++17 -O1 -pthread -o threads threads.cc && ./threads' },
  { title: 'a compiler that finds an error', needs: ['gcc'], files: { 'broken.c': 'int main (void) { return nothing; }\n' }, script: 'gcc -o broken broken.c; echo $?; ./broken' },
  { title: 'separate compilation, an archive, a shared library and make-like jobs', needs: ['gcc', 'ar'], files: { 'f.c': 'int f (int n) { return n + 1; }\n', 'g.c': 'int g (int n) { return n * 2; }\n', 'main.c': '#include <stdio.h>\nint f (int); int g (int);\nint main (void) { printf("%d\\n", f(g(20))); return 0; }\n' }, script: 'gcc -pipe -c f.c & gcc -fPIC -flto -shared -o libg.so g.c & gcc -c main.c & wait; ar rcs libf.a f.o && gcc -o main main.o -L. -lf -lg -Wl,-rpath,. && ./main && size -A main > /dev/null && nm libf.a' },
  { title: 'OpenMP', needs: ['gcc'], files: { 'omp.c': OPENMP }, script: 'gcc -O1 -fopenmp -o omp omp.c && ./omp && OMP_NUM_THREADS=3 OMP_PROC_BIND=true ./omp' },
  { title: 'Python: multiprocessing in each of its ways', needs: ['python3'], files: { 'processes.py': PYTHON_PROCESSES }, script: 'python3 processes.py' },
  { title: 'Python: asyncio with processes, a server and signals', needs: ['python3'], files: { 'talk.py': PYTHON_ASYNC }, script: 'python3 talk.py' },
  { title: 'Python: sockets by path and abstract', needs: ['python3'], files: { 'sockets.py': PYTHON_SOCKETS }, script: 'python3 sockets.py' },
  { title: 'Python: sqlite3, ctypes, mmap, decimal and an error', needs: ['python3'], files: { 'mixed.py': 'import ctypes, mmap, sqlite3, decimal, tempfile, zlib\nprint(ctypes.CDLL(None).abs(-5), decimal.Decimal(2).sqrt())\nwith tempfile.TemporaryFile() as file:\n    file.truncate(8192)\n    view = mmap.mmap(file.fileno(), 8192)\n    view[:4] = b"mmap"\n    print(view[:4], zlib.crc32(view))\nprint(sqlite3.connect(":memory:").execute("select 1 + 1").fetchall())\nraise SystemExit("expected")\n' }, script: 'python3 mixed.py' },
  { title: 'Node: worker threads and child processes', needs: ['node'], files: { 'processes.mjs': NODE_PROCESSES }, script: 'node processes.mjs' },
  { title: 'Node: a server on a socket, streams and files', needs: ['node'], files: { 'server.cjs': 'const http = require("node:http"), fs = require("node:fs")\nconst server = http.createServer((request, response) => { response.statusCode = 418; request.pipe(response) }).listen("socket", () => {\n  const request = http.request({ socketPath: "socket", method: "POST" }, response => {\n    let length = 0\n    response.on("data", data => { length += data.length }).on("end", () => { console.log(response.statusCode, length); server.close(() => console.log(fs.existsSync("socket"))) })\n  })\n  request.end("x".repeat(500_000))\n})\n' }, script: 'node server.cjs' },
  { title: 'Perl: fork, pipes, pairs of sockets and signals', needs: ['perl'], files: { 'fork.pl': PERL_FORK }, script: 'perl fork.pl; echo $?' },
  { title: 'bash: pipelines, substitutions, documents and jobs', needs: ['bash'], files: { 'jobs.sh': BASH }, script: 'bash jobs.sh' },
  { title: 'files of every kind', needs: ['fallocate'], files: { 'files.sh': FILES }, script: 'sh files.sh < /dev/null' },
  { title: 'git: commits, a merge, gc and a clone', needs: ['git'], files: { 'history.sh': GIT }, script: 'sh history.sh' },
  { title: 'tar and gzip', needs: ['tar', 'gzip'], script: 'mkdir -p tree/deep && seq 1 50000 > tree/deep/numbers && ln -s deep/numbers tree/link && tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf tree.tar tree && sha256sum tree.tar && gzip -n tree.tar && sha256sum tree.tar.gz && mkdir out && tar -xzvf tree.tar.gz -C out && cmp tree/deep/numbers out/tree/deep/numbers && readlink out/tree/link; gzip -t nowhere.gz' },
  { title: 'xz with threads', needs: ['xz'], script: 'seq 1 1000000 > numbers && xz -T2 -1 --block-size=1MiB -k numbers && sha256sum numbers.xz && xz -dc -T2 numbers.xz | cmp - numbers && head -c 1000 numbers.xz | xz -dc | wc -c' },
  { title: 'sort with threads and temporary files', needs: ['sort'], script: 'seq 1 300000 | sort --parallel=2 -S 1M -r | sha256sum; seq 1 3000 | shuf --random-source=sort.c | sort --parallel=2 -n | md5sum; seq 9 11 | sort -c', files: { 'sort.c': 'something that is long enough to shuffle by. '.repeat(500) } },
  { title: 'openssl: digests, ciphers, keys', needs: ['openssl'], script: 'seq 1 100000 > data; openssl dgst -sha3-256 -r data; openssl enc -aes-256-ctr -K 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff -iv 00000000000000000000000000000001 -in data | sha256sum; openssl enc -aes-128-cbc -pbkdf2 -iter 1000 -S 0102030405060708 -pass pass:word -in data | openssl enc -d -aes-128-cbc -pbkdf2 -iter 1000 -S 0102030405060708 -pass pass:word | cmp - data; openssl genrsa -out key 2048 2> /dev/null && openssl rsa -in key -check -noout && openssl rsa -in key -pubout -out public 2> /dev/null && openssl dgst -sha256 -sign key -out signature data && openssl dgst -sha256 -verify public -signature signature data; openssl dgst -sha256 nowhere 2> /dev/null' },
  { title: 'sqlite3 with a rollback journal and with a write-ahead log', needs: ['sqlite3'], files: { 'all.sh': SQLITE }, script: 'sh all.sh' },
  { title: 'Java from one source file', needs: ['java', 'javac'], files: { 'Main.java': JAVA }, script: 'java Main.java' },
  { title: 'javac, and java with what it made', needs: ['java', 'javac'], files: { 'Main.java': JAVA }, script: 'javac -d classes Main.java && java -cp classes Main' },
  { title: 'a static binary of the system', needs: ['busybox'], script: 'seq 1 1000 | busybox sha256sum; busybox sh -c "busybox seq 1 5 | busybox sort -r; exit 6"' },
  { title: 'a Go binary', needs: ['gron'], files: { 'data.json': JSON.stringify({ list: Array.from({ length: 2000 }, (_, i) => ({ i, text: `number ${i}` })) }) }, script: 'gron -m data.json | sha256sum; gron -m data.json | head -n 2000 | gron -u | sha256sum; gron nowhere.json' },
  { title: 'a Rust binary', needs: ['hexyl'], script: 'seq 1 10000 | hexyl --color=never | sha256sum; printf abc | hexyl --color=never; hexyl nowhere' }
]

/** What honest programs can do outside and a box refuses; `says` is the box's answer. */
export const REFUSED: (HonestProgram & { says: string })[] = [
  { title: 'flock', needs: ['flock'], script: 'flock file true', says: 'flock: file: Operation not permitted\n' },
  { title: 'another priority', needs: ['nice'], script: 'nice -n 5 true', says: 'nice: cannot set niceness: Operation not permitted\n' },
  {
    title: 'cores of its own choice',
    needs: ['python3'],
    script: `python3 -c '
import os, sys
try: os.sched_setaffinity(0, os.sched_getaffinity(0))
except OSError as error: print(error, file=sys.stderr)'`,
    says: '[Errno 1] Operation not permitted\n'
  },
  {
    title: 'a socket of the internet, be it on loopback',
    needs: ['python3'],
    script: `python3 -c '
import socket, sys
try: socket.socket(socket.AF_INET).bind(("127.0.0.1", 0))
except OSError as error: print(error, file=sys.stderr)'`,
    says: '[Errno 97] Address family not supported by protocol\n'
  },
  {
    title: 'watching a folder',
    needs: ['node'],
    script: `node -e '
try { require("fs").watch(".").close() } catch ({ message }) { console.error(message) }'`,
    says: "ENOSYS: function not implemented, watch '.'\n"
  }
]

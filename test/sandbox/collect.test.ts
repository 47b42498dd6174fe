import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAX_COLLECT_FILES, MAX_SKIPPED } from '../../src/model/collect.ts'
import { execute, Host, measure, named, runs, sh } from './host.ts'
import type { Seen, TestTask } from './host.ts'

const MiB = 1024 * 1024

let host: Host

beforeAll(async () => { host = await Host.start() }, 60_000)
afterAll(async () => { await host.stop() })

async function collect (script: string, patterns: string[], more: Partial<TestTask> & { maxBytes?: number } = {}): Promise<Seen> {
  return host.ask('run', execute(sh(script), { collect: { patterns, maxBytes: more.maxBytes ?? MiB }, ...more }))
}

function namesOf ({ files }: Seen): string[] {
  return files.map(({ path }) => path)
}

describe('files that come back from a box', () => {
  it('are those that fit the patterns, whole, with their mode', async () => {
    const seen = await collect('mkdir -p out/deep; echo a > out/a; head -c 300000 /dev/zero > out/b; echo c > out/deep/c; echo d > d; chmod 755 out/a; : > out/empty', ['out/*'])

    expect(seen.report?.outcome).toBe('done')
    expect(seen.files).toEqual([
      { command: 0, path: 'out/a', size: 2, executable: true, start: 'a\n', received: 2 },
      { command: 0, path: 'out/b', size: 300_000, executable: false, start: '\0'.repeat(100), received: 300_000 },
      { command: 0, path: 'out/empty', size: 0, executable: false, start: '', received: 0 }
    ])
    expect(seen.report?.skipped).toEqual([])
    // after everything that it printed, before its result
    expect(seen.left).toBe(0)
  })

  it('come also of a program that failed, or met a limit', async () => {
    const failed = await collect('echo why > log; exit 3', ['log'])
    const limited = await collect('echo why > log; sleep 60', ['log'], { limits: { wallMs: 300 } })

    expect([failed.report?.outcome, namesOf(failed)]).toEqual(['failed', ['log']])
    expect([limited.report?.outcome, namesOf(limited)]).toEqual(['limit', ['log']])
  })

  it('are of the last run of each command', async () => {
    const count = 'i=$(cat /proc/uptime); echo "$0 $i" > when'
    const seen = await host.ask('run', measure([], { commands: [named([...sh(count), 'one']), named([...sh(count), 'two'])], plan: runs(4), collect: { patterns: ['**'], maxBytes: MiB } }))

    expect(seen.files.map(({ command, path, start }) => [command, path, start.split(' ')[0]]).sort()).toEqual([[0, 'when', 'one'], [1, 'when', 'two']])
    expect(seen.samples).toBe(8)
  })

  it('are of each item where many follow each other in one box', async () => {
    const seen = await host.ask('series', execute([], { collect: { patterns: ['*'], maxBytes: MiB } }), [named(sh('echo 1 > a')), named(sh('ls; echo 2 > b'))])

    expect(seen.times.map(({ report, stdout, brought }) => [report?.outcome, stdout, brought])).toEqual([['done', '', ['a']], ['done', '', ['b']]])
  })

  it('are counted by what they seem to be: a huge sparse file is left out, and said', async () => {
    const seen = await collect('truncate -s 200M sparse; echo small > small', ['*'])

    expect(namesOf(seen)).toEqual(['small'])
    expect(seen.report?.skipped).toEqual(['sparse: 200 MB, and 1.0 MB are left of the 1.0 MB that all files may have'])
  })

  it('are no links, pipes and sockets, nor what is behind them', async () => {
    const seen = await collect(`
      mkdir real; echo inside > real/file
      ln -s /etc/passwd passwd; ln -s real linked; ln -s real/file alias; ln -s .. up
      mkfifo pipe; ln real/file twice
      python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
      `, ['**'])

    expect(namesOf(seen)).toEqual(['real/file', 'twice'])
    expect(seen.report?.skipped).toEqual(['alias: a link', 'linked: a link', 'passwd: a link', 'pipe: no regular file', 'sock: no regular file', 'up: a link'])
  })

  it('have names that nobody needs to be afraid of', async () => {
    const seen = await collect(`python3 - <<'END'
import os
for name in [b'new\\nline', b'\\x1b[31mred', b'\\xff\\xfe', b'back\\\\slash', 'turned\\u202e'.encode(), b'plain']:
    open(name, 'w').close()
os.mkdir(b'bad\\nfolder')
open(b'bad\\nfolder/x', 'w').close()
END`, ['**'])

    expect(namesOf(seen)).toEqual(['plain'])
    expect(seen.report?.skipped).toHaveLength(6)
    expect(seen.report?.skipped?.every(line => /cannot be kept$/.test(line) && !/\p{C}/u.test(line))).toBe(true)
  })

  it('may be many, and deep, and unreadable: so many come, and the rest is counted', async () => {
    const many = await collect('mkdir out; cd out; seq -f f%06g 5000 | xargs touch', ['out/*'])

    expect(many.files).toHaveLength(MAX_COLLECT_FILES)
    expect(many.report?.skipped).toHaveLength(MAX_SKIPPED)
    expect(many.report?.skipped?.at(-1)).toBe(`and ${5_000 - MAX_COLLECT_FILES - MAX_SKIPPED + 1} more`)

    const deep = await collect('for i in $(seq 400); do mkdir dddddd; cd dddddd; done; echo x > bottom', ['**'])

    expect(deep.files).toEqual([])
    expect(deep.report?.outcome).toBe('done')
    expect(deep.report?.skipped).toEqual([expect.stringContaining('a folder whose name cannot be kept')])

    const closed = await collect('echo x > x; chmod 0 x; mkdir y; chmod 0 y; echo z > z', ['**'])

    expect(namesOf(closed)).toEqual(['z'])
    expect(closed.report?.skipped).toEqual(['x: cannot be read (EACCES)', 'y/: the folder cannot be read (EACCES)'])
  })

  it('are not exchanged for others on the way by what a program leaves running', async () => {
    const seen = await collect(`
      mkdir out; echo good > out/file
      (setsid sh -c 'while :; do rm -rf out; ln -s /etc out; rm out; mkdir out; echo good > out/file; done' > /dev/null 2>&1 &)
      sleep 0.2`, ['out/**'])

    expect(seen.files.every(({ path, start }) => path === 'out/file' && (start === 'good\n' || start === ''))).toBe(true)
    expect(seen.left).toBe(0)
  })

  it('come from no comparison, and from a pattern that is none nothing does', async () => {
    const compared = await host.ask('run', measure([], { commands: [named(['true']), named(['true'])], comparison: { metric: 'wall', margin: 0.01, failIfUndecided: false }, collect: { patterns: ['*'], maxBytes: MiB } }))

    expect(compared.report?.reason).toContain('leave --collect out')
  })
})

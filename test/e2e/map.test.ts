import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MemoryWatch } from './memory.ts'
import { MAIN, TestMesh } from './mesh.ts'
import { eventually, processesWith } from './processes.ts'
import { onTerminal } from './screen.ts'
import type { NodeProcess } from './mesh.ts'

const MANY = 50
const MEGABYTE = 1024 ** 2

describe('a map', () => {
  let mesh: TestMesh
  let second: NodeProcess

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.worker('lab-1')
    second = await mesh.worker('lab-2')
  })

  afterAll(async () => { await mesh.close() })

  async function write (name: string, map: unknown): Promise<void> {
    await writeFile(join(mesh.dir, 'work', name), stringify(map))
  }

  async function text (...path: string[]): Promise<string> {
    return readFile(join(mesh.dir, 'work', ...path), 'utf8')
  }

  it('restarts what fails as often as it may, gives its list up then, and leaves the next worker\'s alone', async () => {
    await write('fails.yaml', {
      lists: [
        { on: 'lab-1', commands: [{ run: 'echo "try" >&2; exit 3', shell: true, name: 'never well', restart: { when: 'on-failure', max: 2, backoff: '50ms' } }, 'echo unreached'] },
        { on: 'lab-2', commands: [{ run: 'echo "$A $B"', shell: true, env: { A: 1, B: 'b' } }, { run: 'cat', stdin: 'fails.yaml' }, { run: ['sleep', 60], limits: { timeout: '100ms' } }] }
      ]
    })

    const { code, stdout, stderr } = await mesh.run(['map', 'fails.yaml', '--name', 'fails', '--output', 'fails'])

    expect(stdout).toMatch(/^fails · 5 commands on 2 workers · 2 done, 1 failed, 1 limit, 1 cancelled · job /)
    expect(stdout).toMatch(/^lab-1 +1 +never well +2 +\S+ \S+ +3 +failed: exited with 3$/m)
    expect(stdout).toMatch(/^lab-1 +2 +echo unreached +cancelled: not begun/m)
    expect(stdout).toMatch(/^lab-2 +3 +sleep 60 .*over a limit: .*100 ms/m)
    expect(stderr).toMatch(/^lab-1 {2}1 of 2 never well {2}failed, restarting \(2\)/m)
    expect(code).toBe(1)

    expect((await readdir(join(mesh.dir, 'work', 'fails', 'lab-1'))).sort()).toEqual(['1-never-well.2.stderr', '1-never-well.3.stderr', '1-never-well.stderr'])
    expect(await text('fails', 'lab-1', '1-never-well.3.stderr')).toBe('try\n')
    expect(await text('fails', 'lab-2', '1-echo-A-B.stdout')).toBe('1 b\n')
    expect(await text('fails', 'lab-2', '2-cat.stdout')).toBe(await text('fails.yaml'))

    // the same again, and again into the same files
    for (let times = 0; times < 2; times++) {
      expect((await mesh.run(['attach', 'fails', '--output', 'again'])).code).toBe(1)
      expect(await readdir(join(mesh.dir, 'work', 'again'), { recursive: true })).toEqual(await readdir(join(mesh.dir, 'work', 'fails'), { recursive: true }))
      expect(await text('again', 'lab-2', '2-cat.stdout')).toBe(await text('fails.yaml'))
    }

    expect(await mesh.run(['map', 'fails.yaml', '--output', 'fails'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/fails has the output of job/) })
  })

  it(`of ${MANY} commands is done in its order, and tells each of them in every format`, async () => {
    await write('many.yaml', { lists: [{ on: 'lab-1', commands: Array.from({ length: MANY }, (_, at) => ['echo', at]) }] })

    const { code, stdout } = await mesh.run(['map', 'many.yaml', '--name', 'many', '--output', 'many', '--format', 'json'])
    const { results } = JSON.parse(stdout)

    expect(code).toBe(0)
    expect(results.map((result: any) => [result.command, result.parameters.entry, result.restarts])).toEqual(Array.from({ length: MANY }, (_, at) => [`echo ${at} [lab-1]`, `1.${at + 1}`, 0]))
    expect(await text('many', 'lab-1', '50-echo-49.stdout')).toBe('49\n')

    const { stdout: logs } = await mesh.run(['logs', 'many', '--stdout'])
    expect(logs.split('\n').filter(line => /^\d+$/.test(line)).map(Number)).toEqual(Array.from({ length: MANY }, (_, at) => at))
  })

  it('goes on with the list of a worker that was killed when it is back', async () => {
    await write('killed.yaml', {
      'report-every': '1s',
      lists: [{ on: 'lab-2', commands: ['echo before', { run: 'sleep 5.4322', restart: { when: 'on-failure', max: 1, backoff: '10ms' } }, 'echo after'] }]
    })

    const command = mesh.start(['map', 'killed.yaml', '--name', 'killed', '--output', 'killed'])
    const outcome = mesh.outcome(command)

    await eventually('it runs', async () => (await processesWith('5.4322')).length > 0)
    await second.stop('SIGKILL')
    await eventually('nothing of it is left', async () => (await processesWith('5.4322')).length === 0)
    second = await mesh.worker('lab-2')

    const { code, stdout } = await outcome
    expect(stdout).toMatch(/^lab-2 +1 +echo before .* done$/m)
    expect(stdout).toMatch(/^lab-2 +2 +sleep 5.4322 +1 +\S+ s +0 +done$/m)
    expect(stdout).toMatch(/^lab-2 +3 +echo after .* done$/m)
    expect(code).toBe(0)
  })

  it('has data sets, brings files back, goes before other jobs and not beyond its deadline', async () => {
    await mkdir(join(mesh.dir, 'work', 'words'))
    await writeFile(join(mesh.dir, 'work', 'words', 'one'), 'first of them\n')
    await writeFile(join(mesh.dir, 'work', 'words', 'two'), 'second\n')
    await write('files.yaml', {
      lists: [
        { on: 'lab-1', commands: [{ run: 'mkdir out; cat data/words/* > out/all; ln -s /etc/passwd out/link', shell: true }, { run: 'mkdir out; cp "$MESHMARK_DATA/words/one" out/; exit 1', shell: true, restart: { when: 'on-failure', max: 1, backoff: '10ms' } }] },
        { on: 'lab-2', commands: [{ run: 'mkdir -p out/deep; wc -l < data/table > out/deep/lines', shell: true }] }
      ]
    })

    const words = ['map', 'files.yaml', '--collect', 'out/**', '--data', 'words=words', '--data', 'table=files.yaml', '--priority', '7', '--deadline', '1m']
    const { code, stderr } = await mesh.run([...words, '--name', 'files', '--collect-to', 'brought', '--no-output'])

    expect(stderr).toMatch(/^4 files \(.*\) of 2 workers in brought$/m)
    expect(stderr).toMatch(/^not from lab-1\/1.1: out\/link: a link$/m)
    expect(code).toBe(1)
    expect(await text('brought', 'lab-1', '1.1', 'out', 'all')).toBe('first of them\nsecond\n')
    expect(await text('brought', 'lab-1', '1.2', 'attempt-2', 'out', 'one')).toBe('first of them\n')
    expect(Number(await text('brought', 'lab-2', '2.1', 'out', 'deep', 'lines'))).toBe((await text('files.yaml')).split('\n').length - 1)

    // nothing is sent a second time, and nothing that is there is written over
    const again = await mesh.run([...words, '--collect-to', 'brought', '--no-output'])
    expect(again.stderr).toMatch(/^data sets words, table were there already: nothing of them was sent$/m)
    expect(again.stderr).toMatch(/brought\/lab-[12]\/\S+ is there already: .*The files are kept: .* collect \S+ DIR writes them\n$/)
    expect(again.code).toBe(2)

    await write('slow.yaml', { lists: [{ on: 'lab-1', commands: ['sleep 60.321', 'echo never'] }] })
    const late = await mesh.run(['map', 'slow.yaml', '--deadline', '500ms', '--no-output'])
    expect(late.stdout).toMatch(/^lab-1 +1 +sleep 60.321 .*cancelled: its deadline of 500 ms has passed/m)
    expect(late.code).toBe(1)
  })

  it('is a table on a terminal, which moves and is gone at the end', async () => {
    await write('live.yaml', {
      lists: [
        { on: 'lab-1', commands: [{ run: 'echo "says this"; sleep 1', shell: true, name: 'first' }, { run: 'exit 3', shell: true, name: 'second', restart: { when: 'on-failure', max: 1, backoff: '1s' } }] },
        { on: 'lab-2', commands: [{ run: ['sleep', 1], name: 'other' }] }
      ]
    })

    const { code, screen } = await onTerminal([process.execPath, MAIN, 'map', 'live.yaml', '--output', 'live'], { columns: 90, rows: 24, env: { ...mesh.env, TERM: 'xterm' }, cwd: join(mesh.dir, 'work') })
    const seen = (pattern: RegExp): boolean => screen.frames.some(frame => pattern.test(frame))

    expect(seen(/^worker +state +command +restarts +heard +last line\nlab-1 +running +1 of 2 first .*says this\nlab-2 +(running|waiting) +1 of 1 other.*\n0 of 3 done/m)).toBe(true)
    expect(seen(/^lab-1 +failed, restarting +2 of 2 second: .* 1 /m)).toBe(true)
    expect(screen.text).toMatch(/^job \S+; what the commands print goes to live\/\nmap · 3 commands on 2 workers · 2 done, 1 failed · job \S+\nworker +#.*\nlab-1 .*\nlab-1 .*\nlab-2 .*\n$/)
    expect(code).toBe(1)
  })

  it('of several workers that print much has all of it in its files, in a client that holds little of it', async () => {
    // lines that tell where they are
    const count = 1_500_000
    const expected = createHash('sha256')

    for (let from = 1; from <= count; from += 100_000) {
      expected.update(Array.from({ length: 100_000 }, (_, at) => `${from + at}\n`).join(''))
    }

    const digest = expected.digest('hex')
    await mesh.worker('lab-3')
    await write('much.yaml', { limits: { 'output-limit': '64M' }, lists: [{ on: 'all', commands: [`seq ${count}`, { run: `seq ${count} >&2`, shell: true }] }] })

    const command = mesh.start(['map', 'much.yaml', '--output', 'much'])
    const watch = new MemoryWatch({ client: command.pid! })
    const { code } = await mesh.outcome(command)
    const peak = (await watch.stop()).get('client')!

    expect(code).toBe(0)

    for (const worker of ['lab-1', 'lab-2', 'lab-3']) {
      for (const file of [`1-seq-${count}.stdout`, `2-seq-${count}-2.stderr`]) {
        expect(createHash('sha256').update(await readFile(join(mesh.dir, 'work', 'much', worker, file))).digest('hex')).toBe(digest)
      }
    }

    // Node itself takes most of it
    expect(peak).toBeLessThan(130 * MEGABYTE)
  })

  it('that is wrong is refused with every mistake in it, files that are not there included', async () => {
    await write('wrong.yaml', { lists: [{ on: 'lab-1', commands: ['./missing', { run: 'cat', with: 'none.txt', limit: {} }] }] })

    const { code, stdout, stderr } = await mesh.run(['map', 'wrong.yaml'])

    expect(stdout).toBe('')
    expect(stderr).toMatch(/^meshmark: wrong.yaml:7:9: a command has no 'limit': did you mean limits\?$/m)
    expect(code).toBe(2)

    await write('wrong.yaml', { lists: [{ on: 'lab-1', commands: ['./missing', { run: 'cat', with: 'none.txt' }] }] })
    expect((await mesh.run(['map', 'wrong.yaml', '--check'])).stderr.split('\n')).toEqual([
      expect.stringMatching(/^meshmark: wrong.yaml:4:9: program missing does not exist/),
      expect.stringMatching(/^meshmark: wrong.yaml:6:15: --with file none.txt does not exist/),
      ''
    ])
  })
})

import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'

describe('a master, two workers and a client, as processes', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.worker('lab-1', ['--label', 'zone=a'])
    await mesh.worker('lab-2', ['--label', 'zone=b'])
  })

  afterAll(async () => { await mesh.close() })

  async function script (name: string, text: string, mode = 0o755): Promise<string> {
    const path = join(mesh.dir, 'work', name)
    await writeFile(path, text)
    await chmod(path, mode)

    return path
  }

  it('answer the first commands of a machine, which come all at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, async () => mesh.run(['nodes'])))

    expect(outcomes.map(({ stderr }) => stderr)).toEqual(outcomes.map(() => ''))
    expect(outcomes.map(({ code }) => code)).toEqual(outcomes.map(() => 0))
  })

  it('measure a script on both and print a row for each', async () => {
    await script('count.sh', '#!/bin/sh\ni=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo $i $1\n')
    const { code, stdout, stderr } = await mesh.run(['run', '--runs', '6', './count.sh', 'x'])

    expect(stderr).not.toContain('meshmark:')
    expect(code).toBe(0)
    expect(stdout).toMatch(/count\.sh x · 2 of 2 workers/)
    expect(stdout).toMatch(/^lab-1 .*\b6\b/m)
    expect(stdout).toMatch(/^lab-2 .*\b6\b/m)
    expect(stdout).toContain('output: same on both')
  })

  it('export what hyperfine exports, with the raw samples of every worker', async () => {
    const file = join(mesh.dir, 'result.json')
    const { code } = await mesh.run(['run', '--runs', '3', '--warmup', '1', '--export-json', file, 'true'])
    const { results } = JSON.parse(await readFile(file, 'utf8'))

    expect(code).toBe(0)
    expect(results).toHaveLength(2)
    expect(results.map((result: any) => result.worker.name).sort()).toEqual(['lab-1', 'lab-2'])

    for (const result of results) {
      expect(result.times).toHaveLength(3)
      expect(result.exit_codes).toEqual([0, 0, 0])
      expect(result.median).toBeGreaterThan(0)
    }
  })

  it('hand a program to one of them, with its own output and status', async () => {
    await script('both.sh', '#!/bin/sh\nprintf "a\\0b\\377"; echo err >&2; exit 7\n')
    const { code, bytes, stderr } = await mesh.run(['exec', './both.sh'])

    expect(bytes).toEqual(Buffer.from([0x61, 0, 0x62, 0xff]))
    expect(stderr).toContain('err\n')
    expect(code).toBe(7)
  })

  it('give the program its files, environment and standard input, in a working copy of its own', async () => {
    await writeFile(join(mesh.dir, 'work', 'data.txt'), 'forty-two\n')
    await writeFile(join(mesh.dir, 'work', 'in.txt'), 'from stdin\n')
    await script('all.sh', '#!/bin/sh\ncat data.txt; cat; echo "$COLOUR"; echo changed > data.txt; ls\n')
    const args = ['--with', 'data.txt', '--stdin', 'in.txt', '--env', 'COLOUR=blue', './all.sh']
    const { code, stdout } = await mesh.run(['exec', ...args])

    expect(stdout).toMatch(/^forty-two\nfrom stdin\nblue\n/)
    expect(code).toBe(0)

    // three runs in one box: each begins from the payload again
    const measured = await mesh.run(['run', '--runs', '3', '--on', 'lab-1', ...args])
    expect(measured.code).toBe(0)
    expect(measured.stdout).not.toMatch(/differ/)
  })

  it('choose workers by name and by label', async () => {
    const byName = await mesh.run(['run', '--runs', '1', '--on', 'lab-2', '--format', 'json', 'true'])
    const byLabel = await mesh.run(['run', '--runs', '1', '--where', 'label.zone=a', '--format', 'json', 'true'])

    expect(JSON.parse(byName.stdout).results.map((result: any) => result.worker.name)).toEqual(['lab-2'])
    expect(JSON.parse(byLabel.stdout).results.map((result: any) => result.worker.name)).toEqual(['lab-1'])
  })

  it('take turns when they measure on one machine, and say so', async () => {
    const { stdout, code } = await mesh.run(['run', '--runs', '2', 'sleep', '0.3'])

    expect(code).toBe(0)
    expect(stdout).toMatch(/not simultaneous/)
  })

  it.each([
    ['nothing by that name', ['run', 'no-such-program'], 1, /no-such-program/],
    ['nothing by that name under exec', ['exec', 'no-such-program'], 127, /no-such-program/],
    ['no such file', ['run', './missing'], 2, /\.\/missing/],
    ['no worker of that architecture', ['run', '--where', 'arch=riscv64', 'true'], 4, /arch/],
    ['no worker of that name', ['run', '--on', 'lab-9', 'true'], 4, /lab-9/],
    ['a failing program', ['run', '--runs', '2', 'false'], 1, /exited with 1/],
    ['a program that takes too long', ['run', '--runs', '1', '--timeout', '300ms', 'sleep', '30'], 1, /time|limit/]
  ])('say what is wrong with %s', async (_title, args, expected, pattern) => {
    const { code, stdout, stderr } = await mesh.run(args)

    expect(stdout + stderr).toMatch(pattern)
    expect(code).toBe(expected)
  })

  it.each([
    ['empty.sh', '', /empty/, 2],
    ['badinterp.sh', '#!/usr/bin/no-such-interpreter\n', /no-such-interpreter/, 1],
    ['neither', 'just some text\n', /neither|script/, 1]
  ])('say before any run why %s cannot be started', async (name, text, pattern, expected) => {
    const path = await script(name, text)
    const { code, stdout, stderr } = await mesh.run(['run', '--runs', '1', path])

    expect(stdout + stderr).toMatch(pattern)
    expect(code).toBe(expected)
  })

  it('stop a detached job when it is cancelled, and keep what it printed', async () => {
    const submitted = await mesh.run(['exec', '--detach', '--name', 'long', 'sh', '-c', 'echo begun; sleep 60'])
    expect(submitted.code).toBe(0)

    const attached = mesh.start(['attach', 'long'])
    attached.stdout.setEncoding('utf8')
    let seen = ''
    await new Promise<void>(resolve => attached.stdout.on('data', text => {
      seen += text
      if (seen.includes('begun')) { resolve() }
    }))

    const cancelled = await mesh.run(['cancel', 'long'])
    expect(cancelled.code).toBe(0)

    const shown = await mesh.run(['jobs'])
    expect(shown.stdout).toMatch(/long.*cancelled/)

    const logs = await mesh.run(['logs', 'long'])
    expect(logs.stdout).toContain('begun')
  })

  it('drain a worker and take it back', async () => {
    expect((await mesh.run(['drain', 'lab-1'])).code).toBe(0)
    const refused = await mesh.run(['run', '--on', 'lab-1', 'true'])
    expect(refused.code).toBe(4)
    expect(refused.stderr).toContain('draining')
    expect((await mesh.run(['drain', 'lab-1', '--undo'])).code).toBe(0)
    expect((await mesh.run(['run', '--runs', '1', '--on', 'lab-1', 'true'])).code).toBe(0)
  })
})

describe('a client without a mesh', () => {
  it('is told in one line what to do', async () => {
    const mesh = await TestMesh.create()

    try {
      const nothing = await mesh.run(['run', '--no-mdns', 'true'])
      expect(nothing.code).toBe(4)
      expect(nothing.stderr).toMatch(/^meshmark: no mesh is known here.*\n$/)

      const wrong = await mesh.run(['run', '--no-mdns', '--master', '127.0.0.1:1', 'true'])
      expect(wrong.code).toBe(4)
      expect(wrong.stderr.trim().split('\n')).toHaveLength(1)
    } finally {
      await mesh.close()
    }
  })
})

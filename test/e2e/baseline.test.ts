import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAIN, TestMesh } from './mesh.ts'

/** Nobody here has to be quiet. */
const NOW = ['--quiet-wait', '0', '-r', '6']

describe('a baseline', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.worker('one')
  })

  afterAll(async () => { await mesh.close() })

  async function script (name: string, text: string): Promise<void> {
    const path = join(mesh.dir, 'work', name)

    await writeFile(path, `#!/bin/sh\n${text}\n`)
    await chmod(path, 0o755)
  }

  /** What each command of a job printed, by the digests that its worker took. */
  async function outputs (args: string[]): Promise<{ code: number | null, stderr: string, digests: string[], commands: string[] }> {
    const { code, stdout, stderr } = await mesh.run([...args.slice(0, 1), ...NOW, '--format', 'json', ...args.slice(1)])
    const results: any[] = stdout === '' ? [] : JSON.parse(stdout).results

    return { code, stderr, digests: results.map(result => result.stdout_sha256), commands: results.map(result => result.command) }
  }

  it('runs as it was saved, in turns with what the program has become', async () => {
    await script('prog.sh', 'echo old $1')

    const saved = await outputs(['run', '--save-baseline', 'master', './prog.sh', '7'])

    expect(saved).toMatchObject({ code: 0, stderr: expect.stringContaining('saved as baseline master\n') })

    await script('prog.sh', 'echo new $1')

    const compared = await outputs(['run', '--baseline', 'master', './prog.sh', '7'])
    const [then, now] = compared.digests

    expect(compared.stderr).toMatch(/^baseline master: [\d.]+ (?:s|ms|µs) then, [\d.]+ (?:s|ms|µs) now on one: different sessions$/m)
    expect(compared.code).toBe(0)
    expect(compared.commands).toEqual(['baseline master: ./prog.sh 7', './prog.sh 7'])
    expect(then).toBe(saved.digests[0])
    expect(now).not.toBe(then)
  })

  it('needs nothing of the files that it was made of', async () => {
    await writeFile(join(mesh.dir, 'work', 'data'), 'a\n')
    await script('gone.sh', 'cat data "$(dirname "$0")/data"; cat; echo $MODE')

    const saved = await outputs(['run', '--save-baseline', 'gone', '--with', 'data', '--stdin', 'data', '--env', 'MODE=x', './gone.sh'])

    expect(saved.code).toBe(0)
    await rm(join(mesh.dir, 'work', 'gone.sh'))
    await rm(join(mesh.dir, 'work', 'data'))

    const compared = await outputs(['compare', '--baseline', 'gone', 'cat'])

    expect(compared.stderr).toContain('note: MODE in the environment as baseline gone had it')
    expect(compared.code).toBe(0)
    expect(compared.digests[0]).toBe(saved.digests[0])
    expect(compared.digests[1]).not.toBe(saved.digests[0])
  })

  it('reads its own files where the new command has others of the same name', async () => {
    await writeFile(join(mesh.dir, 'work', 'lib'), 'old\n')
    await script('user.sh', 'cat lib made')

    const args = ['--setup', 'cp lib made', '--with', 'lib', './user.sh']
    const saved = await outputs(['run', '--save-baseline', 'lib', ...args])

    await writeFile(join(mesh.dir, 'work', 'lib'), 'new\n')

    const compared = await outputs(['run', '--baseline', 'lib', ...args])

    expect([saved.code, compared.code]).toEqual([0, 0])
    expect(compared.digests[0]).toBe(saved.digests[0])
    expect(compared.digests[1]).not.toBe(saved.digests[0])
  })

  it('is replaced when it is saved again, and not by what failed', async () => {
    await script('prog.sh', 'echo again')
    expect((await outputs(['compare', '--save-baseline', 'master', 'true', './prog.sh'])).stderr).toMatch(/saved as baseline master, in the place of the one of \d{4}-\d\d-\d\d, job [0-9a-z]{8}\n/)

    const before = await readFile(join(mesh.dir, 'data/client/baselines/master/baseline.json'), 'utf8')

    await script('prog.sh', 'exit 3')
    expect(await outputs(['run', '--save-baseline', 'master', './prog.sh'])).toMatchObject({ code: 1, stderr: expect.stringContaining('not saved as baseline master: not all went well\n') })
    expect(await readFile(join(mesh.dir, 'data/client/baselines/master/baseline.json'), 'utf8')).toBe(before)
    expect((await readdir(join(mesh.dir, 'data/client/baselines'))).sort()).toEqual(['gone', 'lib', 'master'])
  })

  it('is shown and removed', async () => {
    const listed = JSON.parse((await mesh.run(['baseline', 'ls', '--format', 'json'])).stdout)

    expect(listed).toMatchObject([{ name: 'gone' }, { name: 'lib' }, { name: 'master', command: './prog.sh', workers: 1 }])
    expect((await mesh.run(['baseline', 'show', 'gone'])).stdout).toMatch(/^command {2}\.\/gone\.sh\n(?:.*\n)*worker +cpu +runs/)

    expect((await mesh.run(['baseline', 'rm', 'gone'])).code).toBe(0)
    expect(await mesh.run(['run', '--baseline', 'gone', 'true'])).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no baseline gone') })
  })

  it('is of one session, and stored results lie side by side without a verdict', async () => {
    const file = join(mesh.dir, 'a.json')

    expect((await mesh.run(['run', ...NOW, '--name', 'first', '--export-json', file, 'true'])).code).toBe(0)
    expect((await mesh.run(['run', ...NOW, '--name', 'second', 'true'])).code).toBe(0)

    const { code, stdout } = await mesh.run(['compare', '--results', file, 'second'])

    expect(code).toBe(0)
    expect(stdout).toMatch(/^worker +command +A median +B median +B \/ A +B faster\none +true +/)
    expect(stdout).toMatch(/: different sessions, no verdict\n$/)
    expect(await mesh.run(['compare', '--results', file, 'first'])).toMatchObject({ code: 2, stderr: expect.stringContaining('are the same job') })
  })
  it('may have the name of a role: a master that starts does not take it for a mesh', async () => {
    const [first] = mesh.nodes
    const before = await first?.ready

    await first?.stop()
    expect(await readdir(join(mesh.dir, 'data/client/baselines'))).toContain('master')
    expect((await (await mesh.master()).ready).meshId).toBe(before?.meshId)
  })
  it('is the old one or the new one whole, whenever a process is killed that replaces it', async () => {
    const script = `
      import { stageBaseline } from ${JSON.stringify(join(dirname(MAIN), 'cli/baselines/baselines.js'))}
      for (let i = 0; ; i++) {
        const staged = await stageBaseline([{ source: Buffer.from('echo ' + i), path: 'prog.sh' }])
        await staged.commit({ name: 'killed', savedAt: i, job: '01JD4QJ9K3V5W7X9Z1Q7X2M9KA', command: { argv: ['./prog.sh'], program: { kind: 'payload', path: 'prog.sh' } }, env: {}, results: [] })
        await staged.discard()
        process.stdout.write('.')
      }`

    for (let round = 1; round <= 5; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env: mesh.env, stdio: ['ignore', 'pipe', 'inherit'] })
      let replaced = 0

      child.stdout.on('data', data => {
        replaced += data.length

        // It is somewhere in the next one by then.
        if (replaced > round) {
          child.kill('SIGKILL')
        }
      })
      await once(child, 'close')

      const shown = await mesh.run(['baseline', 'show', 'killed'])

      expect(shown).toMatchObject({ code: 0, stderr: '' })
      expect(shown.stdout).toMatch(/^file {5}prog\.sh/m)
    }
  })
})

import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execute, Host, sh } from '../sandbox/host.ts'
import { HONEST, REFUSED } from './honest-programs.ts'
import type { TestContext } from 'vitest'
import type { HonestProgram } from './honest-programs.ts'

/** PATH of a box. */
const FOLDERS = ['/usr/local/bin', '/usr/bin', '/bin']
/** Nobody's number, for what runs outside when the tests run as root. */
const ORDINARY = 61_900

describe('honest programs say the same inside a box and outside:', () => {
  let host: Host

  beforeAll(async () => { host = await Host.start({ env: { SETTLE: '{}' } }) })
  afterAll(async () => { await host.stop() })

  function outside ({ script, files = {} }: HonestProgram) {
    const dir = mkdtempSync(join(tmpdir(), 'meshmark-honest-'))
    const user = process.getuid?.() === 0 ? { uid: ORDINARY, gid: ORDINARY } : {}

    try {
      for (const [name, content] of Object.entries(files)) {
        writeFileSync(join(dir, name), content)
      }

      if (user.uid != null) {
        chownSync(dir, user.uid, user.gid)
      }

      const { status, signal, stdout, stderr, error } = spawnSync('sh', ['-c', script], {
        ...user,
        cwd: dir,
        env: { PATH: FOLDERS.join(':'), HOME: dir, TMPDIR: '/tmp', LANG: 'C.UTF-8' },
        stdio: ['ignore', 'pipe', 'pipe'],
        encoding: 'latin1',
        timeout: 60_000
      })

      expect(error).toBeUndefined()
      return { exit: status == null ? { kind: 'signal', signal } : { kind: 'code', code: status }, stdout, stderr }
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }

  async function inside ({ script, files = {} }: HonestProgram) {
    const { report, error, stdout, stderr, left } = await host.ask('run', execute(sh(script), { files }))

    expect(error).toBeUndefined()
    expect(left).toBe(0)
    return { exit: report?.commands[0]?.samples[0]?.exit, stdout, stderr }
  }

  function needs (context: TestContext, { needs }: HonestProgram): void {
    const missing = needs.filter(name => !FOLDERS.some(folder => existsSync(join(folder, name))))

    context.skip(missing.length > 0, `${missing.join(' and ')} is not installed on this machine`)
  }

  it.for(HONEST)('$title', async (program, context) => {
    needs(context, program)

    const expected = outside(program)

    expect(await inside(program)).toEqual(expected)
  })

  it.for(REFUSED)('except for what is refused: $title', async (program, context) => {
    needs(context, program)

    expect(outside(program)).toMatchObject({ exit: { kind: 'code', code: 0 }, stderr: '' })
    expect((await inside(program)).stderr).toBe(program.says)
  })
})

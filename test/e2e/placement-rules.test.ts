import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import { eventually, processesWith } from './processes.ts'
import type { NodeProcess } from './mesh.ts'

const shell = (line: string): string[] => ['sh', '-c', line, 'sh']

describe('rules of handing out', () => {
  let mesh: TestMesh
  let second: NodeProcess

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.worker('lab-1')
    second = await mesh.worker('lab-2')
  })

  afterAll(async () => { await mesh.close() })

  it('--on 2 runs on two different workers, and --on 3 says that there are two', async () => {
    const { code, stdout } = await mesh.run(['exec', '--on', '2', '--name', 'two', ...shell('echo "$MESHMARK_TASK"')])

    expect(stdout.split('\n').sort()).toEqual(['', '1', '2'])
    expect(code).toBe(0)

    const shown = await mesh.run(['show', 'two', '--format', 'json'])

    expect(shown.stdout).toContain('lab-1')
    expect(shown.stdout).toContain('lab-2')

    const refused = await mesh.run(['exec', '--on', '3', ...shell('true')])

    expect(refused.stderr).toContain('3 different workers are wanted (--on 3) and only 2 can take this job')
    expect(refused.code).toBe(125)
  })

  it('--dry-run says what would happen, submits nothing, and is refused as the job would be', async () => {
    const exec = await mesh.run(['exec', '--dry-run', '--retry', '3', '--where', 'name=lab-1', ...shell('true')])

    expect(exec.stdout).toMatch(/^nothing is submitted: 1 task, 1 of 2 workers would be given something at once\n {2}at once +lab-1\n {2}not meant +lab-2: name is lab-2, not lab-1\n {2}sent +no file\n {2}runs +once\n/)
    expect(exec.stdout).toContain('up to 3 times, the first time after 1 s')
    expect(exec.code).toBe(0)

    const items = await mesh.run(['exec', '--dry-run', 'true', ':::', 'a', 'b', 'c'])

    expect(items.stdout).toContain('3 tasks, 2 of 2 workers')

    const run = JSON.parse((await mesh.run(['run', '--dry-run', '--format', 'json', '-r', '7', '--memory', '64M', process.execPath, '--version'])).stdout)

    expect(run).toMatchObject({ kind: 'run', tasks: 2, plan: { kind: 'fixed', runs: 7 }, payloads: [{ files: 1, isThere: false }], workers: [{ name: 'lab-1', part: 'at-once', tasks: 1, limits: { memoryBytes: 64 * 1024 ** 2 } }, { name: 'lab-2', part: 'at-once' }] })

    const refused = await mesh.run(['run', '--dry-run', '--on', 'lab-7', 'true'])

    expect([refused.code, refused.stdout]).toEqual([4, ''])
    expect(refused.stderr).toContain("no worker is called 'lab-7': there are lab-1, lab-2")
    // the one of the case before, and no other
    expect(JSON.parse((await mesh.run(['jobs', '--format', 'json'])).stdout)).toHaveLength(1)
  })

  it('--retry runs again what failed, until it succeeds or has been tried often enough', async () => {
    const { code, stdout } = await mesh.run(['exec', '--retry', '5:100ms', ...shell('echo "attempt $MESHMARK_ATTEMPT"; [ "$MESHMARK_ATTEMPT" = 2 ]')])

    expect(stdout).toBe('attempt 0\nattempt 1\nattempt 2\n')
    expect(code).toBe(0)

    const failing = await mesh.run(['exec', '--retry', '1:0', ...shell('exit $((40 + MESHMARK_ATTEMPT))')])

    expect(failing.code).toBe(41)
  })

  it('--deadline cancels what takes longer, and says so', async () => {
    const { code, stderr } = await mesh.run(['exec', '--deadline', '500ms', ...shell('sleep 3741')])

    expect(stderr).toContain('its deadline of 500 ms has passed')
    expect(code).toBe(125)
    await eventually('its program is gone', async () => (await processesWith('3741')).length === 0)
  })

  it('--retry leaves out for a while each worker that could not run it, and says so', async () => {
    await mesh.run(['exec', '--retry', '9:0', '--detach', '--name', 'nowhere', 'no-such-program'])

    let shown = ''

    await eventually('both are left out', async () => {
      const { stdout, stderr } = await mesh.run(['show', 'nowhere'])

      shown = stdout + stderr

      return /not on lab-\d for .*, lab-\d for /.test(shown)
    }, () => shown)

    expect(shown).toMatch(/not-run \(.*no-such-program.*\): restart \d of 9, not on lab-\d for /)
    expect(shown).toMatch(/lab-\d: could not run it \(.*no-such-program.*\): is asked again in [\d.]+ m?s, and others come first/)
    expect((await mesh.run(['cancel', 'nowhere'])).code).toBe(0)
  })

  it('--each --retry counts every item once, whose worker is killed meanwhile as well', async () => {
    const items = Array.from({ length: 12 }, (_, at) => `item-${at}`)
    const command = mesh.start(['exec', '--retry', '3:100ms', '-k', ...shell('sleep 0.2; echo "$1"'), ':::', ...items])
    let stdout = ''

    command.stdout.on('data', (data: Buffer) => { stdout += data.toString() })
    await eventually('some have ended', async () => stdout.includes('item-2'))
    await second.stop('SIGKILL')
    second = await mesh.worker('lab-2')

    expect((await command.closed).code).toBe(0)
    expect(stdout).toBe(items.map(item => `${item}\n`).join(''))
  })
})

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import { eventually, processesWith } from './processes.ts'
import type { NodeProcess, StartedCommand } from './mesh.ts'

/** Says its item, and a word that no other run of it would say. */
const ECHO = ['sh', '-c', 'read -r word < /proc/sys/kernel/random/uuid; echo "$1 $word"', 'sh', '{}']
const MANY = 400
const FEW = 300

function numbers (count: number): string[] {
  return Array.from({ length: count }, (_, at) => String(at + 1))
}

function lines (text: string): string[] {
  return text.split('\n').slice(0, -1)
}

/** First words of lines. */
function said (text: string): string[] {
  return lines(text).map(line => line.split(' ')[0]!)
}

/** Resolves when so many lines were printed since the command was started; rejects when it ends before. */
async function printed (command: StartedCommand, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let seen = 0

  command.stdout.on('data', (data: Buffer) => {
    seen += data.toString('latin1').split('\n').length - 1

    if (seen >= count) {
      resolve()
    }
  })
  await Promise.race([promise, command.closed.then(() => {
    if (seen < count) {
      throw new Error(`it ended after ${seen} of ${count} lines`)
    }
  })])
}

describe('items', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.worker('lab-1', ['--slots', '2'])
    await mesh.worker('lab-2')
  })

  afterAll(async () => { await mesh.close() })

  it('of a file, of standard input and of the command line print in their order with -k, whichever ends first', async () => {
    const items = ['0.9', '0', '0.5', 'a b $HOME "{}" \\', '0.2']
    const program = ['sh', '-c', 'sleep "$1" 2>/dev/null; printf "<%s>\\n" "$1"; echo "not $1" >&2', 'sh']
    const ordered = items.map(item => `<${item}>\n`).join('')

    await writeFile(join(mesh.dir, 'work', 'items.txt'), items.map(item => `${item}\n`).join(''))

    for (const { code, stdout, stderr } of [
      await mesh.run(['exec', '--each', 'items.txt', '-k', ...program, '{}']),
      await mesh.run(['exec', '--each', '-', '-k', ...program], { input: items.join('\r\n') }),
      await mesh.run(['exec', '-k', ...program, ':::', ...items])
    ]) {
      expect(stdout).toBe(ordered)
      expect(lines(stderr).filter(line => line.startsWith('not '))).toEqual(items.map(item => `not ${item}`))
      expect(code).toBe(0)
    }
  })

  it('that fail are named with how they ended, and the others run all the same', async () => {
    const { code, stdout, stderr } = await mesh.run(['exec', '--name', 'some-fail', '-k', 'sh', '-c', 'echo "$1"; [ $1 = 3 ] && exit 7; [ $1 = 5 ] && kill -SEGV $$; exit 0', 'sh', ':::', ...numbers(8)])

    expect(lines(stdout)).toEqual(numbers(8))
    expect(stderr).toMatch(/^meshmark: 2 of 8 items failed\n {2}item 3 '3': exit 7 on lab-\d\n {2}item 5 '5': SIGSEGV on lab-\d\n$/m)
    expect(code).toBe(1)

    const shown = await mesh.run(['show', 'some-fail'])
    expect(shown.stdout).toMatch(/8 items · 6 done · 2 failed/)
  })

  it('that run and wait are all over after a second Ctrl-C, and nothing of them is left', async () => {
    const command = mesh.start(['exec', '--name', 'victims', 'sh', '-c', 'setsid sleep 4322.25 & [ $1 -gt 3 ] && exec sleep 4322.25; echo "$1"', 'sh', ':::', ...numbers(200)])
    const outcome = mesh.outcome(command)

    await eventually('every place is taken', async () => (await processesWith('4322.25')).length >= 6)
    command.kill('SIGINT')
    await new Promise<void>(resolve => {
      command.stderr.on('data', data => {
        if (String(data).includes('detached')) {
          resolve()
        }
      })
    })
    command.kill('SIGINT')

    const { code, stderr } = await outcome
    expect(stderr).toMatch(/job \S+ is cancelled$/m)
    expect(code).toBe(130)
    // answered only when they are reaped
    expect(await processesWith('4322.25')).toEqual([])

    const { stdout } = await mesh.run(['show', 'victims'])
    expect(stdout).toMatch(/200 items · 3 done · 197 cancelled/)
    expect(await mesh.run(['exec', 'echo', 'free again'])).toMatchObject({ code: 0, stdout: 'free again\n' })
  })

  it('go on without the client that is told to leave them, and come whole from attach', async () => {
    const command = mesh.start(['exec', '--name', 'left', 'sh', '-c', 'sleep 0.1; echo "$1"', 'sh', ':::', ...numbers(40)])
    const outcome = mesh.outcome(command)

    await printed(command, 3)
    command.kill('SIGINT')
    expect(await outcome).toMatchObject({ code: 130, stderr: expect.stringContaining('detached: ') })

    const { code, stdout } = await mesh.run(['attach', 'left'])
    expect(said(stdout).map(Number).sort((a, b) => a - b)).toEqual(numbers(40).map(Number))
    expect(code).toBe(0)
  })
})

/** Records on their way to a standby that keeps up. */
const FEW_BEHIND = 30

describe('items, and two masters', () => {
  let mesh: TestMesh
  const masters = new Map<string, NodeProcess>()

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await start('boss')
    await start('second')
    await mesh.worker('lab-1', ['--slots', '2'])
    await mesh.worker('lab-2')
    await together()
  })

  afterAll(async () => { await mesh.close() })

  async function start (name: string): Promise<void> {
    masters.set(name, await mesh.master(name))
  }

  async function nodes (name: string): Promise<Array<{ role: string, name: string, state: string, detail?: string }>> {
    const { code, stdout } = await mesh.run(['nodes', '--format', 'json', '--master', await mesh.addressOf(name)])

    return code === 0 ? JSON.parse(stdout) : []
  }

  async function coordinator (asked = 'boss'): Promise<string | undefined> {
    return (await nodes(asked)).find(({ state }) => state === 'coordinator')?.name
  }

  /** Both know each other, and both workers. */
  async function together (): Promise<void> {
    for (const name of masters.keys()) {
      await eventually(`${name} knows everybody`, async () => {
        const rows = await nodes(name)

        return rows.filter(({ state }) => state === 'coordinator').length === 1 && rows.filter(({ state }) => state !== 'lost').length >= 4
      })
    }
  }

  /** Every item once, as the client saw it, as it is told afterwards, and as it is on record. */
  async function expectOnce (job: string, count: number, stdout: string): Promise<void> {
    expect(said(stdout)).toEqual(numbers(count))

    const again = await mesh.run(['attach', job])
    expect(lines(again.stdout).sort()).toEqual(lines(stdout).sort())
    expect(again.code).toBe(0)

    const { results } = JSON.parse((await mesh.run(['show', job, '--format', 'json'])).stdout)
    expect(results).toHaveLength(count)
    // what ran a second time would be shown beside the first
    expect(results.filter((result: any) => result.duplicates != null || result.exit_codes?.join() !== '0')).toEqual([])
  }

  it(`run to the end, ${MANY} of them, each once, when the coordinator is killed on the way, and later the other one`, async () => {
    const command = mesh.start(['exec', '--name', 'many', '--each', '-', '-k', ...ECHO])
    const outcome = mesh.outcome(command, numbers(MANY).join('\n'))
    const [some, more] = [printed(command, MANY / 4), printed(command, MANY / 2)]
    const first = (await coordinator())!
    const other = first === 'boss' ? 'second' : 'boss'

    await some
    await masters.get(first)!.stop('SIGKILL')
    await more
    await start(first)
    // who is left out for being slow knows nothing of what is given out meanwhile
    await eventually('the one that is back has everything', async () => {
      const rows = await nodes(other)
      const back = rows.find(({ name }) => name === first)

      return rows.filter(({ state }) => state !== 'lost').length >= 4 && back?.state === 'standby' && parseInt(back.detail ?? '0') <= FEW_BEHIND
    })
    await masters.get(other)!.stop('SIGKILL')

    const { code, stdout, stderr } = await outcome
    expect(stderr).not.toContain('meshmark:')
    await expectOnce('many', MANY, stdout)
    expect(code).toBe(0)

    await start(other)
    await together()
  })

  it('run to the end, each once, when both masters are killed on the way and started again', async () => {
    const command = mesh.start(['exec', '--name', 'both', '--each', '-', '-k', ...ECHO])
    const outcome = mesh.outcome(command, numbers(FEW).join('\n'))

    await printed(command, FEW / 4)
    await Promise.all([...masters.values()].map(async master => master.stop('SIGKILL')))
    await start('boss')
    await start('second')

    const { code, stdout, stderr } = await outcome
    expect(stderr).not.toContain('meshmark:')
    await expectOnce('both', FEW, stdout)
    expect(code).toBe(0)
  })
})

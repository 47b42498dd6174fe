import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import { eventually, processesWith } from './processes.ts'

interface Change {
  kind: 'state' | 'task'
  worker: string
  state?: string
  outcome?: string
  started_at?: string
  ended_at?: string
  job?: string | null
}

describe('what a mesh did', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await Promise.all([mesh.worker('lab-1'), mesh.worker('lab-2')])
    // on one worker, for half a second; on both, in six parts; and one that fails
    await mesh.run(['exec', '--name', 'slow', '--on', 'lab-1', 'sleep', '0.5'])
    await mesh.run(['exec', '--name', 'many', 'true', ':::', '1', '2', '3', '4', '5', '6'])
    await mesh.run(['exec', '--name', 'bad', 'false'])
    await mesh.run(['run', '--name', 'measured', '--runs', '8', 'true'])
  })

  afterAll(async () => { await mesh.close() })

  async function changes (...args: string[]): Promise<Change[]> {
    const { code, stdout, stderr } = await mesh.run(['profile', '--format', 'json', ...args])

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })

    return JSON.parse(stdout).changes
  }

  it('is recorded: every task once with its worker and its time, and the states of the workers around it', async () => {
    const all = await changes()
    const tasks = all.filter(({ kind }) => kind === 'task')
    const slow = await changes('--job', 'slow')

    expect(tasks).toHaveLength(1 + 6 + 1 + 2)
    expect(tasks.filter(({ outcome }) => outcome !== 'done')).toMatchObject([{ outcome: 'failed' }])
    expect(slow).toMatchObject([{ kind: 'task', worker: 'lab-1', outcome: 'done' }])
    expect(Date.parse(slow[0]!.ended_at!) - Date.parse(slow[0]!.started_at!)).toBeGreaterThanOrEqual(500)
    expect(all.filter(({ kind, worker }) => kind === 'state' && worker === 'lab-1').map(({ state }) => state)).toContain('running')
    // what a table and a spreadsheet show of it
    expect((await mesh.run(['profile'])).stdout).toMatch(/^worker +now +busy +tasks +failed +median +tasks\/min\nlab-1 +waiting +\d+ % +\d+ +\d/)
    expect((await mesh.run(['profile', '--job', 'many', '--format', 'csv'])).stdout.trim().split('\n')).toHaveLength(1 + 6)
  })

  it('is told as it comes, until Ctrl-C', async () => {
    const command = mesh.start(['profile', '--follow', '--since', '0', '--format', 'ndjson'])
    const outcome = mesh.outcome(command)
    let seen = ''

    command.stdout.on('data', data => { seen += String(data) })
    await eventually('the states of both workers are told', async () => seen.split('\n').length > 2)
    await mesh.run(['exec', '--name', 'seen', 'false'])
    await eventually('the task is told', async () => seen.includes('"outcome":"failed"'))
    command.kill('SIGINT')
    expect(await outcome).toMatchObject({ code: 130, stderr: '' })
  })

  it('does not say to others what it was, only that it was', async () => {
    const [, token = ''] = /(mmk1-client\S+)/.exec((await mesh.run(['token', 'create', 'client'])).stdout) ?? []
    const other = { MESHMARK_DATA: join(mesh.dir, 'data-other'), XDG_RUNTIME_DIR: join(mesh.dir, 'home') }
    const { code, stdout } = await mesh.run(['profile', '--format', 'json', '--no-mdns', '--token', token], { env: other })
    const tasks: Change[] = JSON.parse(stdout).changes.filter(({ kind }: Change) => kind === 'task')

    expect(code).toBe(0)
    expect(tasks.length).toBeGreaterThanOrEqual(10)
    expect(tasks.filter(({ job }) => job != null)).toEqual([])
    expect(stdout).not.toContain('"job":"')
  })

  it('is listed by what is asked for', async () => {
    const named = async (...args: string[]): Promise<string[]> => JSON.parse((await mesh.run(['jobs', '--format', 'json', ...args])).stdout).map(({ name }: { name: string }) => name)

    expect(await named('--failed', '--name', '*a*')).toEqual(['bad'])
    expect(await named('--kind', 'run', '--state', 'finished', '--since', '1h')).toEqual(['measured'])
    expect(await named('--name', 's*', '--limit', '1')).toEqual(['seen'])
    expect(await named('--state', 'running')).toEqual([])
  })

  it('is drawn as SVG, PNG and PDF', async () => {
    const drawn = async (...args: string[]): Promise<Buffer> => {
      const file = join(mesh.dir, args.at(-1)!)
      const outcome = await mesh.run(['plot', ...args.slice(0, -1), '-o', file])

      expect(outcome).toMatchObject({ code: 0, stderr: '' })

      return readFile(file)
    }

    const svg = (await drawn('measured', 'one.svg')).toString()
    const png = await drawn('many', '--theme', 'dark', '--width', '640', '--scale', '2', 'two.png')
    const pdf = (await drawn('measured', 'many', '--kind', 'busy,throughput,distribution', 'three.pdf')).toString('latin1')

    expect(svg).toMatch(/^<svg [^]*<\/svg>\n$/)
    expect(svg).toContain('lab-2')
    expect(svg).toContain('wall time of a run')
    expect(png.subarray(1, 4).toString()).toBe('PNG')
    expect(png.readUInt32BE(16)).toBe(1_280)
    expect(pdf.slice(0, 5)).toBe('%PDF-')
    expect(pdf.match(/\/Type \/Page\b/g)).toHaveLength(3)
    expect(await mesh.run(['plot', 'measured', '-o', 'x.gif'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/^meshmark: --output x\.gif: the name must end in .*\n$/) })
  })

  it('under load fills a grid, which is drawn, and what Ctrl-C interrupts is cancelled', async () => {
    const file = join(mesh.dir, 'load.json')
    const { code, stdout } = await mesh.run(['load', '--clients', '1,2', '--workers', '1..2', '--tasks', '2', '--format', 'json', '--export-json', file, 'sleep', '0.1'])
    const grid = JSON.parse(stdout)

    expect(code).toBe(0)
    expect(grid.map(({ clients, workers, tasks, failed }: any) => [clients, workers, tasks, failed])).toEqual([[1, 1, 2, 0], [2, 1, 4, 0], [1, 2, 2, 0], [2, 2, 4, 0]])
    expect(grid.filter(({ share }: any) => !(share > 0 && share <= 1.05))).toEqual([])

    const { recording } = JSON.parse(await readFile(file, 'utf8'))
    // all of both clients' own
    expect(recording.changes.filter(({ kind, job }: Change) => kind === 'task' && job != null).length).toBeGreaterThanOrEqual(12)
    expect((await mesh.run(['plot', '--profile', file, '-o', '-'])).stdout).toContain('tasks per second')

    const command = mesh.start(['load', '--clients', '2', 'sleep', '4321.75'])
    const outcome = mesh.outcome(command)

    await eventually('both are at work', async () => (await processesWith('4321.75')).length >= 2)
    command.kill('SIGINT')
    expect((await outcome).code).toBe(130)
    expect(await processesWith('4321.75')).toEqual([])
  })
})

import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { elsewhere, readMeshFiles } from './insider.ts'
import { NodeProcess, TestMesh } from './mesh.ts'
import { eventually } from './processes.ts'
import type { CommandResult } from './mesh.ts'

let mesh: TestMesh

async function ok (args: string[], env?: NodeJS.ProcessEnv): Promise<string> {
  const { code, stdout, stderr } = await mesh.run(args, { env })
  expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)

  return stdout
}

/** `TOKEN@HOST:PORT` of the master that was asked. */
async function tokenLine (role: string, master: string): Promise<string> {
  return (await ok(['token', 'create', role, '--master', master])).trim().replace(/^.*join /, '')
}

async function masters (master: string): Promise<Array<{ name: string, state: string }>> {
  const rows: Array<{ name: string, role: string, state: string }> = JSON.parse(await ok(['nodes', '--format', 'json', '--master', master]))

  return rows.filter(({ role }) => role === 'master').map(({ name, state }) => ({ name, state })).sort((a, b) => a.name < b.name ? -1 : 1)
}

/** Every master knows all of these, and nobody is missed. */
async function eventuallyTogether (names: string[]): Promise<void> {
  for (const name of names) {
    const address = await mesh.addressOf(name)

    await eventually(`${name} knows ${names.join(', ')}`, async () => {
      const rows = await masters(address).catch(() => [])

      return names.every(other => rows.some(row => row.name === other && row.state !== 'lost')) &&
        rows.filter(({ state }) => state === 'coordinator').length === 1
    })
  }
}

/** Our own last words: one line, and no stack. */
function lastWords (node: NodeProcess | CommandResult): string {
  const lines = node instanceof NodeProcess ? node.lines : node.stderr.split('\n')
  const errors = lines.filter(line => line.startsWith('meshmark: '))
  expect(errors, lines.join('\n')).toHaveLength(1)

  return errors[0]!
}

describe('masters of one mesh', () => {
  let boss: NodeProcess
  let second: NodeProcess
  let third: NodeProcess

  /** With a folder and a user of its own, by the line that `token create` prints. */
  async function startThird (env: NodeJS.ProcessEnv, args: string[]): Promise<NodeProcess> {
    const port = (await mesh.addressOf('third')).split('/').at(-1)
    const node = new NodeProcess(['--role', 'master', '--listen', `127.0.0.1:${port}`, '--no-mdns', '--name', 'third', ...args], { ...mesh.env, ...env })
    mesh.nodes.push(node)
    await node.ready

    return node
  }

  let thirdEnv: NodeJS.ProcessEnv
  let clientEnv: NodeJS.ProcessEnv

  beforeAll(async () => {
    mesh = await TestMesh.create()
    boss = await mesh.master()
    second = await mesh.master('second')
    thirdEnv = await elsewhere(mesh, 'third')
    clientEnv = await elsewhere(mesh, 'client')
    third = await startThird(thirdEnv, ['--token', await tokenLine('master', mesh.address)])
  })

  afterAll(async () => { await mesh.close() })

  it('have one key and one coordinator, and each knows all', async () => {
    const meshIds = await Promise.all([boss, second, third].map(async node => (await node.ready).meshId))
    expect(new Set(meshIds).size).toBe(1)
    await eventuallyTogether(['boss', 'second', 'third'])
  })

  it('come back one by one, to the same mesh, without having to be told of it', async () => {
    const { meshId } = await boss.ready

    expect(await second.stop()).toMatchObject({ code: 0 })
    second = await mesh.master('second')
    expect((await second.ready).meshId).toBe(meshId)
    await eventuallyTogether(['boss', 'second', 'third'])

    expect(await third.stop()).toMatchObject({ code: 0 })
    third = await startThird(thirdEnv, [])
    expect((await third.ready).meshId).toBe(meshId)
    await eventuallyTogether(['boss', 'second', 'third'])

    expect(await boss.stop()).toMatchObject({ code: 0 })
    boss = await mesh.master()
    expect((await boss.ready).meshId).toBe(meshId)
    await eventuallyTogether(['boss', 'second', 'third'])
  })

  it('take tokens that another one of them made, at once, and count their uses together', async () => {
    const [token] = (await tokenLine('client', await mesh.addressOf('second'))).split('@')
    expect((await ok(['join', '--no-mdns', `${token}@127.0.0.1:${mesh.port}`], clientEnv))).toMatch(/at boss as client/)

    const once = (await ok(['token', 'create', 'client', '--uses', '1', '--master', mesh.address])).trim().replace(/^.*join |@.*$/g, '')
    const third = (await mesh.addressOf('third')).split('/').at(-1)!
    const second = (await mesh.addressOf('second')).split('/').at(-1)!
    expect((await ok(['join', '--no-mdns', `${once}@127.0.0.1:${third}`], await elsewhere(mesh, 'once')))).toMatch(/at third as client/)

    const twice = await mesh.run(['join', '--no-mdns', `${once}@127.0.0.1:${second}`], { env: await elsewhere(mesh, 'twice') })
    expect(twice.code).toBe(5)
    expect(lastWords(twice)).toMatch(/is used up/)
  })

  it('give every member a name of its own', async () => {
    const address = await mesh.addressOf('second')
    const names = new Set<string>()

    for (const [name, master] of [['one', mesh.address], ['two', address]] as const) {
      const joined = await ok(['join', '--no-mdns', await tokenLine('client', master)], await elsewhere(mesh, `named-${name}`))
      names.add(/as client (\S+);/.exec(joined)![1]!)
    }

    expect(names.size).toBe(2)
  })

  it('revoke a token together', async () => {
    const line = await tokenLine('client', mesh.address)
    const id = JSON.parse(await ok(['token', 'ls', '--format', 'json', '--master', mesh.address])).filter(({ state, role }: any) => state === 'valid' && role === 'client').at(-1).id
    await ok(['token', 'revoke', id, '--master', await mesh.addressOf('third')])

    const late = await mesh.run(['join', '--no-mdns', line], { env: await elsewhere(mesh, 'late') })
    expect(late.code).toBe(5)
    expect(lastWords(late)).toMatch(/was revoked/)
  })

  it('drain a worker together, and no master', async () => {
    await mesh.worker('lab-1')
    await eventually('lab-1 works', async () => /lab-1 .*waiting/.test(await ok(['nodes', '--master', mesh.address])))
    expect(await ok(['drain', 'lab-1', '--master', mesh.address])).toMatch(/takes nothing new/)
    await eventually('second knows', async () => /lab-1 .*draining/.test(await ok(['nodes', '--master', await mesh.addressOf('second')])))
    await ok(['drain', 'lab-1', '--undo', '--master', await mesh.addressOf('second')])
    await eventually('boss knows', async () => !/lab-1 .*draining/.test(await ok(['nodes', '--master', mesh.address])))

    const refused = await mesh.run(['drain', 'second'])
    expect(refused.code).toBe(5)
    expect(lastWords(refused)).toMatch(/'second' is a master, and only workers drain: stop it, or remove it for good with meshmark token revoke --member second/)
  })

  it('say alike what would become of a job, whichever is asked, and submit nothing', async () => {
    const rows = await masters(mesh.address)
    const [coordinator, standby] = await Promise.all([true, false].map(async reigns => mesh.addressOf(rows.find(({ state }) => (state === 'coordinator') === reigns)!.name)))
    const file = join(mesh.dir, 'plan.yaml')

    await writeFile(file, 'lists:\n  - on: all\n    commands:\n      - echo one\n      - run: [echo, two]\n  - on: lab-1\n    commands:\n      - "true"\n')

    const planned = async (master: string): Promise<string[]> => {
      const plans: string[] = []

      for (const args of [['compare', '--margin', '2%', 'true', 'sh -c true'], ['map', file, '--format', 'json'], ['exec', '--retry', '2', 'true']]) {
        plans.push(await ok([args[0]!, '--dry-run', '--master', master, ...args.slice(1)]))
      }

      return plans
    }
    const [first, second] = await Promise.all([planned(coordinator!), planned(standby!)])

    expect(second).toEqual(first)
    expect(second[0]).toMatch(/^nothing is submitted: 1 task, 1 of 1 worker would be given something at once\n {2}at once +lab-1\n/)
    expect(second[0]).toContain('of 2 commands on each worker until they are known')
    expect(JSON.parse(second[1]!)).toMatchObject({ kind: 'exec', tasks: 3, workers: [{ name: 'lab-1', part: 'at-once', tasks: 3 }] })
    expect(second[2]).toContain('up to 2 times, the first time after 1 s')
    expect(JSON.parse(await ok(['jobs', '--format', 'json', '--master', standby!]))).toEqual([])
  })

  it('put a member out together', async () => {
    const name = /as client (\S+);/.exec(await ok(['join', '--no-mdns', await tokenLine('client', mesh.address)], clientEnv))![1]!
    const address = await mesh.addressOf('second')
    await ok(['nodes', '--no-mdns', '--master', address], clientEnv)
    await ok(['token', 'revoke', '--member', name, '--master', mesh.address])

    const out = await mesh.run(['nodes', '--no-mdns', '--master', address], { env: clientEnv })
    expect(out.code).toBe(5)
    expect(lastWords(out)).toMatch(/was revoked/)
  })
})

describe('a master that is put out', () => {
  beforeEach(async () => { mesh = await TestMesh.create() })

  afterEach(async () => { await mesh.close() })

  it('is told so and ends, is not taken back, and may join anew', async () => {
    const boss = await mesh.master()
    const second = await mesh.master('second')
    await eventuallyTogether(['boss', 'second'])

    expect(await ok(['token', 'revoke', '--member', 'second', '--master', mesh.address])).toMatch(/master second removed/)
    expect(await second.ended).toMatchObject({ code: 5 })
    expect(lastWords(second)).toMatch(/this master was removed from the mesh by an administrator/)
    expect((await masters(mesh.address)).map(({ name }) => name)).toEqual(['boss'])

    const again = await mesh.run(['master', '--no-mdns', '--listen', '127.0.0.1:0', '--data', mesh.dataOf('second')])
    expect(again.code).toBe(5)
    expect(lastWords(again)).toMatch(/was removed from mesh .*: join again/)

    const anew = await mesh.master('second')
    expect((await anew.ready).meshId).toBe((await boss.ready).meshId)
    expect((await anew.ready).name).toBe('second-2')
  })

  it('hears of it when it comes back', async () => {
    await mesh.master()
    const second = await mesh.master('second')
    await eventuallyTogether(['boss', 'second'])
    await second.stop('SIGKILL')
    await ok(['token', 'revoke', '--member', 'second', '--master', mesh.address])

    const port = (await mesh.addressOf('second')).split('/').at(-1)
    const back = new NodeProcess(['master', '--no-mdns', '--listen', `127.0.0.1:${port}`, '--data', mesh.dataOf('second')], mesh.env)
    mesh.nodes.push(back)
    expect(await back.ended).toMatchObject({ code: 5 })
    expect(lastWords(back)).toMatch(/this master was removed from the mesh/)
  })

  it('may be the one that is asked, unless it is the only one', async () => {
    const boss = await mesh.master()
    const alone = await mesh.run(['token', 'revoke', '--member', 'boss'])
    expect(alone.code).toBe(5)
    expect(lastWords(alone)).toMatch(/is the only master at hand/)

    await mesh.master('second')
    await eventuallyTogether(['boss', 'second'])
    await ok(['token', 'revoke', '--member', 'boss', '--master', mesh.address])
    expect(await boss.ended).toMatchObject({ code: 5 })
    expect((await masters(await mesh.addressOf('second'))).map(({ name }) => name)).toEqual(['second'])
  })
})

describe('one more master', () => {
  beforeEach(async () => { mesh = await TestMesh.create() })

  afterEach(async () => { await mesh.close() })

  it('of the same folder takes the next instance, and joining with a master token makes one of its own', async () => {
    const boss = await mesh.master()
    const beside = new NodeProcess(['master', '--listen', '127.0.0.1:0', '--no-mdns', '--name', 'boss', '--peer', mesh.address], mesh.env)
    mesh.nodes.push(beside)
    expect((await beside.ready).name).toBe('boss-2')

    const { meshId } = await readMeshFiles(mesh)
    expect((await readdir(join(mesh.dir, 'data', meshId, 'master'))).sort()).toEqual(['0', '1'])

    const full = await mesh.run(['master', '--listen', '127.0.0.1:0', '--no-mdns'])
    expect(full.code).toBe(2)
    expect(lastWords(full)).toMatch(/each of the 2 masters of mesh .* runs already: .*meshmark master --peer ADDRESS/)

    const env = { ...mesh.env, ...await elsewhere(mesh, 'third') }
    const joined = new NodeProcess(['join', '--no-mdns', '--listen', '127.0.0.1:0', '--name', 'third', '--data', join(mesh.dir, 'third', 'data'), await tokenLine('master', mesh.address)], env)
    mesh.nodes.push(joined)
    await joined.line(/joined mesh \S+ at boss as master third/)
    await joined.stop()

    await beside.stop()
    await boss.stop()
  })

  it('needs a master token, which is good once', async () => {
    await mesh.master()
    const line = await tokenLine('worker', mesh.address)
    const wrong = await mesh.run(['master', '--no-mdns', '--token', line, '--data', join(mesh.dir, 'other')])
    expect(wrong.code).toBe(2)
    expect(lastWords(wrong)).toMatch(/for the role worker, not master: create one with meshmark token create master/)

    const stranger = await mesh.run(['master', '--no-mdns', '--peer', mesh.address], { env: await elsewhere(mesh, 'stranger') })
    expect(stranger.code).not.toBe(0)
    expect(lastWords(stranger)).toMatch(/no master token: type meshmark token create master where a master runs/)

    const once = await tokenLine('master', mesh.address)
    await mesh.master('second', ['--token', once])
    const twice = await mesh.run(['master', '--no-mdns', '--listen', '127.0.0.1:0', '--token', once], { env: await elsewhere(mesh, 'twice') })
    expect(twice.code).toBe(5)
    expect(lastWords(twice)).toMatch(/is used up/)
    expect(await readdir(join(mesh.dir, 'twice', 'data'))).toEqual([])
  })
})

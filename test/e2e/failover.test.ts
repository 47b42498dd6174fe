import { randomBytes } from 'node:crypto'
import { chmod, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { elsewhere, readMeshFiles } from './insider.ts'
import { TestMesh } from './mesh.ts'
import { eventually } from './processes.ts'
import type { CommandResult, NodeProcess, StartedCommand } from './mesh.ts'

/** Lines that the program below prints, one every 50 ms. */
const LINES = 80
const COUNT = `#!/bin/sh
i=0
while [ $i -lt ${LINES} ]; do echo "line $i"; [ $((i % 10)) -eq 0 ] && echo "ten $i" >&2; i=$((i+1)); sleep 0.05; done
exit 7
`
const NUMBERED = Array.from({ length: LINES }, (_, index) => `line ${index}\n`).join('')
const TENS = Array.from({ length: LINES / 10 }, (_, index) => `ten ${index * 10}`)

/** A command whose output is watched while it comes. */
class Watched {
  readonly outcome: Promise<CommandResult>
  #text = ''
  readonly #looks = new Set<() => void>()

  constructor (mesh: TestMesh, child: StartedCommand) {
    child.stdout.on('data', data => {
      this.#text += String(data)
      this.#looks.forEach(look => { look() })
    })
    this.outcome = mesh.outcome(child)
  }

  /** Resolves once this was printed; rejects when it ends without. */
  async printed (text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (this.#text.includes(text)) {
        resolve()
      }
    }

    this.#looks.add(look)
    look()
    await Promise.race([promise, this.outcome.then(({ stderr }) => {
      if (!this.#text.includes(text)) {
        throw new Error(`it ended without printing '${text}': ${stderr}`)
      }
    })])
    this.#looks.delete(look)
  }
}

/** Bytes of all files below a folder. */
async function sizeOf (dir: string): Promise<number> {
  const sizes = (await readdir(dir, { recursive: true }).catch(() => [])).map(async name => stat(join(dir, name)).then(({ size }) => size, () => 0))

  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

async function writeCount (mesh: TestMesh): Promise<void> {
  const path = join(mesh.dir, 'work', 'count.sh')

  await writeFile(path, COUNT)
  await chmod(path, 0o755)
}

/** Every line once, in order, and the program's own status. */
function expectCounted ({ code, stdout, stderr }: CommandResult): void {
  expect(stderr).not.toContain('meshmark:')
  expect(stdout).toBe(NUMBERED)
  expect(stderr.split('\n').filter(line => line.startsWith('ten '))).toEqual(TENS)
  expect(code).toBe(7)
}

/** The rest takes minutes: npm run test:faults. */
const withTime = it.runIf(process.env['FAULTS'] === 'all')

describe('a client of a mesh with one master', () => {
  let mesh: TestMesh
  let boss: NodeProcess

  beforeAll(async () => {
    mesh = await TestMesh.create()
    boss = await mesh.master()
    await mesh.worker('lab-1')
    await writeCount(mesh)
  })

  afterAll(async () => { await mesh.close() })

  it('loses no line and has none twice when the master is killed and started again', async () => {
    const exec = new Watched(mesh, mesh.start(['exec', './count.sh']))

    await exec.printed('line 20')
    await boss.stop('SIGKILL')
    boss = await mesh.master()

    expectCounted(await exec.outcome)
  })

  withTime('says that it waits when there is no master for over a second, and goes on', async () => {
    const child = mesh.start(['exec', './count.sh'])
    const exec = new Watched(mesh, child)
    const waiting = new Promise<void>(resolve => {
      child.stderr.on('data', data => {
        if (String(data).includes('waiting for a master')) {
          resolve()
        }
      })
    })

    await exec.printed('line 10')
    await boss.stop('SIGKILL')
    await waiting
    boss = await mesh.master()

    const outcome = await exec.outcome
    expectCounted(outcome)
    expect(outcome.stderr.match(/waiting for a master/g)).toHaveLength(1)
  })

  it('takes the address that answers, of several', async () => {
    const nobody = await mesh.addressOf('nobody')

    for (const args of [['--master', `${nobody},${mesh.address}`], ['--master', mesh.address, '--master', nobody]]) {
      expect(await mesh.run(['exec', ...args, 'echo', 'hi'])).toMatchObject({ code: 0, stdout: 'hi\n' })
    }
  })
})

describe('a client of a mesh with two masters', () => {
  let mesh: TestMesh
  const masters = new Map<string, NodeProcess>()

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await start('boss')
    await start('second')
    await mesh.worker('lab-1')
    await writeCount(mesh)
    await together()
  })

  afterAll(async () => { await mesh.close() })

  async function start (name: string): Promise<void> {
    masters.set(name, await mesh.master(name))
  }

  async function standing (name: string): Promise<Array<{ role: string, name: string, state: string }>> {
    const { code, stdout } = await mesh.run(['nodes', '--format', 'json', '--master', await mesh.addressOf(name)])

    return code === 0 ? JSON.parse(stdout) : []
  }

  /** Both know each other, agree on who coordinates, and have the worker. */
  async function together (): Promise<void> {
    const claims = new Set<string>()

    for (const name of masters.keys()) {
      await eventually(`${name} knows everybody`, async () => {
        const rows = await standing(name)
        const coordinators = rows.filter(({ state }) => state === 'coordinator')

        claims.add(coordinators.map(row => row.name).join())

        return coordinators.length === 1 && [...masters.keys()].every(other => rows.some(row => row.name === other && row.state !== 'lost')) &&
          rows.some(row => row.name === 'lab-1' && row.state !== 'lost')
      })
    }
  }

  async function coordinator (): Promise<string> {
    return (await standing(masters.keys().next().value!)).find(({ state }) => state === 'coordinator')!.name
  }

  async function standby (): Promise<string> {
    const leading = await coordinator()

    return [...masters.keys()].find(name => name !== leading)!
  }

  async function meshId (): Promise<string> {
    return (await readMeshFiles(mesh)).meshId
  }

  async function kill (name: string): Promise<void> {
    await masters.get(name)!.stop('SIGKILL')
  }

  async function back (name: string): Promise<void> {
    await start(name)
    await together()
  }

  for (const role of ['coordinator', 'standby'] as const) {
    (role === 'coordinator' ? it : withTime)(`has every line once when the ${role} that it speaks to is killed, and the program is not started again`, async () => {
      const victim = role === 'coordinator' ? await coordinator() : await standby()
      const exec = new Watched(mesh, mesh.start(['exec', '--master', await mesh.addressOf(victim), './count.sh']))

      await exec.printed('line 20')
      await kill(victim)
      expectCounted(await exec.outcome)
      await back(victim)
    })
  }

  withTime('has every line once when the coordinator freezes, and when it wakes again', async () => {
    const victim = await coordinator()
    const exec = new Watched(mesh, mesh.start(['exec', '--master', await mesh.addressOf(victim), './count.sh']))

    await exec.printed('line 20')
    masters.get(victim)!.kill('SIGSTOP')
    await exec.printed('line 70')
    masters.get(victim)!.kill('SIGCONT')
    expectCounted(await exec.outcome)
    await together()
  })

  it('has the row of every worker when the coordinator is killed in the middle of a run', async () => {
    const victim = await coordinator()
    const run = new Watched(mesh, mesh.start(['run', '--runs', '8', '--warmup', '0', '--format', 'json', 'sleep', '0.3']))

    await Promise.race([eventually('it runs', async () => (await standing(victim)).some(({ name, state }) => name === 'lab-1' && state === 'running')), run.outcome])
    await kill(victim)

    const { code, stdout, stderr } = await run.outcome
    expect(stderr).not.toContain('meshmark:')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results).toMatchObject([{ worker: { name: 'lab-1' }, times: expect.objectContaining({ length: 8 }) }])
    await back(victim)
  })

  withTime('follows the logs across the death of the coordinator', async () => {
    const victim = await coordinator()
    const { stdout: id } = await mesh.run(['exec', '--detach', './count.sh'])
    const logs = new Watched(mesh, mesh.start(['logs', '--follow', '--stdout', '--master', await mesh.addressOf(victim), id.trim()]))

    await logs.printed('line 20')
    await kill(victim)

    const { code, stdout, stderr } = await logs.outcome
    expect(stderr).not.toContain('meshmark:')
    expect(stdout).toBe(NUMBERED)
    expect(code).toBe(0)
    await back(victim)
  })

  it('submits while there is no coordinator, and is answered by the next one', async () => {
    const victim = await coordinator()

    await writeFile(join(mesh.dir, 'work', 'input.txt'), 'from a file\n')
    await kill(victim)
    expect(await mesh.run(['exec', '--stdin', 'input.txt', 'cat'])).toMatchObject({ code: 0, stdout: 'from a file\n' })
    await back(victim)
  })

  withTime('uploads again, to the next master, what the one that died had not taken', async () => {
    const victim = await coordinator()
    const bytes = 120 * 1024 * 1024

    await writeFile(join(mesh.dir, 'work', 'big.bin'), randomBytes(bytes))
    const payloads = join(victim === 'boss' ? join(mesh.dir, 'data') : mesh.dataOf(victim), await meshId(), 'master', '0', 'payloads')
    const before = await sizeOf(payloads)
    const exec = new Watched(mesh, mesh.start(['exec', '--master', await mesh.addressOf(victim), '--with', 'big.bin', 'wc', '-c', 'big.bin']))

    await Promise.race([eventually('the upload has begun', async () => await sizeOf(payloads) > before), exec.outcome])
    await kill(victim)

    expect(await exec.outcome).toMatchObject({ code: 0, stdout: `${bytes} big.bin\n` })
    await back(victim)
  })

  it('attaches to a detached job from another machine, after the master that accepted it is gone', async () => {
    const env = await elsewhere(mesh, 'laptop')
    const line = await mesh.run(['token', 'create', 'admin'])
    expect(await mesh.run(['join', line.stdout.trim().replace(/^.*join /, '')], { env })).toMatchObject({ code: 0 })

    const victim = await coordinator()
    const { stdout: id } = await mesh.run(['exec', '--detach', '--master', await mesh.addressOf(victim), './count.sh'])
    await kill(victim)

    // with no address: it has learned of both masters from the one that it joined
    expectCounted(await mesh.run(['attach', id.trim()], { env }))
    await back(victim)
    expectCounted(await mesh.run(['attach', id.trim()], { env }))
  })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { elsewhere } from './insider.ts'
import { MAIN, TestMesh } from './mesh.ts'
import { Namespaces } from './namespaces.ts'
import { eventually } from './processes.ts'
import type { ChildProcess } from 'node:child_process'

const refusal = Namespaces.refusal()

if (refusal != null) {
  console.warn(`discovery is not tested: ${refusal}`)
}

interface Ended { code: number | null, stdout: string, stderr: string }

describe.skipIf(refusal != null)('on a network where nobody knows an address', () => {
  let mesh: TestMesh
  let net: Namespaces
  const running = new Set<ChildProcess>()
  const machines = new Map<string, NodeJS.ProcessEnv>()

  beforeEach(async () => {
    mesh = await TestMesh.create()
    net = new Namespaces()
    net.make(['m', 'w', 'c'])

    for (const name of ['m', 'w', 'c']) {
      machines.set(name, { ...mesh.env, ...await elsewhere(mesh, name) })
    }
  })

  afterEach(async () => {
    for (const child of [...running].reverse()) {
      const ended = once(child, 'close')
      child.kill('SIGTERM')
      const patience = setTimeout(() => { child.kill('SIGKILL') }, 15_000)
      await ended
      clearTimeout(patience)
    }

    net.remove()
    await mesh.close()
  })

  /** Runs on a machine; nsenter becomes the program, so a signal to it is one to the program. */
  function start (machine: string, args: string[]): { child: ChildProcess, ended: Promise<Ended>, said: (pattern: RegExp) => Promise<string> } {
    const [command, ...prefix] = net.on(machine)
    const child = spawn(command!, [...prefix, process.execPath, MAIN, ...args], { env: machines.get(machine), cwd: mesh.dir, stdio: ['ignore', 'pipe', 'pipe'] })
    const watchers = new Set<() => void>()
    let stdout = ''
    let stderr = ''

    running.add(child)
    child.stdout.on('data', data => {
      stdout += data
      watchers.forEach(look => { look() })
    })
    child.stderr.on('data', data => {
      stderr += data
      watchers.forEach(look => { look() })
    })
    const ended = once(child, 'close').then(([code]) => {
      running.delete(child)
      watchers.forEach(look => { look() })
      return { code, stdout, stderr }
    })

    return {
      child,
      ended,
      said: async pattern => new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(`${stdout}\n${stderr}`)
          if (found != null) {
            watchers.delete(look)
            resolve(found[1] ?? found[0])
          } else if (!running.has(child)) {
            reject(new Error(`${args.join(' ')} ended without ${pattern}:\n${stdout}${stderr}`))
          }
        }
        watchers.add(look)
        look()
      })
    }
  }

  async function run (machine: string, args: string[]): Promise<Ended> {
    return start(machine, args).ended
  }

  async function master (port: number): Promise<ReturnType<typeof start>> {
    const node = start('m', ['master', '--listen', `0.0.0.0:${port}`, '--name', 'boss'])
    await node.said(/meshmark join (\S+)/)

    return node
  }

  async function token (role: string): Promise<string> {
    const { stdout, stderr, code } = await run('m', ['token', 'create', role])
    expect(code, stderr).toBe(0)

    return /(mmk1-[^@\s]+)/.exec(stdout)![1]!
  }

  it('a token alone makes a worker and a client, which find the master again on another port', async () => {
    const first = await master(4747)
    const worker = start('w', ['join', '--name', 'lab-w', await token('worker')])
    await worker.said(/registered with boss as lab-w/)

    const joined = await run('c', ['join', await token('client')])
    expect(joined.code, joined.stderr).toBe(0)
    expect(joined.stdout).toMatch(/joined mesh \S{8} at boss as client/)

    const measured = await run('c', ['run', '--runs', '2', 'true'])
    expect(measured.code, measured.stderr).toBe(0)
    expect(measured.stdout).toMatch(/^lab-w /m)

    first.child.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)
    await master(5858)
    await eventually('the worker is back', async () => /lab-w.*waiting/.test((await run('m', ['nodes'])).stdout))

    const again = await run('c', ['run', '--runs', '2', 'true'])
    expect(again.code, again.stderr).toBe(0)
    expect(again.stdout).toMatch(/^lab-w /m)
    // said by those who had to look
    expect(net.datagrams('c')).toBeGreaterThan(0)
    expect(net.datagrams('m')).toBeGreaterThan(0)
  })

  it('a token alone makes one more master, and masters that have moved meet again', async () => {
    const first = await master(4747)
    const second = start('w', ['join', '--name', 'second', await token('master')])
    await second.said(/joined mesh \S+ at boss as master second/)
    await eventually('the first knows the second', async () => /second .*(standby|coordinator)/.test((await run('m', ['nodes'])).stdout))

    for (const node of [first, second]) {
      node.child.kill('SIGTERM')
      expect((await node.ended).code).toBe(0)
    }

    await master(5858)
    const moved = start('w', ['master', '--listen', '0.0.0.0:5959'])
    await moved.said(/found master boss on the local network|master second of mesh/)
    await eventually('they have met', async () => {
      const { stdout } = await run('m', ['nodes'])
      return /^second .*(standby|coordinator)/m.test(stdout) && /^boss .*(standby|coordinator)/m.test(stdout)
    })
  })

  it('one that is told not to look sends nothing, and says what to do', async () => {
    const node = start('m', ['master', '--no-mdns', '--listen', '0.0.0.0:4747', '--name', 'boss'])
    const line = await node.said(/meshmark join (mmk1-worker\S+)/)
    const worker = start('w', ['join', '--no-mdns', '--name', 'lab-w', line])
    await worker.said(/registered with boss as lab-w/)

    const lost = await run('c', ['join', '--no-mdns', await token('client')])
    expect(lost.code).toBe(4)
    expect(lost.stderr).toMatch(/mDNS is switched off: give one with/)

    const clientLine = /(mmk1-client\S+)/.exec((await run('m', ['token', 'create', 'client', '--no-mdns'])).stdout)![1]!
    expect((await run('c', ['join', '--no-mdns', clientLine])).code).toBe(0)
    expect((await run('c', ['run', '--no-mdns', '--runs', '1', 'true'])).code).toBe(0)

    for (const machine of ['m', 'w', 'c']) {
      expect(net.datagrams(machine), machine).toBe(0)
    }
  })

  it('a master that is not there is missed in one line', async () => {
    const gone = await master(4747)
    const line = await token('client')
    gone.child.kill('SIGTERM')
    await gone.ended

    const missed = await run('c', ['join', line])
    expect(missed.code).toBe(4)
    expect(missed.stderr.trim().split('\n')).toHaveLength(1)
    expect(missed.stderr).toMatch(/answered on the local network: give its address/)
  })

  it('masters of other meshes are passed over', async () => {
    await master(4747)
    const other = start('w', ['master', '--listen', '0.0.0.0:4747', '--name', 'other'])
    await other.said(/meshmark join (\S+)/)

    const joined = await run('c', ['join', await token('client')])
    expect(joined.code, joined.stderr).toBe(0)
    expect(joined.stdout).toMatch(/at boss as client/)
  })
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assignCores } from '../../src/machine/core-assignment.ts'
import { formatProcessorList } from '../../src/machine/processor-list.ts'
import { readTopology } from '../../src/machine/topology.ts'
import { TestMesh } from './mesh.ts'
import { eventually, processesWith } from './processes.ts'

const topology = await readTopology()
const parts = ((): number[][] | undefined => {
  try {
    return assignCores(topology, { tasks: 2, coresEach: 1 }).map(({ processors }) => processors)
  } catch {
    return undefined
  }
})()

describe.skipIf(parts == null)('two workers that are bound to cores of their own, and one that is not', () => {
  const [first = [], second = []] = parts ?? []
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.worker('one', ['--cpus', formatProcessorList(first)])
    await mesh.worker('two', ['--cpus', formatProcessorList(second)])
    await mesh.worker('whole')

    // to measure its floor it takes the whole machine, once
    for (const name of ['one', 'two', 'whole']) {
      await eventually(`the floor of ${name} is known`, async () => (await node(name))?.floor_ns != null)
    }
  })

  afterAll(async () => { await mesh.close() })

  async function node (name: string): Promise<any> {
    const { stdout } = await mesh.run(['nodes', '--format', 'json'])

    return JSON.parse(stdout).find((node: any) => node.name === name)
  }

  /** A measurement that lasts until it is cancelled. */
  async function busy (worker: string): Promise<string> {
    const name = `busy-${worker}`
    // Nobody else on the machine sleeps exactly so long.
    const time = `6${process.pid}${worker.length}`

    expect((await mesh.run(['run', '--detach', '--name', name, '--runs', '1', '--on', worker, 'sleep', time])).code).toBe(0)
    // It says that it runs before it has its turn.
    await eventually(`${worker} runs`, async () => (await processesWith(`sleep\0${time}`)).length > 0)

    return name
  }

  async function waits (worker: string): Promise<void> {
    await eventually(`${worker} waits`, async () => /another worker of this machine is busy/.test((await node(worker)).detail ?? ''))
  }

  it('have programs that see their processors and no others', async () => {
    for (const [name, processors] of [['one', first], ['two', second]] as const) {
      const { stdout } = await mesh.run(['exec', '--on', name, 'sh', '-c', 'nproc; grep Cpus_allowed_list /proc/self/status'])

      expect(stdout).toBe(`${processors.length}\nCpus_allowed_list:\t${formatProcessorList(processors)}\n`)
      expect((await node(name)).cores).toBe(processors.length)
    }

    expect((await node('whole')).cores).toBe(topology.allowed.length)
  })

  it('measure at the same time', async () => {
    const { code, stdout } = await mesh.run(['run', '--runs', '3', '--on', 'one,two', '--format', 'json', 'sleep', '0.2'])
    const { results } = JSON.parse(stdout)

    expect(code).toBe(0)
    // who has waited for another does not start with it
    expect(results.map((result: any) => result.simultaneous)).toEqual([true, true])
    expect(Object.fromEntries(results.map((result: any) => [result.worker.name, result.cores]))).toEqual({ one: first, two: second })
  })

  it('measure while the other one does, and keep who needs the whole machine waiting for both', async () => {
    const name = await busy('one')

    expect((await mesh.run(['run', '--runs', '2', '--on', 'two', 'true'])).code).toBe(0)

    const job = mesh.outcome(mesh.start(['run', '--runs', '2', '--on', 'whole', 'true']))

    await waits('whole')
    expect((await node('one')).state).toBe('running')
    expect((await mesh.run(['cancel', name])).code).toBe(0)
    expect((await job).code).toBe(0)
  })

  it('wait for who has the whole machine', async () => {
    const name = await busy('whole')
    const bound = mesh.outcome(mesh.start(['run', '--runs', '2', '--on', 'two', 'true']))

    await waits('two')
    expect((await mesh.run(['cancel', name])).code).toBe(0)
    expect((await bound).code).toBe(0)
  })

  it('let nobody else have their cores', async () => {
    const { code, stderr } = await mesh.run(['worker', '--no-mdns', '--master', mesh.address, '--cpus', formatProcessorList(second)])
    const list = formatProcessorList(second)

    expect(stderr).toContain(`meshmark: the processors ${list} cannot be used: another worker of this machine is bound to ${list}\n`)
    expect(code).toBe(5)
  })
})

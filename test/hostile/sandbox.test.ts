import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execute, Host, measure, own, runs } from '../sandbox/host.ts'
import type { Limits } from '../../src/model/limits.ts'
import type { Plan } from '../../src/model/plan.ts'
import type { Seen } from '../sandbox/host.ts'

const MiB = 1024 * 1024

/** The attacks are written in C; test/sandbox/hostile.test.ts has others for machines without a compiler. */
const hasCompiler = spawnSync('gcc', ['--version']).status === 0

/** Largest RLIMIT_DATA of the runner, which a program that outruns its own limit inherits. */
const RUNNER_DATA_BYTES = 256 * MiB

describe.runIf(hasCompiler)('a hostile program', () => {
  let host: Host
  let folder: string
  const programs: Record<string, { base64: string }> = {}

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'meshmark-hostile-'))
    compile('hostile', '-O1', '-pthread')

    if (process.arch === 'x64') {
      compile('outrun', '-O1', '-static', '-nostdlib', '-fno-stack-protector')
    }

    host = await Host.start()
  })

  afterAll(async () => {
    await host.stop()
    rmSync(folder, { recursive: true })
  })

  function compile (name: string, ...options: string[]): void {
    const source = fileURLToPath(new URL(`programs/${name}.c`, import.meta.url))
    const { status, stderr } = spawnSync('gcc', [...options, '-o', join(folder, name), source], { encoding: 'utf8' })

    expect([status, stderr]).toEqual([0, ''])
    programs[name] = { base64: readFileSync(join(folder, name)).toString('base64') }
  }

  /** Runs one attack; whatever it does, the box answers and nothing of it is left. */
  async function attack (words: string[], { kind = 'run', limits = {}, plan = runs(1) }: { kind?: 'run' | 'exec', limits?: Partial<Limits>, plan?: Plan } = {}): Promise<Seen> {
    const [name = 'hostile'] = words[0] === 'outrun' ? words : []
    const task = kind === 'exec' ? execute([]) : measure([], { plan })
    const seen = await host.ask('run', { ...task, commands: [own(name, ...words)], files: { [name]: programs[name] ?? '' }, limits: { wallMs: 20_000, ...limits } })

    expect(seen.error).toBeUndefined()
    expect(seen.left).toBe(0)
    return seen
  }

  const first = ({ report }: Seen) => report?.commands[0]?.samples[0]

  it.each(['runner', 'kernel', 'identity'])('gets nowhere with anything it asks of the kernel: %s', async what => {
    for (const kind of ['run', 'exec'] as const) {
      expect(await attack([what], { kind })).toMatchObject({ stdout: 'end\n', report: { outcome: 'done' } })
    }
  })

  it.each(['forks', 'sessions'])('that bombs with %s is ended at the wall limit with all its processes', async how => {
    const sample = first(await attack([how], { limits: { wallMs: 500, processes: 20 } }))

    expect(sample).toMatchObject({ limit: 'wall' })
    expect(sample?.leftovers).toBeGreaterThan(5)
    expect(sample?.leftovers).toBeLessThanOrEqual(20)
  })

  it('has no more threads than its limit of processes', async () => {
    const { stdout } = await attack(['threads'], { limits: { processes: 40 } })

    expect(Number(stdout.split('\n')[0])).toBeGreaterThan(5)
    expect(Number(stdout.split('\n')[0])).toBeLessThan(40)
  })

  it('hides no process: no daemon, no grandchild of a subreaper, no sibling', async () => {
    const { report } = await attack(['families'], { plan: runs(3) })

    // The daemon, the subreaper and its three grandchildren, the sibling.
    expect(report?.commands[0]?.samples.map(({ leftovers }) => leftovers)).toEqual([6, 6, 6])
  })

  it('cannot keep the runner from ending its processes by a storm of signals', async () => {
    const { report } = await attack(['storm'], { plan: runs(3) })

    expect(report?.commands[0]?.samples.map(({ leftovers }) => leftovers)).toEqual([20, 20, 20])
  })

  it('finds nothing of its earlier runs', async () => {
    const { report, stdout } = await attack(['state'], { plan: runs(3) })

    expect(stdout).toBe('end\n')
    expect(report?.commands[0]?.output?.same).toBe(true)
    expect(report?.commands[0]?.samples).toHaveLength(3)
  })

  it('gets no more private memory than its limit', async () => {
    // refused when it asks; or ended when it was faster than its own limit and had only the runner's, which is higher
    expect(['done', 'limit']).toContain((await attack(['private-memory', '300'], { limits: { memoryBytes: 200 * MiB } })).report?.outcome)
    expect((await attack(['private-memory', '100'], { limits: { memoryBytes: 200 * MiB } })).report?.outcome).toBe('failed')
  })

  it.each(['shared-memory', 'memory-of-many'])('that takes too much %s is ended', async how => {
    const { report } = await attack([how, '400'], { limits: { memoryBytes: 200 * MiB } })

    expect(report).toMatchObject({ outcome: 'limit', reason: `memory limit of ${200 * MiB} bytes in run 1` })
  })

  it('is not ended for memory that several processes share', async () => {
    expect((await attack(['shared-by-many', '100'], { limits: { memoryBytes: 200 * MiB } })).report?.outcome).toBe('done')
  })

  it.runIf(process.arch === 'x64')('that outruns its own limit of memory inherits the runner\'s', async () => {
    const { stdout } = await attack(['outrun'], { limits: { memoryBytes: 100 * MiB } })

    const larger = (await attack(['outrun'], { limits: { memoryBytes: 500 * MiB } })).stdout

    // Node.js 24 reserves a gigabyte for itself, on top of which the runner needs its own
    const isBounded = (bytes: number, limit: number): boolean => bytes === limit || (bytes >= RUNNER_DATA_BYTES && bytes < 4096 * MiB)

    expect(Number(stdout)).toSatisfy((bytes: number) => isBounded(bytes, 100 * MiB))
    expect(Number(larger)).toSatisfy((bytes: number) => isBounded(bytes, 500 * MiB))
  })

  it('shares one limit of CPU time with its children', async () => {
    const seen = await attack(['cpu-of-many'], { limits: { cpuMs: 1000 } })

    expect(seen.report).toMatchObject({ outcome: 'limit', reason: 'CPU limit of 1 s in run 1' })
    // Each of them has used a part of it only.
    expect(first(seen)?.exit).toEqual({ kind: 'signal', signal: 'SIGKILL' })
  })

  it('is billed for what an orphan burns', async () => {
    expect(first(await attack(['cpu-of-orphan', '300']))?.cpuNs).toBeGreaterThanOrEqual(300e6)
  })

  it('makes no hole in its output: what it writes goes to the end', async () => {
    const { report } = await attack(['sparse'], { limits: { outputBytes: 1000 } })

    expect(report).toMatchObject({ outcome: 'limit', reason: 'output limit of 1000 bytes in run 1' })
    expect(report?.commands[0]?.output?.stdoutBytes).toBeLessThan(2 ** 28)
  })

  it('is ended at the output limit though it is deaf to the signal of the file limit', async () => {
    for (const kind of ['run', 'exec'] as const) {
      expect((await attack(['deaf-to-size'], { kind, limits: { outputBytes: MiB, fileBytes: 2 * MiB } })).report).toMatchObject({ outcome: 'limit', reason: `output limit of ${MiB} bytes in run 1` })
    }
  })

  it('makes no more files than its limit', async () => {
    expect((await attack(['inodes'], { limits: { tmpInodes: 2000 } })).report).toMatchObject({ outcome: 'limit', reason: 'limit of 2000 temporary files in run 1' })
  })

  it('that crashes leaves no core', async () => {
    expect((await attack(['crash'])).report?.reason).toBe('killed by SIGSEGV in run 1')
  })

  it.runIf(process.arch === 'x64')('that calls by the numbers of x32 is ended', async () => {
    expect((await attack(['x32'])).report?.reason).toBe('killed by SIGSYS in run 1')
  })
})

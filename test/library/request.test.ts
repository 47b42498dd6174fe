import { describe, expect, it } from 'vitest'
import { draftOf } from '../../src/library/request.ts'
import type { JobSpec } from '../../src/library/options.ts'

async function draft (spec: JobSpec): Promise<any> {
  return (await draftOf(spec)).draft
}

describe('a job of the library', () => {
  it('has the defaults of the command line', async () => {
    expect(await draft({ kind: 'run', commands: ['sleep 0.1'] })).toEqual({
      kind: 'run',
      commands: [{ argv: ['sleep', '0.1'], program: { kind: 'name', name: 'sleep' } }],
      files: [],
      env: {},
      limits: {},
      placement: { on: 'all', where: [] },
      plan: { kind: 'precision', precision: 0.01, budgetMs: 5_000, minRuns: 1, maxRuns: 10_000, warmup: 0 }
    })
    expect(await draft({ kind: 'exec', command: ['echo', 'a b'] })).toMatchObject({ kind: 'exec', placement: { on: 'any' }, plan: { kind: 'once' }, commands: [{ argv: ['echo', 'a b'] }] })
  })

  it('takes values as they are typed, and numbers in the units of the command line', async () => {
    expect(await draft({ kind: 'exec', command: 'x', timeout: '500ms', cpuTime: 2, memory: '64M', fileLimit: 4096, processes: 7 }))
      .toMatchObject({ limits: { wallMs: 500, cpuMs: 2_000, memoryBytes: 64 * 1024 ** 2, fileBytes: 4096, processes: 7 } })
    expect(await draft({ kind: 'compare', commands: ['a', 'b'], margin: 2, failIfSlower: '5%', runs: 6 }))
      .toMatchObject({ comparison: { metric: 'wall', margin: 0.02, failIfSlower: 0.05 }, plan: { kind: 'fixed', runs: 6 } })
    expect(await draft({ kind: 'exec', command: 'x', where: { arch: 'arm64', cores: '8..' }, on: ['lab-[1-2]', 'pi'] }))
      .toMatchObject({ placement: { on: 'names', names: ['lab-1', 'lab-2', 'pi'], where: [{ key: 'arch', value: 'arm64' }, { key: 'cores', value: '8..' }] } })
  })

  it('keeps the words of a command together, whatever is in them', async () => {
    const words = ['printf', '%s', 'a b', "it's", '$HOME', '{}', '']

    expect((await draft({ kind: 'run', commands: [words] })).commands[0].argv).toEqual(words)
    expect((await draft({ kind: 'exec', command: words })).commands[0].argv).toEqual(words)
  })

  it('sends content as files, beside which programs and input are found', async () => {
    const { files, stdin, commands } = await draft({ kind: 'exec', command: './go x', files: [{ name: 'go', content: '#!/bin/sh' }], stdin: { content: 'in' } })

    expect(commands[0].program).toEqual({ kind: 'payload', path: 'go' })
    expect(stdin).toBe('stdin')
    expect(files).toEqual([{ path: 'go', source: Buffer.from('#!/bin/sh'), executable: true }, { path: 'stdin', source: Buffer.from('in') }])
  })

  it.each([
    [{ kind: 'run', commands: ['x'], rnus: 3 }, /unknown option 'rnus'/],
    [{ kind: 'walk', command: 'x' }, /kind 'walk'/],
    [{ kind: 'exec', command: 'x', timeout: '-1s' }, /--timeout '-1s' is not a duration/],
    [{ kind: 'exec', command: 'x', memory: {} }, /--memory must be a text or a number/],
    [{ kind: 'exec', command: 'x', files: [{ name: '../x', content: '' }] }, /'\.\.\/x' must have a path inside/],
    [{ kind: 'exec', command: 'x', files: [{ name: 'x', content: '' }, { name: 'x', content: '' }] }, /two files would be x/],
    [{ kind: 'each', command: 'x', items: [] }, /there are no items/],
    [{ kind: 'each', command: 'x', items: ['a', ''] }, /item 2 is empty/],
    [{ kind: 'compare', commands: ['x'] }, /one command to compare/],
    [{ kind: 'run', commands: ['x {n}'], parameters: { worker: ['1'] } }, /no parameter can have the name 'worker'/]
  ])('is refused when it is %j', async (spec, message) => {
    await expect(draftOf(spec as unknown as JobSpec)).rejects.toThrow(message)
  })

  it('of somebody else has no file of this machine', async () => {
    for (const spec of [
      { kind: 'exec', command: './package.json' },
      { kind: 'exec', command: 'cat', files: ['package.json'] },
      { kind: 'exec', command: 'cat', stdin: 'package.json' }
    ] as JobSpec[]) {
      await expect(draftOf(spec, { onlyGiven: true })).rejects.toThrow(/none of the job's files/)
    }

    // nor is it told whether there is one
    expect((await draftOf({ kind: 'exec', command: 'cat package.json' }, { onlyGiven: true })).hints).toEqual([])
  })
})

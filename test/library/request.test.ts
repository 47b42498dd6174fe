import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
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

  it('brings files back and has data sets, of this machine or given', async () => {
    expect(await draft({ kind: 'exec', command: 'x', collect: ['./out/*', '**/*.log'], collectMax: '1M' })).toMatchObject({ collect: { patterns: ['out/*', '**/*.log'], maxBytes: 1024 ** 2 } })
    expect(await draft({ kind: 'each', command: 'x', items: ['1'], data: { rows: 'package.json', words: { content: 'a b' }, both: { files: [{ name: 'deep/a', content: '1' }, { name: 'b', content: '2' }] } } })).toMatchObject({
      data: [
        { name: 'rows', file: true, files: [{ source: 'package.json' }] },
        { name: 'words', file: true, files: [{ source: Buffer.from('a b') }] },
        { name: 'both', files: [{ path: 'deep/a' }, { path: 'b' }] }
      ]
    })
  })

  it('is a map as its file would say it', async () => {
    const map = { name: 'night', 'report-every': '5s', restart: { when: 'on-failure', max: 2 }, lists: [{ on: 'lab-[1-2]', commands: ['./go 1', { run: ['echo', 7], limits: { memory: '64M' } }] }, { where: 'arch=arm64', 'keep-going': true, commands: [{ run: 'echo "$A"', shell: true, env: { A: 1 } }] }] } as const
    const files = [{ name: 'go', content: '#!/bin/sh' }]
    const spec = await draft({ kind: 'map', map, files, priority: 3, deadline: '1h', collect: ['out/*'] })

    expect(spec).toMatchObject({
      kind: 'exec',
      name: 'night',
      priority: 3,
      deadlineMs: 3_600_000,
      files: [{ path: 'go', executable: true }],
      collect: { patterns: ['out/*'] },
      map: { reportMs: 5_000, lists: [{ worker: 'lab-1', entries: [{ command: 0, restart: { when: 'on-failure', max: 2 } }, { command: 1 }] }, { worker: 'lab-2' }, { where: [{ key: 'arch', value: 'arm64' }], keepGoing: true }] }
    })
    expect(spec.commands).toEqual([
      { argv: ['./go', '1'], program: { kind: 'payload', path: 'go' } },
      { argv: ['echo', '7'], program: { kind: 'name', name: 'echo' }, limits: { memoryBytes: 64 * 1024 ** 2 } },
      { argv: ['sh', '-c', 'echo "$A"'], program: { kind: 'name', name: 'sh' }, name: 'echo "$A"', env: { A: '1' } }
    ])
    expect(await draft({ kind: 'map', map: { yaml: stringify(map) }, files, priority: 3, deadline: '1h', collect: ['out/*'] })).toEqual(spec)
    expect(await draft({ kind: 'map', name: 'other', map, files })).toMatchObject({ name: 'other' })
  })

  it('is the map of a file, whose paths begin where it is', async () => {
    const { files, commands } = await draft({ kind: 'map', map: { file: 'examples/map/jobs.yaml' } })

    expect(commands.length).toBeGreaterThan(0)
    expect(files.map(({ source }: { source: string }) => source)).toContainEqual(expect.stringContaining('/examples/map/'))
  })

  it.each([
    [{ lists: [] }, "map 'lists': lists is empty"],
    [{ lists: [{ on: 'a', commands: ['x', { run: './gone' }] }] }, "map 'lists[0].commands[1].run': program gone does not exist"],
    [{ lists: [{ on: 'a', commands: ['x'], comands: [] }, { commands: [7, { rum: 'x' }] }] }, /^map 'lists\[0\]\.comands': .*did you mean commands\?\nmap 'lists\[1\]': a list must say who does it.*\nmap 'lists\[1\]\.commands\[1\]': a command needs run.*\n.*rum/],
    [{ limits: { memory: 'much' }, lists: [{ on: 'a', commands: ['x'] }] }, "map 'limits.memory': "],
    [[], 'map: a map must be keys with values, not a list'],
    [undefined, 'map: a map must be keys with values, not nothing'],
    [{ yaml: 'lists:\n  - on: a\n' }, 'map:2:5: a list needs commands'],
    [{ file: 'test/gone.yaml' }, 'test/gone.yaml cannot be read']
  ])('that is the map %j is refused with the place', async (map, message) => {
    await expect(draftOf({ kind: 'map', map } as unknown as JobSpec)).rejects.toThrow(message)
  })

  it.each([
    [{ kind: 'exec', command: 'x', data: { '../x': { content: '' } } }, /data set '\.\.\/x' must have a name/],
    [{ kind: 'exec', command: 'x', data: { a: 'gone' } }, /data set a: gone does not exist/],
    [{ kind: 'exec', command: 'x', data: { a: { files: [{ name: '../b', content: '' }] } } }, /'\.\.\/b' must be a path inside/],
    [{ kind: 'exec', command: 'x', data: { a: { files: [{ name: 'b', content: '' }, { name: 'b/c', content: '' }] } } }, /two files would be 'b'/],
    [{ kind: 'exec', command: 'x', data: { a: { files: [] } } }, /data set a has 0 files/],
    [{ kind: 'exec', command: 'x', data: { a: {} } }, /data set a is neither a path/],
    [{ kind: 'exec', command: 'x', data: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`d${n}`, { content: '' }])) }, /17 data sets, and a job can have 16/],
    [{ kind: 'exec', command: 'x', collect: ['../x'] }, /--collect '\.\.\/x'/],
    [{ kind: 'exec', command: 'x', collectMax: '1M' }, /--collect-max has a meaning only/],
    [{ kind: 'map', map: { lists: [{ on: 'a', commands: ['x'] }] }, on: 'all' }, /unknown option 'on' of a job of kind map/],
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
      { kind: 'exec', command: 'cat', stdin: 'package.json' },
      { kind: 'map', map: { lists: [{ on: 'a', commands: ['./package.json'] }] } },
      { kind: 'map', map: { with: 'package.json', lists: [{ on: 'a', commands: ['cat'] }] } },
      { kind: 'map', map: { with: 'package.json=x', lists: [{ on: 'a', commands: ['cat'] }] } },
      { kind: 'map', map: { lists: [{ on: 'a', commands: [{ run: 'cat', stdin: 'package.json' }] }] } }
    ] as JobSpec[]) {
      await expect(draftOf(spec, { onlyGiven: true })).rejects.toThrow(/none of the job's files/)
    }

    // nor is it told whether there is one
    expect((await draftOf({ kind: 'exec', command: 'cat package.json' }, { onlyGiven: true })).hints).toEqual([])
  })
})

import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { draftJob, type DraftRequest } from '../../../../src/roles/client/draft/draft.ts'
import { temporaryFolder } from '../../../cli/helpers.ts'

const REQUEST: DraftRequest = { kind: 'run', words: [], commands: [], names: [], options: {}, on: 'all', plan: { kind: 'fixed', runs: 3, warmup: 0 } }

async function files (...names: string[]): Promise<string> {
  const folder = await temporaryFolder()

  for (const name of names) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), `#!/bin/sh\necho ${name}\n`)
  }

  return folder
}

describe('a job from the command line', () => {
  it('sends a program that is a path under its base name, and leaves a bare name to the worker', async () => {
    const folder = await files('bin/prog', 'data.csv')
    const { draft } = await draftJob({ ...REQUEST, words: [`${folder}/bin/prog`, '-x'], commands: ['sort -n', 'worker:/bin/ls'], options: { with: [`${folder}/data.csv=in/d.csv`], env: ['A=1=2'] } })

    expect(draft.commands.map(({ program }) => program)).toEqual([
      { kind: 'name', name: 'sort' },
      { kind: 'worker', path: '/bin/ls' },
      { kind: 'payload', path: 'prog' }
    ])
    expect(draft.commands[2]?.argv).toEqual([`${folder}/bin/prog`, '-x'])
    expect(draft.files.map(({ path }) => path)).toEqual(['prog', 'in/d.csv'])
    expect(draft.env).toEqual({ A: '1=2' })
    expect(draft.placement).toEqual({ on: 'all', where: [] })
  })

  it('asks only for the limits and protections that were named', async () => {
    const asked = await draftJob({ ...REQUEST, words: ['ls'], options: { timeout: 5_000, tmpFiles: 7, openFiles: 99, require: ['two-uids', 'cgroup', 'two-uids'] } as DraftRequest['options'] })
    const nothing = await draftJob({ ...REQUEST, words: ['ls'] })

    expect(asked.draft).toMatchObject({ limits: { wallMs: 5_000, tmpInodes: 7, openFiles: 99 }, require: ['two-uids', 'cgroup'] })
    expect(Object.keys(asked.draft.limits)).toHaveLength(3)
    expect(nothing.draft.limits).toEqual({})
    expect(nothing.draft).not.toHaveProperty('require')
  })

  it('asks for masters and for another attempt only where it was said, and for the latter only where anybody can do it', async () => {
    const options = { replicas: 2, retryLost: 60_000 }

    expect((await draftJob({ ...REQUEST, words: ['ls'], on: 'any', options })).draft).toMatchObject({ replicas: 2, retryLostMs: 60_000 })
    expect(Object.keys((await draftJob({ ...REQUEST, words: ['ls'] })).draft)).not.toEqual(expect.arrayContaining(['replicas', 'retryLostMs']))
    await expect(draftJob({ ...REQUEST, words: ['ls'], options })).rejects.toThrow('--retry-lost has a meaning only with --on any')
  })

  it('tells whether a file is executable, and needs no such bit itself', async () => {
    const folder = await files('script.sh', 'prog')

    await chmod(join(folder, 'prog'), 0o755)

    const { draft } = await draftJob({ ...REQUEST, commands: [`${folder}/script.sh`, `${folder}/prog`] })

    expect(draft.files.map(({ path, executable }) => [path, executable])).toEqual([['script.sh', false], ['prog', true]])
  })

  it('sends one file once, however often it is named', async () => {
    const folder = await files('prog')
    const { draft } = await draftJob({ ...REQUEST, commands: [`${folder}/prog 1`, `${folder}/prog 2`], options: { with: [`${folder}/prog`], stdin: `${folder}/prog` } })

    expect(draft.files).toHaveLength(1)
    expect(draft.stdin).toBe('prog')
  })

  it('sends programs of one name from several folders beside each other, each once', async () => {
    const folder = await files('old/prog', 'new/prog', 'third/prog', '3')
    const { draft, hints } = await draftJob({
      ...REQUEST,
      commands: ['old/prog a', 'new/prog a', 'third/prog', 'new/prog b', 'old/prog b'].map(line => `${folder}/${line}`),
      options: { with: [`${folder}/3=data`] }
    })

    expect(draft.commands.map(({ program }) => program)).toEqual(['prog', '2/prog', '3/prog', '2/prog', 'prog'].map(path => ({ kind: 'payload', path })))
    expect(draft.files.map(({ path, source }) => [path, source])).toEqual([
      ['prog', `${folder}/old/prog`], ['2/prog', `${folder}/new/prog`], ['3/prog', `${folder}/third/prog`], ['data', `${folder}/3`]
    ])
    expect(hints).toEqual([])
  })

  it('finds another place for a program where a file has its folder', async () => {
    const folder = await files('2', 'old/prog', 'new/prog')
    const { draft } = await draftJob({ ...REQUEST, commands: ['2', 'old/prog', 'new/prog'].map(line => `${folder}/${line}`) })

    expect(draft.files.map(({ path }) => path)).toEqual(['2', 'prog', '3/prog'])
  })

  it('carries hooks, parameters and how it is measured', async () => {
    const { draft, hints } = await draftJob({
      ...REQUEST,
      words: ['make', '-j{n}'],
      hooks: { prepare: ['make clean'] },
      parameters: [{ name: 'n', values: ['1', '2'] }, { name: 'unused', values: ['a'] }],
      measuring: { ignoreFailure: { codes: [1] }, coldCache: true, counters: true, quietMs: 0 }
    })

    expect(draft.commands).toEqual(['1', '2'].map(n => ({
      argv: ['make', `-j${n}`],
      program: { kind: 'name', name: 'make' },
      hooks: { prepare: 'make clean' },
      parameters: { n, unused: 'a' }
    })))
    expect(draft).toMatchObject({ ignoreFailure: { codes: [1] }, coldCache: true, counters: true, quietMs: 0 })
    expect(hints).toEqual(['note: {unused} stands in no command and in no hook: every value of it measures the same'])
  })

  it.each([
    ['a missing program', (dir: string) => ({ words: [`${dir}/missing`] }), 'not-found', /does not exist on this machine/],
    ['a program that the setup makes', (dir: string) => ({ words: [`${dir}/missing`], hooks: { setup: 'make' } }), 'not-found', /; what --setup makes is run by a shell: --shell 'exec .*missing'$/],
    ['a folder as a program', (dir: string) => ({ words: [`${dir}/sub`] }), 'not-executable', /is a folder/],
    ['an empty program', (dir: string) => ({ words: [`${dir}/empty`] }), 'not-executable', /is empty/],
    ['a missing file', (dir: string) => ({ words: ['sort'], options: { with: [`${dir}/missing`] } }), 'not-found', /--with file .*missing does not exist/],
    ['a folder as a file', (dir: string) => ({ words: ['sort'], options: { with: [`${dir}/sub`] } }), 'not-executable', /one --with for each/],
    ['a name outside', (dir: string) => ({ words: ['sort'], options: { with: [`${dir}/a=../a`] } }), 'usage', /inside the program's folder/],
    ['two files of one name', (dir: string) => ({ words: [`${dir}/a`], options: { with: [`${dir}/sub/a`] } }), 'usage', /would both be a/],
    ['a file that is a folder too', (dir: string) => ({ words: [`${dir}/a`], options: { with: [`${dir}/sub/a=a/b`] } }), 'usage', /a file and a folder/],
    ['a variable without a value', () => ({ words: ['sort'], options: { env: ['A'] } }), 'usage', /KEY=VALUE/],
    ['a bad name', () => ({ words: ['sort'], options: { name: '@last' } }), 'usage', /--name '@last'/],
    ['a bad id', () => ({ words: ['sort'], options: { id: 'x' } }), 'usage', /not a ULID/]
  ])('refuses %s before anything is sent', async (_, request, code, message) => {
    const folder = await files('a', 'sub/a')

    await writeFile(join(folder, 'empty'), '')
    await expect(draftJob({ ...REQUEST, ...request(folder) })).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('takes a file whose own name has an equals sign', async () => {
    const folder = await files('a=b')
    const { draft } = await draftJob({ ...REQUEST, words: ['sort'], options: { with: [`${folder}/a=b`] } })

    expect(draft.files[0]?.path).toBe('a=b')
  })

  it('says when an argument names a file that stays here', async () => {
    const { hints } = await draftJob({ ...REQUEST, words: ['python3', 'package.json'] })

    expect(hints).toEqual(['note: package.json stays on this machine: add --with package.json if the program reads it'])
  })
})

describe('a job that builds', () => {
  const before = process.cwd()

  afterEach(() => { process.chdir(before) })

  const drafted = async (folder: string, options: DraftRequest['options'], ...words: string[]): Promise<Awaited<ReturnType<typeof draftJob>>> => {
    process.chdir(folder)

    return draftJob({ ...REQUEST, words, options })
  }

  it('sends what the line names, and not the program that is made', async () => {
    const folder = await files('app.c', 'src/util.c')

    await writeFile(join(folder, 'app'), '\x7fELF of another machine')

    const { draft, hints } = await drafted(folder, { build: 'cc -O2 -o app app.c ./src/util.c /etc/hostname missing.c', buildTimeout: 5_000, buildMemory: 1e9 }, './app', '1')

    expect(draft.commands[0]?.program).toEqual({ kind: 'payload', path: 'app' })
    expect(draft.files.map(({ path }) => path)).toEqual(['app.c', 'src/util.c'])
    expect(draft.build).toEqual({ line: 'cc -O2 -o app app.c ./src/util.c /etc/hostname missing.c', limits: { wallMs: 5_000, memoryBytes: 1e9 } })
    expect(hints).toEqual([])
  })

  it('does not look for a program that is only there afterwards, wherever in the folder, and does send a script', async () => {
    const folder = await files('Makefile', 'run.sh')
    const { draft } = await drafted(folder, { build: 'make', with: ['Makefile'] }, './out/app')
    const script = await drafted(folder, { build: 'make' }, './run.sh')

    expect(draft.commands[0]?.program).toEqual({ kind: 'payload', path: 'out/app' })
    expect(draft.files.map(({ path }) => path)).toEqual(['Makefile'])
    expect(script.draft.files.map(({ path }) => path)).toEqual(['run.sh'])
  })

  it('says when nothing goes along, and refuses what makes no sense', async () => {
    const folder = await files('app.c')

    expect((await drafted(folder, { build: 'make' }, './app')).hints).toEqual(['note: no file goes along for --build: add --with FILE for each that it reads'])
    await expect(drafted(folder, { build: ' ' }, './app')).rejects.toThrow('--build is empty')
    await expect(drafted(folder, { build: 'make' }, '/tmp/app')).rejects.toThrow('what --build makes is in the program\'s folder: write e.g. ./app')
    await expect(drafted(folder, { build: 'make' }, '../app')).rejects.toThrow('what --build makes')
    await expect(drafted(folder, { buildTimeout: 5 }, 'ls')).rejects.toThrow('--build-timeout has a meaning only with --build')
  })
})

describe('a job with a file for each platform', () => {
  it('has each of them apart from the files of all, and runs them under one name', async () => {
    const folder = await files('arm/app', 'x64/app')
    const { draft } = await draftJob({ ...REQUEST, words: ['./app', '1'], options: { variant: [`arch=arm64:${folder}/arm/app`, `arch=x64,cores=8..:${folder}/x64/app`] } })

    expect(draft.commands[0]).toMatchObject({ argv: ['./app', '1'], program: { kind: 'payload', path: 'app' } })
    expect(draft.files).toEqual([])
    expect(draft.variants).toEqual({
      program: 'app',
      choices: [
        { where: [{ key: 'arch', value: 'arm64' }], path: '.variants/1/app', file: { source: `${folder}/arm/app`, path: '.variants/1/app', executable: true } },
        { where: [{ key: 'arch', value: 'x64' }, { key: 'cores', value: '8..' }], path: '.variants/2/app', file: { source: `${folder}/x64/app`, path: '.variants/2/app', executable: true } }
      ]
    })
  })

  it('takes what was given out of the files of all, unless it is needed as another one too', async () => {
    const given = ['arm', 'x64', 'data'].map(path => ({ path, source: Buffer.from(path) }))
    const variant = ['arch=arm64:arm', 'arch=x64:x64', 'cores=2..:x64']
    const { draft } = await draftJob({ ...REQUEST, words: ['./app'], options: { variant }, given })

    expect(draft.files.map(({ path }) => path)).toEqual(['data'])
    expect(draft.variants?.choices.map(({ path, file }) => [path, file.path])).toEqual([['arm', 'arm'], ['x64', 'x64'], ['x64', 'x64']])

    const needed = await draftJob({ ...REQUEST, words: ['./app'], options: { variant, stdin: 'x64' }, given })

    expect(needed.draft.files.map(({ path }) => path)).toEqual(['data', 'x64'])
  })

  it.each([
    [['./app'], ['./app'], "--variant './app' is not CONDITION:FILE"],
    [['./app'], ['speed=1:./app'], "--where does not know 'speed'"],
    [['./app'], ['arch=x64:./missing'], '--variant file ./missing does not exist'],
    [['worker:/bin/ls'], ['arch=x64:./app'], 'is the worker\'s: name it e.g. ./app']
  ])('%j with %j is refused: %s', async (words, variant, message) => {
    await expect(draftJob({ ...REQUEST, words, options: { variant } })).rejects.toThrow(message)
  })

  it('does not build, and is one program', async () => {
    await expect(draftJob({ ...REQUEST, words: ['./app'], options: { variant: ['arch=x64:a'], build: 'make' } })).rejects.toThrow('--variant and --build')
    await expect(draftJob({ ...REQUEST, commands: ['./app', './other'], options: { variant: ['arch=x64:a'] } })).rejects.toThrow('--variant is for one program, and ./app and ./other are two')
  })
})

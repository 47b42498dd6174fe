import { appendFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { type Baseline, encodeBaseline, parseBaseline } from '../../../src/cli/baselines/baseline-format.ts'
import { baselinesDir, checkBaselineName, listBaselines, loadBaseline, removeBaseline, stageBaseline } from '../../../src/cli/baselines/baselines.ts'
import { JOB_ID } from '../fixtures.ts'
import { temporaryFolder, type } from '../helpers.ts'

const RESULT = { worker: 'lab-01', peerId: 'p1', cpu: 'Cortex-A76', runs: 6, medianNs: 41.2e6, interval: { lowNs: -1, highNs: 42e6 }, cpuNs: 40e6 }

function described (values: Partial<Baseline> = {}): Omit<Baseline, 'files'> {
  return {
    name: 'main',
    savedAt: 1_700_000_000_000,
    job: JOB_ID,
    command: { argv: ['./prog', '7'], program: { kind: 'payload', path: 'prog' } },
    env: { MODE: 'x' },
    results: [RESULT],
    ...values
  }
}

/** A baseline of one program with this text. */
async function save (text: string, values: Partial<Baseline> = {}): Promise<string | undefined> {
  const staged = await stageBaseline([{ source: Buffer.from(text), path: 'prog', executable: true }])

  try {
    return await staged.commit(described(values))
  } finally {
    await staged.discard()
  }
}

async function contentOf (name: string): Promise<string[]> {
  const baseline = await loadBaseline(name)

  return await Promise.all(baseline.files.map(async file => await readFile(baseline.sourceOf(file), 'utf8')))
}

let data: string

beforeEach(async () => {
  data = await temporaryFolder()
  vi.stubEnv('MESHMARK_DATA', data)

  return () => { vi.unstubAllEnvs() }
})

describe('a baseline in the store', () => {
  it('comes back with everything it was saved with', async () => {
    const folder = await temporaryFolder()

    await writeFile(join(folder, 'prog'), 'one', { mode: 0o755 })
    await writeFile(join(folder, 'twin'), 'one')

    const staged = await stageBaseline([{ source: join(folder, 'prog'), path: 'prog' }, { source: join(folder, 'twin'), path: 'in/twin' }])
    // What comes afterwards is not what ran.
    await writeFile(join(folder, 'prog'), 'changed')
    await staged.commit(described({ stdin: 'in/twin', command: { argv: ['./prog'], program: { kind: 'payload', path: 'prog' }, name: 'p', hooks: { setup: 'a', cleanup: 'b' }, parameters: { n: '1' } } }))
    await staged.discard()

    const loaded = await loadBaseline('main')

    expect(loaded).toMatchObject({ stdin: 'in/twin', env: { MODE: 'x' }, results: [RESULT], command: { name: 'p', hooks: { setup: 'a', cleanup: 'b' }, parameters: { n: '1' } } })
    expect(loaded.files.map(({ path, size, executable }) => [path, size, executable])).toEqual([['prog', 3, true], ['in/twin', 3, false]])
    expect(await contentOf('main')).toEqual(['one', 'one'])
    expect(await readdir(baselinesDir())).toEqual(['main'])
  })

  it('is replaced whole, and says by what; what it no longer needs is gone', async () => {
    expect(await save('one')).toBeUndefined()
    expect(await save('two')).toMatch(/^the one of 2023-11-14, job q7x2m9ka$/)
    expect(await contentOf('main')).toEqual(['two'])
    expect(await readdir(join(baselinesDir(), 'main', 'files'))).toHaveLength(1)
  })

  it('leaves nothing when it is not saved', async () => {
    await (await stageBaseline([{ source: Buffer.from('x'), path: 'prog' }])).discard()

    expect(await readdir(baselinesDir())).toEqual([])
    await expect(stageBaseline([{ source: join(data, 'nothing'), path: 'prog' }])).rejects.toThrow(/ENOENT/)
    expect(await readdir(baselinesDir())).toEqual([])
  })

  it('clears away what a process left that died, and not what one that lives is about to save', async () => {
    const living = await stageBaseline([{ source: Buffer.from('x'), path: 'prog' }])
    const abandoned = join(baselinesDir(), '.staging-0123456789ab')

    await mkdir(abandoned)

    const other = await stageBaseline([])

    expect(await readdir(baselinesDir())).toHaveLength(2)
    await other.discard()
    await living.commit(described())
    await living.discard()
    expect(await readdir(baselinesDir())).toEqual(['main'])
  })

  it('is removed, and unknown then', async () => {
    await save('one')
    await removeBaseline('main')

    expect(await readdir(baselinesDir())).toEqual([])
    await expect(removeBaseline('main')).rejects.toThrow(/there is no baseline main/)
    await expect(loadBaseline('main')).rejects.toThrow(/there is no baseline main in .*baseline ls shows what there is/)
  })

  it('has a name that is no path and not hidden', () => {
    for (const name of ['', '.', '..', '.x', 'a/b', 'a b', '-x', 'x'.repeat(65), 'a\n']) {
      expect(() => checkBaselineName('--baseline', name)).toThrow(/--baseline '.*' must be at most 64 letters/)
    }

    expect(['main', 'v1.2-rc_3', '9'].map(name => checkBaselineName('--baseline', name))).toEqual(['main', 'v1.2-rc_3', '9'])
  })
})

describe('a damaged baseline', () => {
  const description = (): string => join(baselinesDir(), 'main', 'baseline.json')

  async function content (): Promise<string> {
    const [name] = await readdir(join(baselinesDir(), 'main', 'files'))

    return join(baselinesDir(), 'main', 'files', name ?? '')
  }

  async function change (edit: (value: any) => void): Promise<void> {
    const value = JSON.parse(await readFile(description(), 'utf8'))

    edit(value)
    await writeFile(description(), JSON.stringify(value))
  }

  it.each<[string, () => Promise<void>, RegExp]>([
    ['whose program has other content', async () => { await writeFile(await content(), 'two') }, /prog \(.*\): its content is not what was saved/],
    ['whose program has grown', async () => { await appendFile(await content(), 'more') }, /prog \(.*\): its content is not what was saved/],
    ['whose program is gone', async () => { await rm(await content()) }, /prog \(.*\): it is missing/],
    ['whose program is a link', async () => {
      const path = await content()

      await rm(path)
      await symlink('/etc/passwd', path)
    }, /prog \(.*\): it is a link/],
    ['without a description', async () => { await rm(description()) }, /baseline\.json: it is missing/],
    ['with half a description', async () => { await writeFile(description(), (await readFile(description(), 'utf8')).slice(0, 200)) }, /baseline\.json is not JSON/],
    ['with another name', async () => { await change(value => { value.name = 'other' }) }, /describes a baseline called other/],
    ['of a later version', async () => { await change(value => { value.version = 2 }) }, /version is 2: it must be 1/],
    ['with a path that leaves the payload', async () => { await change(value => { value.files[0].path = '../../etc/passwd' }) }, /files\[0\]\.path is .*: it must be a path inside the payload/],
    ['with a digest that is a path', async () => { await change(value => { value.files[0].sha256 = '../../../../etc/passwd' }) }, /files\[0\]\.sha256 is .*SHA-256/],
    ['without its program among its files', async () => { await change(value => { value.files = [] }) }, /prog is not among its files/],
    ['with words that are none', async () => { await change(value => { value.command.argv = ['x', 5] }) }, /command\.argv\[1\] is 5: it must be a text/]
  ])('%s is named and refused', async (_, damage, message) => {
    await save('one')
    await damage()

    const err = await loadBaseline('main').catch(err => err)

    expect(err.message).toMatch(/^baseline main is damaged and is not used: [^\n]*; save it again, or remove it with meshmark baseline rm main$/)
    expect(err.message).toMatch(message)
    expect(err.code).toBe('failed')
    // Saving it again mends it, although a file of that content is there already.
    expect(await save('one')).toMatch(/^(?:a damaged one|the one of 2023-11-14, job q7x2m9ka)$/)
    expect(await contentOf('main')).toEqual(['one'])
  })

  it('does not hide the others', async () => {
    await save('one')
    await save('two', { name: 'other' })
    await writeFile(description(), '')

    const [main, other] = await listBaselines()

    expect(main?.damage).toMatch(/baseline main is damaged/)
    expect(other).toMatchObject({ name: 'other', baseline: { job: JOB_ID } })

    const { code, out, err } = await type(['baseline', 'ls'])

    expect(code).toBe(0)
    expect(out).toMatch(/^main +damaged/m)
    expect(out).toMatch(/^other +\.\/prog 7/m)
    expect(err).toMatch(/baseline main is damaged/)
  })
})

describe('the description of a baseline', () => {
  it('is read as it was written', () => {
    const baseline = { ...described(), files: [{ path: 'prog', size: 3, executable: true, sha256: 'a'.repeat(64) }] }

    expect(parseBaseline(encodeBaseline(baseline), 'f')).toEqual(baseline)
  })

  it('is not written when it could not be read', () => {
    expect(() => encodeBaseline({ ...described({ results: [{ ...RESULT, medianNs: NaN }] }), files: [{ path: 'prog', size: 3, executable: true, sha256: 'a'.repeat(64) }] })).toThrow(/results\[0\]\.medianNs is missing/)
  })
})

describe('baselines on the command line', () => {
  it('are listed, shown and removed without a mesh', async () => {
    await save('one')

    expect((await type(['baseline', 'ls', '--format', 'json'])).out).toContain('"name": "main"')
    expect((await type(['baseline', 'show', 'main'])).out).toMatch(/^command {2}\.\/prog 7\nenv {6}MODE=x\nfile {5}prog {2}3 B {2}sha256 [0-9a-f]{64}\nsaved {4}2023-11-14T22:13:20\.000Z, job q7x2m9ka\n\nworker +cpu +runs.*\nlab-01 +Cortex-A76 +6 +/)
    expect(await type(['baseline', 'rm', 'main'])).toMatchObject({ code: 0, err: 'removed baseline main\n' })
    expect(await type(['baseline', 'ls'])).toMatchObject({ code: 0, out: 'no baselines\n' })
  })

  it.each([
    [['run', '--save-baseline', '../x', 'ls'], /--save-baseline '\.\.\/x' must be/],
    [['run', '--save-baseline', 'x', '--detach', 'ls'], /--save-baseline x waits for the results: leave --detach out/],
    [['run', '--save-baseline', 'x', '--command', 'ls', 'true'], /a baseline is one command, and there are 2/],
    [['run', '--baseline', 'x', 'ls'], /there is no baseline x in/],
    [['compare', '--baseline', 'x', 'ls'], /there is no baseline x in/],
    [['compare', '--baseline', 'x'], /one command to compare/],
    [['baseline', 'rm', 'x'], /there is no baseline x in/],
    [['baseline', 'show', '..'], /must be at most 64/],
    [['baseline'], /baseline needs one of ls, show, rm/]
  ])('%j is wrong usage and says why', async (argv, message) => {
    const { code, out, err } = await type(argv)

    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(message)
    expect(err).toMatch(/^meshmark: [^\n]*\n$/)
  })
})

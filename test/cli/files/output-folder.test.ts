import { mkdir, readdir, readFile, rm, stat, symlink, link, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { OutputFolder } from '../../../src/cli/files/output-folder.ts'
import { startChild, useTemporaryDir } from '../../store/child.ts'
import { JOB_ID } from '../fixtures.ts'

const OTHER = `${JOB_ID.slice(0, -1)}B`

describe('a folder with what programs print', () => {
  const dir = useTemporaryDir()
  const out = (): string => join(dir(), 'deep', 'out')
  const text = async (...path: string[]): Promise<string> => readFile(join(out(), ...path), 'utf8')

  it('is made, and has each stream whole whatever comes twice', async () => {
    const folder = await OutputFolder.open(out(), JOB_ID)

    await folder.write('lab-1/1-a.stdout', 0, Buffer.from('one '))
    await folder.write('lab-1/1-a.stdout', 4, Buffer.from('two '))
    await folder.write('lab-1/1-a.stdout', 2, Buffer.from('e two three'))
    await folder.write('lab-1/1-a.stdout', 0, Buffer.from('one'))
    await folder.close()

    expect(await text('lab-1', '1-a.stdout')).toBe('one two three')
  })

  it('goes on where another client stopped in the middle, and leaves no hole', async () => {
    const first = await OutputFolder.open(out(), JOB_ID)
    await first.write('lab-1/1-a.stdout', 0, Buffer.from('one t'))
    await first.close()

    const second = await OutputFolder.open(out(), JOB_ID)
    await second.write('lab-1/1-a.stdout', 0, Buffer.from('one two'))
    await expect(second.write('lab-1/1-a.stdout', 9, Buffer.from('x'))).rejects.toThrow(/has 7 bytes, and what comes next begins at byte 9/)
    await second.close()

    expect(await text('lab-1', '1-a.stdout')).toBe('one two')
  })

  it('belongs to one job', async () => {
    await (await OutputFolder.open(out(), JOB_ID)).close()

    await expect(OutputFolder.open(out(), OTHER)).rejects.toThrow(/has the output of job \S+: name another folder, or remove it/)
    await expect(OutputFolder.check(out())).rejects.toMatchObject({ code: 'usage' })
  })

  it('that somebody was about to begin is anybody\'s', async () => {
    await mkdir(out(), { recursive: true })
    await writeFile(join(out(), '.meshmark-job'), '')

    await (await OutputFolder.open(out(), JOB_ID)).close()
    expect(await text('.meshmark-job')).toBe(`${JOB_ID}\n`)
  })

  it('writes over no file of somebody else, through no link, into no pipe, and into no file with a second name', async () => {
    await mkdir(join(out(), 'lab-1'), { recursive: true })
    await writeFile(join(dir(), 'precious'), 'precious')
    await writeFile(join(out(), 'lab-1', 'theirs'), 'theirs')

    const fresh = await OutputFolder.open(out(), JOB_ID)
    await expect(fresh.write('lab-1/theirs', 0, Buffer.from('x'))).rejects.toThrow(/theirs cannot be written: there is a file in its place$/)
    await fresh.close()

    await symlink(join(dir(), 'precious'), join(out(), 'lab-1', 'linked'))
    await symlink(dir(), join(out(), 'lab-2'))
    await link(join(dir(), 'precious'), join(out(), 'lab-1', 'second name'))
    execFileSync('mkfifo', [join(out(), 'lab-1', 'pipe')])

    const again = await OutputFolder.open(out(), JOB_ID)
    await expect(again.write('lab-1/linked', 0, Buffer.from('x'))).rejects.toThrow(/linked cannot be written: it is a link$/)
    await expect(again.write('lab-1/second name', 0, Buffer.from('x'))).rejects.toThrow(/is not a file of its own/)
    await expect(again.write('lab-1/pipe', 0, Buffer.from('x'))).rejects.toThrow(/pipe cannot be written: it is a pipe$/)
    await expect(again.write('lab-2/1-a', 0, Buffer.from('x'))).rejects.toThrow(/lab-2 is not a folder but a link or a file/)
    await again.close()

    expect(await readFile(join(dir(), 'precious'), 'utf8')).toBe('precious')
    expect(await text('lab-1', 'theirs')).toBe('theirs')
    expect((await readdir(dir())).sort()).toEqual(['deep', 'precious'])
  })

  it('whose mark is a link is not marked through it', async () => {
    await mkdir(out(), { recursive: true })
    await symlink(join(dir(), 'elsewhere'), join(out(), '.meshmark-job'))

    await expect(OutputFolder.open(out(), JOB_ID)).rejects.toThrow(/cannot be written: it is a link$/)
    await expect(stat(join(dir(), 'elsewhere'))).rejects.toThrow()
  })

  it('takes the place of what is in its files when it is to, once, and of nothing else', async () => {
    await mkdir(out(), { recursive: true })
    await writeFile(join(out(), '1.stdout'), 'of an earlier time, and longer')
    await writeFile(join(out(), '2.stdout'), 'stays')

    const folder = await OutputFolder.replacing(out())
    await folder.write('1.stdout', 0, Buffer.from('one '))
    await folder.write('1.stdout', 4, Buffer.from('two'))
    await folder.close()

    expect(await text('1.stdout')).toBe('one two')
    expect(await text('2.stdout')).toBe('stays')
  })

  it('writes into more files than are open at once, in turns', async () => {
    const files = Array.from({ length: 100 }, (_, at) => `w${at % 7}/${at}.stdout`)
    const folder = await OutputFolder.replacing(out())

    for (let round = 0; round < 3; round++) {
      for (const file of files) {
        await folder.write(file, 2 * round, Buffer.from(`${round};`))
        expect((await readdir('/proc/self/fd').catch(() => [])).length).toBeLessThan(200)
      }
    }

    await folder.close()
    expect(await Promise.all(files.map(async file => text(file)))).toEqual(files.map(() => '0;1;2;'))
  })

  it('says what is wrong with a place where it cannot be', async () => {
    await writeFile(join(dir(), 'file'), '')

    await expect(OutputFolder.open(join(dir(), 'file'), JOB_ID)).rejects.toThrow(/file cannot be written: a part of it is no folder$/)
    await expect(OutputFolder.replacing(join(dir(), 'file', 'x'))).rejects.toThrow(/cannot be written: a part of it is no folder$/)
    await expect(OutputFolder.open(join(dir(), 'n'.repeat(300)), JOB_ID)).rejects.toThrow(/cannot be written: its name is too long$/)
  })
})

// the effects of a disk need a disk: in a mount namespace of its own, gone with the process
describe.skipIf(process.getuid?.() !== 0)('a folder on a disk that is full', () => {
  const mount = mkdtempSync(join(tmpdir(), 'meshmark-disk-'))

  afterAll(() => { rmSync(mount, { recursive: true, force: true }) })

  it('says so, and goes on without a hole when there is room again', async () => {
    const child = startChild(`
      import { OutputFolder } from './cli/files/output-folder.ts'
      import { execFileSync } from 'node:child_process'
      import { readFileSync, rmSync, writeFileSync } from 'node:fs'`, `
      const [mount] = args
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount])
      writeFileSync(mount + '/ballast', Buffer.alloc(20_000))
      const data = Buffer.from(Array.from({ length: 50_000 }, (_, at) => at % 251))
      const first = await OutputFolder.open(mount + '/out', '${JOB_ID}')
      print(await first.write('w/1.stdout', 0, data).then(() => 'written', err => err.code + ' ' + err.message))
      await first.close()
      rmSync(mount + '/ballast')
      const again = await OutputFolder.open(mount + '/out', '${JOB_ID}')
      await again.write('w/1.stdout', 0, data)
      await again.close()
      print(String(readFileSync(mount + '/out/w/1.stdout').equals(data)))`, { args: [mount], wrapper: ['unshare', '-m', '--propagation', 'private'] })

    expect(await child.line()).toBe(`usage ${mount}/out/w/1.stdout cannot be written: the disk is full`)
    expect(await child.line()).toBe('true')
    expect(await child.exited).toBe(0)
    await rm(mount, { recursive: true })
  })
})

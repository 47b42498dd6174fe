import { readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ItemKeeper } from '../../../src/cli/job/item-keeper.ts'
import { doneOf, Joblog } from '../../../src/cli/files/joblog.ts'
import { OutputFolder } from '../../../src/cli/files/output-folder.ts'
import { JOBLOG_HEADER } from '../../../src/report/joblog.ts'
import { temporaryFolder } from '../helpers.ts'
import type { Logged } from '../../../src/cli/files/joblog.ts'
import type { ItemEnd } from '../../../src/node/protocol/submit/messages.ts'

const ITEMS = ['alpha', 'beta', 'gamma', 'delta']
const LOGGED: Logged = { command: { argv: ['./solve', '{}'] }, items: ITEMS }

function item (task: number, values: Partial<ItemEnd> = {}): ItemEnd {
  return { task: String(task), execution: `e${task}`, workerName: 'lab-1', state: 'done', exit: { kind: 'code', code: 0 }, startedAt: 1_000, wallNs: 5e6, stdoutBytes: values.stdout?.byteLength ?? 0, stderrBytes: values.stderr?.byteLength ?? 0, ...values }
}

function numbers (done: { has: (number: number) => boolean }): number[] {
  return ITEMS.map((_, at) => at + 1).filter(number => done.has(number))
}

async function written (ends: ItemEnd[], goOn = false, path?: string): Promise<string> {
  const file = path ?? join(await temporaryFolder(), 'log')
  const log = await Joblog.open(file, LOGGED, goOn)

  await log.add(ends)
  await log.close()

  return file
}

describe('a log that is gone on with', () => {
  it('leaves out what is in it, or only what succeeded', async () => {
    const path = await written([item(3), item(1, { state: 'failed', exit: { kind: 'code', code: 4 } }), item(2, { state: 'cancelled' })])

    expect(numbers(await doneOf(path, LOGGED, true))).toEqual([1, 3])
    expect(numbers(await doneOf(path, LOGGED, false))).toEqual([3])
  })

  it('takes the last word on an item', async () => {
    const path = await written([item(1, { state: 'failed', exit: { kind: 'code', code: 4 } }), item(2)])

    await written([item(1), item(2, { state: 'failed', exit: { kind: 'signal', signal: 'SIGKILL' } })], true, path)
    expect(numbers(await doneOf(path, LOGGED, false))).toEqual([1])
  })

  it('that is not there, is empty, or has a heading only says so of none', async () => {
    const folder = await temporaryFolder()

    await writeFile(join(folder, 'empty'), '')
    await writeFile(join(folder, 'heading'), JOBLOG_HEADER)

    for (const name of ['none', 'empty', 'heading']) {
      expect((await doneOf(join(folder, name), LOGGED, true)).count).toBe(0)
    }
  })

  it('whose last line was cut off loses that line, and nothing else', async () => {
    const path = await written([item(1), item(2)])
    const whole = await readFile(path, 'utf8')

    for (const left of [1, 10, 30]) {
      await writeFile(path, whole.slice(0, -left))

      expect(numbers(await doneOf(path, LOGGED, true))).toEqual([1])
      expect(await readFile(path, 'utf8')).toBe(whole.slice(0, whole.slice(0, -1).lastIndexOf('\n') + 1))
    }

    // what comes next stands on a line of its own
    await written([item(2)], true, path)
    expect(await readFile(path, 'utf8')).toBe(whole)
    // the heading, too
    await writeFile(path, JOBLOG_HEADER.slice(0, 9))
    expect((await doneOf(path, LOGGED, true)).count).toBe(0)
    await written([item(1), item(2)], true, path)
    expect(await readFile(path, 'utf8')).toBe(whole)
  })

  it.each<[string, (line: string) => string, RegExp]>([
    ['another command', line => line.replace('./solve', './other'), /:2: item 1 was another command: name the log of this very command, or leave --resume out/],
    ['another item', line => line.replace('alpha', 'omega'), /:2: item 1 was another command/],
    ['more items', line => line.replace(/^1\t/m, '5\t'), /:2: item 5 is none of the 4 items/],
    ['something else', () => 'hello\nworld\n', /:1: this is no line of a job log/],
    ['damage in the middle', line => `${line.replace('\t0\t0\t./solve', '\t\0\t0\t./solve')}${line}`, /:2: this is no line of a job log/],
    ['a line without an end', () => 'x'.repeat(1_100_000), /is no job log: it has a line of more than 1048576 bytes/]
  ])('is refused when it is of %s, and is left as it is', async (_, change, message) => {
    const path = await written([item(1)])

    await writeFile(path, change(await readFile(path, 'utf8')))
    const before = await readFile(path)

    await expect(doneOf(path, LOGGED, true)).rejects.toThrow(message)
    expect((await readFile(path)).equals(before)).toBe(true)
  })

  it('that cannot be read or written says why in words', async () => {
    const folder = await temporaryFolder()

    await symlink('loop', join(folder, 'loop'))
    await expect(doneOf(folder, LOGGED, true)).rejects.toThrow(/^--joblog .* cannot be read: it is a folder$/)
    await expect(Joblog.open(folder, LOGGED, false)).rejects.toThrow(/^--joblog .* cannot be written: it is a folder$/)
    await expect(Joblog.open(join(folder, 'none', 'log'), LOGGED, false)).rejects.toThrow(/cannot be written: there is no such file or folder$/)
    await expect(Joblog.open(join(folder, 'loop'), LOGGED, false)).rejects.toThrow(/cannot be written: it is a link$/)
  })

  it.skipIf(process.platform !== 'linux')('on a disk that is full says so', async () => {
    await expect(Joblog.open('/dev/full', LOGGED, false)).rejects.toThrow('--joblog /dev/full cannot be written: the disk is full')
  })
})

describe('results of items', () => {
  it('are complete before an item is in the log, and take the place of what an earlier time left', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'log')
    const dir = join(folder, 'results')

    await (await OutputFolder.replacing(dir)).close()
    await writeFile(join(dir, '1.stdout'), 'of an earlier time, and longer')
    await writeFile(join(dir, '2.stderr'), 'of an earlier time')
    await writeFile(join(dir, 'notes'), 'somebody\'s')

    const log = await Joblog.open(path, LOGGED, false)
    const keeper = new ItemKeeper({ log, results: await OutputFolder.replacing(dir) })

    await keeper.takeItems([item(1, { stdout: Buffer.from('one\n') }), item(2, { stdoutBytes: 6 })])
    await keeper.takeOutput({ kind: 'output', execution: 'e2', task: '2', stream: 'stdout', offset: 0, data: Buffer.from('tw') })
    expect(numbers(await doneOf(path, LOGGED, true))).toEqual([1])
    await keeper.takeOutput({ kind: 'output', execution: 'e2', task: '2', stream: 'stdout', offset: 2, data: Buffer.from('o!!\n') })
    expect(numbers(await doneOf(path, LOGGED, true))).toEqual([1, 2])
    await keeper.close()

    expect(await readFile(join(dir, '1.stdout'), 'utf8')).toBe('one\n')
    expect(await readFile(join(dir, '2.stdout'), 'utf8')).toBe('two!!\n')
    expect((await stat(join(dir, '2.stderr'))).size).toBe(0)
    expect(await readFile(join(dir, 'notes'), 'utf8')).toBe('somebody\'s')
  })
})

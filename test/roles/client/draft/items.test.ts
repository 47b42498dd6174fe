import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { itemLine, Speed } from '../../../../src/cli/progress/item-progress.ts'
import { checkItemCommand, itemsOfWords, readItems, splitItems } from '../../../../src/roles/client/draft/items.ts'
import { temporaryFolder, testContext, type } from '../../../cli/helpers.ts'

async function itemsIn (content: string | Uint8Array): Promise<{ items: string[], empty: number }> {
  const file = join(await temporaryFolder(), 'items')

  await writeFile(file, content)

  return readItems(file, testContext())
}

describe('items', () => {
  it('are the lines of a file; empty ones are counted', async () => {
    expect(await itemsIn('a\n\n b c \r\n\r\nd')).toEqual({ items: ['a', ' b c ', 'd'], empty: 2 })
  })

  it('are the lines of standard input', async () => {
    expect(await readItems('-', testContext({ stdin: 'x\ny\n' }))).toEqual({ items: ['x', 'y'], empty: 0 })
  })

  it('are whole, wherever the pieces of the file end', async () => {
    const lines = Array.from({ length: 20_000 }, (_, number) => `line ${number} ä`)

    expect((await itemsIn(lines.join('\n'))).items).toEqual(lines)
  })

  it('are the words behind :::', () => {
    expect(splitItems(['p', '-x', ':::', 'a', 'b c'])).toEqual({ words: ['p', '-x'], items: ['a', 'b c'] })
    expect(splitItems(['p', 'a'])).toEqual({ words: ['p', 'a'] })
    expect(itemsOfWords(['a', '', 'b c'])).toEqual({ items: ['a', 'b c'], empty: 1 })
    expect(() => splitItems(['p', ':::', 'a', ':::', 'b'])).toThrow('::: stands there twice')
  })

  it.each([
    ['', 'has no items: write one on each line'],
    ['\n\n\n', 'has no items, only 3 empty lines: write one on each line'],
    ['a\n'.repeat(100_001), 'has more than the 100000 items that one job can have: split it'],
    [`a\n${'x'.repeat(65_537)}\nb`, 'line 2 of'],
    [`${'x'.repeat(300_000)}`, 'is longer than the 65536 bytes that an item may have: put the data into a file'],
    [`${'x'.repeat(60_000)}\n`.repeat(170), 'have more than the 10000000 bytes'],
    ['a\nb\0c\n', 'line 2 of'],
    [Buffer.from([0x61, 0x0a, 0xff, 0x0a]), 'is not UTF-8: convert it first']
  ])('that cannot be are refused with what to do (%#)', async (content, message) => {
    await expect(itemsIn(content)).rejects.toThrow(message)
  })

  it('go into arguments, not into the program, and into words that Linux takes', () => {
    expect(() => { checkItemCommand(['./{}'], { items: ['a'], empty: 0 }) }).toThrow("the program './{}' has {} in its name")
    expect(() => { checkItemCommand(['echo', '{}{}{}'], { items: ['a', 'x'.repeat(60_000)], empty: 0 }) }).toThrow('has 180000 bytes')
    checkItemCommand(['echo', '{}'], { items: ['x'.repeat(65_536)], empty: 0 })
  })

  it.each([
    [['exec', '--each', 'f', 'echo', ':::', 'a'], '--each and ::: both give items'],
    [['exec', '--each', '-', '--stdin', '-', 'cat'], 'both read standard input'],
    [['exec', '-k', 'echo'], '--keep-order has a meaning only for items'],
    [['exec', 'echo', ':::'], 'there are no items behind :::'],
    [['exec', '--on', 'all', 'echo', ':::', 'a'], '--on must be any'],
    [['exec', '--shell', 'echo {}', ':::', 'a'], 'write "$1" instead'],
    [['exec', '--each', '/nonexistent/items', 'echo'], '--each /nonexistent/items cannot be read']
  ])('need a command line that can be meant (%#)', async (argv, message) => {
    const { code, err } = await type(argv)

    expect(err).toContain(message)
    expect(code).toBe(125)
    expect(err.trim().split('\n')).toHaveLength(1)
  })
})

describe('the progress of items', () => {
  it('counts what is done, runs and failed, and leaves out what there is none of', () => {
    expect(itemLine([{ state: 'done', count: 1_200 }, { state: 'failed', count: 2 }, { state: 'limit', count: 1 }, { state: 'running', count: 3 }, { state: 'starting', count: 1 }, { state: 'queued', count: 8_793 }], 411.6, 12_300))
      .toBe('1,200 of 10,000 done · 4 running · 3 failed · 412/s · 12 s')
    expect(itemLine([{ state: 'queued', count: 5 }], undefined, 0)).toBe('0 of 5 done · 0 s')
  })

  it('tells the speed of the last seconds', () => {
    const speed = new Speed()

    speed.take(0, 0)
    expect(speed.perSecond(1_000)).toBeUndefined()
    speed.take(1_000, 100)
    expect(speed.perSecond(1_000)).toBe(100)

    for (let second = 2; second <= 20; second++) {
      speed.take(second * 1_000, 100 + (second - 1) * 10)
    }

    expect(speed.perSecond(20_000)).toBe(10)
  })
})

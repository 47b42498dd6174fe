import { describe, expect, it } from 'vitest'
import { addOutput, KEPT, MAX_PIECES, NO_OUTPUT, type Output } from '../../src/dashboard/state/output.ts'

/** What comes next of a stream. */
function add (output: Output, stream: 'stdout' | 'stderr', data: { text: string } | { base64: string }): Output {
  return addOutput(output, { execution: 'e', stream, offset: output.ends[`e/${stream}`] ?? 0, ...data })
}

describe('the output that is kept', () => {
  const base64 = (...bytes: number[]): { base64: string } => ({ base64: Buffer.from(bytes).toString('base64') })

  it('joins a character that came in two pieces, of each stream on its own', () => {
    const output = [['stdout', base64(0x61, 0xe2, 0x82)], ['stderr', { text: '!' }], ['stdout', base64(0xac, 0x62)]] as const
    const { pieces } = output.reduce((output, [stream, data]) => add(output, stream, data), NO_OUTPUT)

    expect(pieces.map(({ text }) => text).join('')).toBe('a!€b')
  })

  it('shows that a character never came to its end', () => {
    const { pieces } = add(add(NO_OUTPUT, 'stdout', base64(0x61, 0xe2, 0x82)), 'stdout', { text: 'b' })

    expect(pieces.map(({ text }) => text).join('')).toBe('a\ufffdb')
  })

  it('has no piece without a text, and a number for each that stays its own', () => {
    let output = [['stdout', { text: 'a' }], ['stderr', base64(0xe2)], ['stderr', base64(0x82, 0xac)]].reduce((output, [stream, data]) => add(output, stream as 'stdout', data as { text: string }), NO_OUTPUT)

    expect(output.pieces.map(({ text }) => text)).toEqual(['a', '€'])

    for (let index = 0; index < MAX_PIECES; index++) {
      output = add(output, index % 2 === 0 ? 'stdout' : 'stderr', { text: 'x' })
    }

    expect(output.gone).toBe(2)
  })

  it('counts bytes and not characters of what is not kept', () => {
    expect(add(NO_OUTPUT, 'stdout', { text: '€'.repeat(KEPT + 2) })).toMatchObject({ size: KEPT, dropped: 6, pieces: [{ bytes: 3 * KEPT }] })
  })

  it('is the end of it, and how much came before', () => {
    let output = NO_OUTPUT

    for (let count = 0; count < 100; count++) {
      output = add(output, 'stdout', { text: `${count}`.padStart(6_000, '.') })
    }

    expect(output.size).toBeLessThanOrEqual(KEPT)
    expect(output.size + output.dropped).toBe(100 * 6_000)
    expect(output.pieces.at(-1)?.text.endsWith('99')).toBe(true)
  })

  it('is bounded when everything comes at once', () => {
    expect(add(NO_OUTPUT, 'stdout', { text: 'x'.repeat(KEPT * 3) })).toMatchObject({ size: KEPT, dropped: KEPT * 2 })
  })

  it('is kept in a bounded number of pieces, however its streams take turns', () => {
    let output = NO_OUTPUT

    for (let index = 0; index < MAX_PIECES * 3; index++) {
      output = add(output, index % 2 === 0 ? 'stdout' : 'stderr', { text: 'x' })
    }

    expect(output).toMatchObject({ size: MAX_PIECES, dropped: MAX_PIECES * 2, pieces: { length: MAX_PIECES } })
  })

  it('counts what was printed before it was told of, of each stream and each attempt', () => {
    const output = ([['a', 'stdout', 1_000], ['a', 'stderr', 20], ['a', 'stdout', 1_003], ['b', 'stdout', 3]] as const).reduce((output, [execution, stream, offset]) => addOutput(output, { execution, stream, offset, text: 'xyz' }), NO_OUTPUT)

    expect(output).toMatchObject({ size: 12, dropped: 1_023 })
  })

  it('has each line in one piece, with the colours in it, however it comes', () => {
    const line = (at: number): string => `\u001b[31m${at}\u001b[0m of many\n`
    const all = Array.from({ length: 4_000 }, (_, at) => line(at)).join('')
    let output = NO_OUTPUT

    for (let at = 0; at < all.length; at += 1_777) {
      output = add(output, 'stdout', { text: all.slice(at, at + 1_777) })
    }

    expect(output.pieces.length).toBeGreaterThan(3)
    expect(output.pieces.filter(({ text }) => !text.startsWith('\u001b[31m') || !text.endsWith('\n'))).toEqual([])
    expect(output.size).toBe(output.pieces.reduce((sum, { text }) => sum + text.length, 0))
    expect(all.endsWith(output.pieces.map(({ text }) => text).join(''))).toBe(true)
    expect(output.dropped + output.size).toBe(all.length)
  })

  it('is as long as it may be where a line has no end', () => {
    let output = NO_OUTPUT

    for (const length of [100, KEPT, 4_000, KEPT - 1, 5_000, 20_000, KEPT * 2]) {
      output = add(output, 'stdout', { text: 'x'.repeat(length) })
      expect(output.size).toBeLessThanOrEqual(KEPT)
      expect(output.size).toBe(output.pieces.reduce((sum, { text }) => sum + text.length, 0))
    }
  })
})

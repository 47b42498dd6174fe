import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ansiSpans, MAX_SPANS, settled } from '../../src/dashboard/text/ansi.ts'

const ESC = '\u001b'

function plain (text: string): string {
  return ansiSpans(text).map(span => span.text).join('')
}

describe('the output of a program', () => {
  it('keeps its colours and its emphasis', () => {
    expect(ansiSpans(`a${ESC}[1;31mb${ESC}[0mc${ESC}[92;4md${ESC}[39;24me`)).toEqual([
      { text: 'a' },
      { text: 'b', bold: true, fg: 1 },
      { text: 'c' },
      { text: 'd', fg: 10, underline: true },
      { text: 'e', fg: undefined, underline: undefined }
    ])
  })

  it('has the nearest of 16 colours where it asks for one of 256 or of millions', () => {
    expect(ansiSpans(`${ESC}[38;5;196ma${ESC}[38;2;10;250;10mb${ESC}[48;5;232mc`).map(({ fg, bg }) => [fg, bg])).toEqual([[9, undefined], [10, undefined], [10, 0]])
  })

  it.each([
    ['a title of the window', `${ESC}]0;evil\u0007x`, 'x'],
    ['a link', `${ESC}]8;;https://evil.example${ESC}\\text${ESC}]8;;${ESC}\\`, 'text'],
    ['a string of the device', `${ESC}P1$r0m${ESC}\\x`, 'x'],
    ['moving and clearing', `a${ESC}[2J${ESC}[Hb${ESC}[?25lc`, 'abc'],
    ['controls of eight bits', 'a\u009b31mb\u0085c', 'ab\ufffdc'],
    ['a string without an end', `${ESC}]0;never ends\nand this is seen`, '0;never ends\nand this is seen'],
    ['turned text', 'abc\u202ecba', 'abc\ufffdcba'],
    ['a bell and a backspace', 'a\u0007b\bc', 'a\ufffdb\ufffdc']
  ])('cannot do more than be read: %s', (_, text, expected) => {
    expect(plain(text)).toBe(expected)
  })

  it('is never taken for HTML', () => {
    expect(ansiSpans('<script>alert(1)</script>')).toEqual([{ text: '<script>alert(1)</script>' }])
  })

  it('has no control left, whatever it is made of', () => {
    const pieces = fc.oneof(fc.constantFrom(ESC, '[', ']', '31m', '\u009b', '\u0007', '\\', '\n', '\r', '38;5;', 'P', '\u0090'), fc.string())

    fc.assert(fc.property(fc.array(pieces).map(parts => parts.join('')), text => {
      // eslint-disable-next-line no-control-regex
      expect(plain(settled(text))).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
    }))
  })

  it('is shown in a bounded number of pieces, and whole', () => {
    const text = Array.from({ length: MAX_SPANS * 3 }, (_, index) => `${ESC}[3${index % 8}mx`).join('')

    expect(ansiSpans(text).length).toBe(MAX_SPANS)
    expect(plain(text)).toBe('x'.repeat(MAX_SPANS * 3))
  })

  it('has nothing left that hides or turns other text, whatever bytes it is made of', () => {
    const hostile = fc.uint8Array({ maxLength: 400 }).map(bytes => new TextDecoder().decode(bytes))
    const turning = fc.constantFrom('\u202a', '\u202e', '\u2066', '\u2069', '\u200f', '\u061c', '\u200b', '\u2028', '\ufeff', '\u00ad', '\u3164', '\u{e0041}', '\u{e0100}')

    fc.assert(fc.property(fc.array(fc.oneof(hostile, turning, fc.string({ unit: 'binary' }))).map(parts => parts.join('')), text => {
      const shown = plain(text)

      expect(shown).not.toMatch(/[\p{Bidi_Control}\u2028\u2029\u200b\ufeff\u00ad\u3164\u{e0000}-\u{e0fff}]/u)
      expect(shown.length).toBeLessThanOrEqual(text.length)
      expect(ansiSpans(text).every(({ fg = 0, bg = 0 }) => Number.isInteger(fg) && fg >= 0 && fg < 16 && Number.isInteger(bg) && bg >= 0 && bg < 16)).toBe(true)
    }))
  })

  // who reads these more than once or twice does not end within the time of a test
  it.each([
    ['beginnings of strings without an end', `${ESC}]`.repeat(5_000_000)],
    ['one string without an end', `${ESC}]${'x'.repeat(10_000_000)}`],
    ['strings that end a little too late', `${ESC}P${'x'.repeat(2_049)}`.repeat(5_000)],
    ['parameters without an end', `${ESC}[${'1;'.repeat(5_000_000)}`],
    ['sequences without a final character', `${ESC}[1${' '.repeat(9)}`.repeat(800_000)],
    ['carriage returns', '\r'.repeat(10_000_000)],
    ['lines that are written over', 'ab\r'.repeat(3_000_000)],
    ['a colour for every character', Array.from({ length: 500_000 }, (_, index) => `${ESC}[38;5;${index % 256}mx`).join('')]
  ])('is read in one go: 10 MB of %s', (_, text) => {
    expect(ansiSpans(settled(text)).length).toBeLessThanOrEqual(MAX_SPANS)
  })

  it('shows of a line that was written over what was written last', () => {
    expect(settled('10 %\r20 %\r30 %\r\ndone\r\n')).toBe('30 %\ndone\n')
  })
})

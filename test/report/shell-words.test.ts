import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shellLine, shellWord } from '../../src/report/shell-words.ts'

/** What a shell makes of a line. */
function wordsOf (line: string): string[] {
  return execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' }).split('\0').slice(0, -1)
}

const HOSTILE = ['', "'", '"', '$HOME', '`id`', '\\', '~', '~root', '*', '?', '[a]', '{a,b}', '!', '!!', '#', '&', ';', '|', '>', '<', '(', ')', '=', 'A=b', '-', '--', '\n', 'a\n', '\nb', '\t', '\r', '\u0003', '\u001b[2J', '\u007f', '\u0085', '\u202e', '\u200b', '\u2028', 'é', '漢字', '👩‍🔬', '%s', '\\n', "it's", ' ', 'a  b']
const anyWord = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.array(fc.constantFrom(...HOSTILE), { maxLength: 4 }).map(parts => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 12 }).map(text => text.replaceAll('\0', '').toWellFormed())
)

describe('a line for a shell', () => {
  it('means exactly the words, whatever is in them', () => {
    fc.assert(fc.property(fc.array(anyWord, { minLength: 1, maxLength: 12 }), words => {
      expect(wordsOf(shellLine(words))).toEqual(words)
    }), { numRuns: 150 })
  })

  it('has no character that a terminal acts on, and none that hides what it says', () => {
    fc.assert(fc.property(fc.array(anyWord, { minLength: 1, maxLength: 6 }), words => {
      expect(shellLine(words)).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/u)
    }))
  })

  it('quotes only what needs it', () => {
    expect(shellLine(['meshmark', 'run', '-r', '20', './sort', 'a b', "it's", '', '--where', 'arch=x64'])).toBe("meshmark run -r 20 ./sort 'a b' 'it'\\''s' '' --where arch=x64")
    expect(shellWord('a\u001b[2J')).toBe("a\"$(printf '\\033')\"'[2J'")
  })
})

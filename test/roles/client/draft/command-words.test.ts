import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collectCommands, readProgram, splitCommand } from '../../../../src/roles/client/draft/command-words.ts'

describe('splitting a command', () => {
  it.each([
    ['sort -n data.txt', ['sort', '-n', 'data.txt']],
    ["grep 'a b' file", ['grep', 'a b', 'file']],
    ['grep "a b" file', ['grep', 'a b', 'file']],
    ['  spaced   out  ', ['spaced', 'out']],
    ["--sep=', ' x", ['--sep=, ', 'x']],
    ["'it'\\''s' a\\ b", ["it's", 'a b']],
    ['a $HOME *.c ; rm', ['a', '$HOME', '*.c', ';', 'rm']]
  ])('takes %j as a shell would, and expands nothing', (text, argv) => {
    expect(splitCommand(text)).toEqual(argv)
  })

  it('agrees with a shell on quoted words', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '$', '*', '"', "'", '\\', '=', '-', ';'), minLength: 1 })
    const single = text.map(text => `'${text.replaceAll("'", "'\\''")}'`)
    // Between double quotes a shell wants a backslash before $; here it is an ordinary character.
    const double = text.map(text => `"${text.replaceAll('$', '').replaceAll(/["\\]/g, '\\$&')}"`)

    fc.assert(fc.property(fc.array(fc.oneof(single, double), { minLength: 1, maxLength: 5 }), words => {
      const line = `program ${words.join(' ')}`
      const shell = execFileSync('sh', ['-c', `printf '%s\\0' ${line}`]).toString().split('\0').slice(0, -1)

      expect(splitCommand(line)).toEqual(shell)
    }), { numRuns: 40 })
  })

  it.each(['', '   ', "''"])('refuses %j, which names no program', text => {
    expect(() => splitCommand(text)).toThrow(/empty/)
  })

  it.each(["echo 'a", 'echo "a', "it's", 'a \\'])('refuses the open quote in %j', text => {
    expect(() => splitCommand(text)).toThrow(/without its other end/)
  })
})

describe('collecting the commands of a job', () => {
  it('puts --command before the words of the line, and names them in order', () => {
    expect(collectCommands(['./c', 'x y'], ["a 'b c'"], { names: ['first'] })).toEqual([
      { argv: ['a', 'b c'], title: 'first' },
      { argv: ['./c', 'x y'] }
    ])
  })

  it('hands whole lines to a shell when asked to', () => {
    expect(collectCommands([], ['a | b'], { shell: true })).toEqual([{ argv: ['sh', '-c', 'a | b'], title: 'a | b' }])
    expect(collectCommands(['a', '|', 'b'], [], { shell: true })).toEqual([{ argv: ['sh', '-c', 'a | b'], title: 'a | b' }])
  })

  it('shows a script for the shell as one line, cut to what a name may be', () => {
    const [lines, long] = collectCommands([], ['echo a\n\techo b', `echo ${'é'.repeat(200)}`], { shell: true })

    expect(lines).toEqual({ argv: ['sh', '-c', 'echo a\n\techo b'], title: 'echo a⏎ echo b' })
    expect(long?.argv[2]).toHaveLength(205)
    expect(long?.title).toBe(`echo ${'é'.repeat(124)}…`)
    expect(Buffer.byteLength(long?.title ?? '')).toBe(256)
  })

  it.each(['', 'a\nb', 'x'.repeat(257)])('refuses the name %j', name => {
    expect(() => collectCommands(['a'], [], { names: [name] })).toThrow(/^--command-name '.{0,60}' must be 1 to 256 bytes of printable text$/)
  })

  it('refuses no command, and more names than commands', () => {
    expect(() => collectCommands([], [])).toThrow(/no program/)
    expect(() => collectCommands(['a'], [], { names: ['x', 'y'] })).toThrow(/'y' has no command/)
  })
})

describe('what a program word means', () => {
  it.each([
    ['sort', { kind: 'name', name: 'sort' }],
    ['./sort', { kind: 'local', path: './sort' }],
    ['bin/sort', { kind: 'local', path: 'bin/sort' }],
    ['/usr/bin/sort', { kind: 'local', path: '/usr/bin/sort' }],
    ['worker:/usr/bin/sort', { kind: 'worker', path: '/usr/bin/sort' }]
  ])('%s', (word, program) => {
    expect(readProgram(word)).toEqual(program)
  })

  it('refuses a relative path on the worker and a whole command in quotes', () => {
    expect(() => readProgram('worker:sort')).toThrow('worker:/sort')
    expect(() => readProgram('sleep 1')).toThrow("--command 'sleep 1'")
  })
})

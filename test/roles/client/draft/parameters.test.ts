import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collectCommands } from '../../../../src/roles/client/draft/command-words.ts'
import { parametersOf } from '../../../../src/roles/client/draft/parameter-options.ts'
import { combinationsOf, filler, scanValues, splitValues } from '../../../../src/roles/client/draft/parameters.ts'

describe('the values of a list', () => {
  // What hyperfine's own tests expect.
  it.each([
    ['', ['']],
    ['foo', ['foo']],
    [' ', [' ']],
    ['hello\\, world!', ['hello, world!']],
    ['\\,', [',']],
    ['\\,\\,\\,', [',,,']],
    ['\\n', ['\\n']],
    ['\\\\', ['\\']],
    ['\\\\\\,', ['\\,']],
    ['foo\\', ['foo\\']],
    ['foo,bar,baz', ['foo', 'bar', 'baz']],
    ['hello world,foo', ['hello world', 'foo']],
    ['hello\\,world!,baz', ['hello,world!', 'baz']],
    ['foo,,bar', ['foo', '', 'bar']],
    [',bar', ['', 'bar']],
    ['bar,', ['bar', '']],
    [',,', ['', '', '']],
    ['é😀,\n', ['é😀', '\n']]
  ])('%j are %j', (text, values) => {
    expect(splitValues(text)).toEqual(values)
  })

  it('come back from any values, escaped', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), values => {
      expect(splitValues(values.map(value => value.replace(/[,\\]/g, '\\$&')).join(','))).toEqual(values)
    }))
  })
})

describe('the values of a scan', () => {
  it.each([
    ['1', '3', undefined, ['1', '2', '3']],
    ['0', '10', '3', ['0', '3', '6', '9']],
    ['30', '45', '5', ['30', '35', '40', '45']],
    ['5', '5', undefined, ['5']],
    ['-2', '2', '2', ['-2', '0', '2']],
    ['0', '1', '0.33', ['0', '0.33', '0.66', '0.99']],
    ['0', '1', '0.1', ['0', '0.1', '0.2', '0.3', '0.4', '0.5', '0.6', '0.7', '0.8', '0.9', '1.0']],
    ['0.3', '0.7', '0.2', ['0.3', '0.5', '0.7']],
    ['-0.5', '0.5', '0.25', ['-0.5', '-0.25', '0.00', '0.25', '0.50']],
    ['.5', '1.5', '1', ['0.5', '1.5']],
    ['1', '1.25', '1', ['1']],
    ['9007199254740993', '9007199254740995', undefined, ['9007199254740993', '9007199254740994', '9007199254740995']]
  ])('from %s to %s by %s are exact', (min, max, step, values) => {
    expect(scanValues(min, max, step, 256)).toEqual(values)
  })

  it.each([
    ['11', '10', undefined, /is empty/],
    ['0', '10', '0', /--parameter-step-size '0' must be more than 0/],
    ['0', '10', '-1', /--parameter-step-size '-1' must be more than 0/],
    ['0', '100001', undefined, /has 100002 values, and a job has at most 256/],
    ['0', '1e9', undefined, /'1e9' is not a number/],
    ['a', '1', undefined, /'a' is not a number/],
    ['', '1', undefined, /'' is not a number/],
    ['0', '9'.repeat(41), undefined, /is not a number/],
    ['0.1', '0.5', undefined, /needs a step/]
  ])('from %s to %s by %s are refused', (min, max, step, message) => {
    expect(() => scanValues(min, max, step, 256)).toThrow(message)
  })

  it('are evenly spaced, within the range, and none is left out', () => {
    fc.assert(fc.property(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 5 }), (low, step, extra, scale) => {
      const text = (value: number): string => (value < 0 ? '-' : '') + String(Math.abs(value)).padStart(scale + 1, '0').replace(scale === 0 ? /$/ : new RegExp(`(.{${scale}})$`), scale === 0 ? '' : '.$1')
      const values = scanValues(text(low), text(low + extra), text(step), 256)

      expect(values).toEqual(Array.from({ length: Math.floor(extra / step) + 1 }, (_, index) => text(low + index * step)))
    }))
  })
})

describe('parameters', () => {
  it('vary from the first to the last', () => {
    expect(combinationsOf([{ name: 'a', values: ['1', '2'] }, { name: 'b', values: ['x', 'y'] }])).toEqual([
      { a: '1', b: 'x' }, { a: '2', b: 'x' }, { a: '1', b: 'y' }, { a: '2', b: 'y' }
    ])
    expect(combinationsOf([])).toEqual([{}])
  })

  it('are put in all at once, wherever they stand', () => {
    const fill = filler({ foo: '{bar} baz', bar: 'quux', '': 'none', __proto__x: '1' })

    expect(fill('echo {foo} {bar}')).toBe('echo {bar} baz quux')
    expect(fill('{foo}{foo} {unknown} {} {{bar}} {constructor}')).toBe('{bar} baz{bar} baz {unknown} none {quux} {constructor}')
  })

  it('are read from what was typed, the scan first', () => {
    expect(parametersOf({ parameterList: ['c gcc,clang'], parameterScan: 'n 0.5 1', parameterStepSize: '0.25' })).toEqual([
      { name: 'n', values: ['0.5', '0.75', '1.00'] },
      { name: 'c', values: ['gcc', 'clang'] }
    ])
    expect(parametersOf({ parameterList: ['c '] })).toEqual([{ name: 'c', values: [''] }])
    expect(parametersOf({})).toEqual([])
  })

  it.each([
    [{ parameterList: ['x 1,2,3', 'x a,b,c'] }, /duplicate parameter name 'x'/],
    [{ parameterList: ['x 1,2,3'], parameterScan: 'x 1 2' }, /duplicate parameter name 'x'/],
    [{ parameterStepSize: '2' }, /--parameter-step-size 2 is the step of a --parameter-scan, and there is none/],
    [{ parameterScan: 'n 1' }, /is not VAR MIN MAX/],
    [{ parameterList: ['n'] }, /is not VAR VALUES/],
    [{ parameterList: ['worker a,b'] }, /the name 'worker'/],
    [{ parameterList: ['{n} a,b'] }, /without braces/],
    [{ parameterList: Array.from({ length: 65 }, (_, index) => `n${index} 1`) }, /65 parameters are more than the 64/]
  ])('%j is refused', (options, message) => {
    expect(() => parametersOf(options)).toThrow(message)
  })
})

describe('commands with parameters', () => {
  const par1 = { name: 'par1', values: ['a', 'b'] }
  const par2 = { name: 'par2', values: ['z', 'y'] }

  it('are all commands for the first values, then for the next', () => {
    const commands = collectCommands([], ['echo {par1} {par2}', 'printf {par1} {par2}'], { parameters: [par1, par2] })

    expect(commands.map(({ argv }) => argv.join(' '))).toEqual([
      'echo a z', 'printf a z', 'echo b z', 'printf b z', 'echo a y', 'printf a y', 'echo b y', 'printf b y'
    ])
    expect(commands[2]?.parameters).toEqual({ par1: 'b', par2: 'z' })
  })

  it('are split after the value was put in, but words of the command line stay words', () => {
    const parameters = [{ name: 'args', values: ['-l -a', "'x y'"] }]

    expect(collectCommands(['ls', '{args}'], ['ls {args}'], { parameters }).map(({ argv }) => argv)).toEqual([
      ['ls', '-l', '-a'], ['ls', '-l -a'], ['ls', 'x y'], ['ls', "'x y'"]
    ])
    expect(collectCommands([], ['ls {args} | wc'], { parameters, shell: true })[0]).toMatchObject({ argv: ['sh', '-c', 'ls -l -a | wc'], title: 'ls -l -a | wc' })
  })

  it('have names with the values in them: one name for all, or one for each', () => {
    const parameters = [{ name: 'val', values: ['1', '2'] }]
    const titles = (names: string[], lines = ['echo {val}']): unknown => collectCommands([], lines, { parameters, names }).map(({ title }) => title)

    expect(titles(['name-{val}'])).toEqual(['name-1', 'name-2'])
    expect(titles(['name-a', 'name-b'])).toEqual(['name-a', 'name-b'])
    expect(titles(['echo-1', 'sleep-1', 'echo-2', 'sleep-2'], ['echo {val}', 'sleep {val}'])).toEqual(['echo-1', 'sleep-1', 'echo-2', 'sleep-2'])
    expect(() => titles(['a', 'b'], ['echo {val}', 'sleep {val}'])).toThrow('--command-name is there 2 times, and the parameters make 4 commands')
  })

  it('have hooks with the values in them', () => {
    const commands = collectCommands(['make'], [], { parameters: [par1], hooks: { setup: 'cc {par1}', prepare: ['p {par1}'], conclude: ['c1', 'c2 {par1}'], cleanup: 'rm {par1}' } })

    expect(commands.map(({ hooks }) => hooks)).toEqual([
      { setup: 'cc a', prepare: 'p a', conclude: 'c1', cleanup: 'rm a' },
      { setup: 'cc b', prepare: 'p b', conclude: 'c2 b', cleanup: 'rm b' }
    ])
  })

  it('are told apart by the parameters that they do not show', () => {
    const titles = (words: string[], options: object = {}): unknown => collectCommands(words, [], { parameters: [par1, par2], ...options }).map(({ title }) => title)

    expect(titles(['make'])).toEqual(['make (par1 = a, par2 = z)', 'make (par1 = b, par2 = z)', 'make (par1 = a, par2 = y)', 'make (par1 = b, par2 = y)'])
    expect(titles(['make', '{par1}'])).toEqual(['make a (par2 = z)', 'make b (par2 = z)', 'make a (par2 = y)', 'make b (par2 = y)'])
    expect(titles(['make', '{par1}{par2}'])).toEqual([undefined, undefined, undefined, undefined])
    expect(titles(['make'], { parameters: [{ name: 'a', values: ['1'] }] })).toEqual([undefined])
    expect(titles(['make'], { names: ['x'.repeat(250)] })).toEqual(['a, par2 = z', 'b, par2 = z', 'a, par2 = y', 'b, par2 = y'].map(rest => `${'x'.repeat(125)}… (par1 = ${rest})`))
  })

  it('are at most as many as one job can have', () => {
    const parameters = [{ name: 'a', values: Array.from({ length: 129 }, String) }]

    expect(() => collectCommands([], ['x {a}', 'y {a}'], { parameters })).toThrow('258 commands are more than the 256 that one job can have')
    expect(() => collectCommands([], Array.from({ length: 257 }, () => 'x'))).toThrow('257 commands are more than the 256')
    expect(collectCommands([], Array.from({ length: 256 }, () => 'x'))).toHaveLength(256)
  })
})

describe('hooks', () => {
  it('are once for all commands or once for each, and an empty one is none', () => {
    const each = (prepare: string[], lines = ['echo a', 'echo b']): unknown => collectCommands([], lines, { hooks: { prepare } }).map(({ hooks }) => hooks)

    expect(each(['p'])).toEqual([{ prepare: 'p' }, { prepare: 'p' }])
    expect(each(['p', ''])).toEqual([{ prepare: 'p' }, undefined])
    expect(() => each(['p', 'q'], ['a', 'b', 'c'])).toThrow('--prepare is there 2 times, and there are 3 commands: write it once for all, or once for each')
    expect(() => collectCommands(['a'], [], { hooks: { conclude: ['p', 'q'] } })).toThrow('--conclude is there 2 times, and there is 1 command')
  })
})

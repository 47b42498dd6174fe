import { Command, Option } from 'commander'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinWords, takingWords } from '../../../src/cli/common/join-words.ts'
import { ListOption } from '../../../src/cli/common/list-option.ts'

/** One option of every kind. */
function command (): Command {
  return new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .argument('[program]')
    .argument('[args...]')
    .passThroughOptions()
    .option('-r, --runs <n>')
    .option('-d, --detach')
    .option('-N')
    .addOption(new ListOption('--with <file[=name]>', ''))
    .addOption(new Option('-i, --ignore-failure [codes]').preset('all'))
    .addOption(takingWords(new Option('-P, --parameter-scan <var> <min> <max>'), ['VAR', 'MIN', 'MAX']))
    .addOption(takingWords(new ListOption('-L, --parameter-list <var> <values>', ''), ['VAR', 'VALUES']))
}

function parse (argv: string[]): { options: Record<string, unknown>, words: string[] } {
  const parsed = command()

  parsed.parse(joinWords(argv, parsed.options), { from: 'user' })

  return { options: parsed.opts(), words: parsed.args }
}

describe('options of several words', () => {
  it.each([
    [['-P', 'n', '1', '8', './p', '-P', 'x'], { parameterScan: 'n 1 8' }, ['./p', '-P', 'x']],
    [['--parameter-scan', 'n', '-5', '5', './p'], { parameterScan: 'n -5 5' }, ['./p']],
    [['--parameter-scan=n', '1', '8', './p'], { parameterScan: 'n 1 8' }, ['./p']],
    [['-Pn', '1', '8', './p'], { parameterScan: 'n 1 8' }, ['./p']],
    [['-dP', 'n', '1', '8', './p'], { detach: true, parameterScan: 'n 1 8' }, ['./p']],
    [['-L', 'c', 'gcc,clang', '-L', 'o', '-O1 -g,-O2', './p'], { parameterList: ['c gcc,clang', 'o -O1 -g,-O2'] }, ['./p']],
    [['-L', 'c', '', './p'], { parameterList: ['c '] }, ['./p']],
    [['-L', 'c', '--', '--', './p'], { parameterList: ['c --'] }, ['./p']],
    [['--with', 'a', '--with=b=c', './p'], { with: ['a', 'b=c'] }, ['./p']],
    [['-r', '-P', './p'], { runs: '-P' }, ['./p']],
    [['-r=5', './p'], { runs: '5' }, ['./p']],
    [['-dr=', './p'], { detach: true, runs: '' }, ['./p']],
    [['-r==5', './p'], { runs: '=5' }, ['./p']],
    [['-r5', '-Nd', '--runs=6', 'ls', '-i'], { runs: '6', N: true, detach: true }, ['ls', '-i']]
  ])('%j', (argv, options, words) => {
    expect(parse(argv)).toEqual({ options, words })
  })

  it.each([
    [['-P', 'n', '1'], /--parameter-scan takes 3 words, and there are only 2: write --parameter-scan VAR MIN MAX/],
    [['-L', 'c'], /--parameter-list takes 2 words, and there is only 1/],
    [['-L'], /there are only 0/],
    [['-L', 'two words', 'a,b', './p'], /'two words' cannot be its VAR/],
    [['-P', 'n', '1 2', '3', './p'], /'1 2' cannot be its MIN/],
    [['-P', '', '1', '3', './p'], /'' cannot be its VAR/]
  ])('refuses %j', (argv, message) => {
    expect(() => parse(argv)).toThrow(message)
  })
})

describe('a value that may be left out', () => {
  it.each([
    [['-i', './p', 'x'], { ignoreFailure: 'all' }, ['./p', 'x']],
    [['--ignore-failure', './p'], { ignoreFailure: 'all' }, ['./p']],
    [['-i=1,2', './p'], { ignoreFailure: '1,2' }, ['./p']],
    [['--ignore-failure=1,2', './p'], { ignoreFailure: '1,2' }, ['./p']],
    [['--ignore-failure=', './p'], { ignoreFailure: '' }, ['./p']],
    [['-diN', '-r', '3', './p'], { detach: true, ignoreFailure: 'all', N: true, runs: '3' }, ['./p']],
    [['-di=3', '--', '-i'], { detach: true, ignoreFailure: '3' }, ['-i']]
  ])('%j', (argv, options, words) => {
    expect(parse(argv)).toEqual({ options, words })
  })
})

describe('rewriting a command line', () => {
  const word = fc.oneof(fc.constantFrom('-P', '-L', '-i', '-i=1', '--parameter-scan', '--', '-', '-r', '-rP', '--runs=1', '-xP'), fc.string())

  it('leaves alone what stands behind the first word that is no option', () => {
    fc.assert(fc.property(fc.array(word), fc.constantFrom('./program', '-', '--'), (argv, first) => {
      expect(joinWords(['-d', first, ...argv], command().options)).toEqual(['-d', first, ...argv])
    }))
  })

  it('changes nothing where no option takes several words or none', () => {
    const { options } = new Command().option('-r, --runs <n>').option('-d, --detach').option('-x')

    fc.assert(fc.property(fc.array(word.filter(text => !/^-\w+=/.test(text))), argv => {
      const plain = new Command().exitOverride().option('-r, --runs <n>').option('-d, --detach').option('-x').argument('[words...]').passThroughOptions().configureOutput({ writeErr: () => {} })
      const outcome = (words: string[]): unknown => {
        try {
          return [plain.parse(words, { from: 'user' }).args, plain.opts()]
        } catch (err) {
          return (err as Error).message
        }
      }

      expect(outcome(joinWords(argv, options))).toEqual(outcome(argv))
    }))
  })

  it('leaves what nobody knows to be refused', () => {
    expect(joinWords(['--unknown', '-xP', 'a', '1', '2'], command().options)).toEqual(['--unknown', '-xP', 'a', '1', '2'])
  })
})

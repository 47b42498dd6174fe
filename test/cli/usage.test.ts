import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { type } from './helpers.ts'

describe('wrong usage', () => {
  it.each([
    [['rnu'], 2, /unknown command 'rnu', did you mean run\?/],
    [['xyzzy'], 2, /unknown command 'xyzzy': see meshmark --help/],
    [['run', '--rusn', '3', 'ls'], 2, /unknown option '--rusn', did you mean --runs\?/],
    [['run', '-r'], 2, /argument missing/],
    [['run', '-r', 'x', 'ls'], 2, /--runs 'x' is not a whole number/],
    [['run', '-r', '0', 'ls'], 2, /--runs '0' is not a whole number from 1/],
    [['run'], 2, /no program/],
    [['run', '--'], 2, /no program/],
    [['run', '--command', 'echo "a'], 2, /without its other end/],
    [['run', '-r', '3', '-m', '5', 'ls'], 2, /--min-runs has no meaning/],
    [['run', '-m', '9', '-M', '3', 'ls'], 2, /--min-runs 9 is more than --max-runs 3/],
    [['run', '--precision', '200%', 'ls'], 2, /between 0 and 100/],
    [['run', '--timeout', 'soon', 'ls'], 2, /--timeout 'soon' is not a duration/],
    [['run', '--timeout', '0', 'ls'], 2, /more than nothing/],
    [['run', '--memory', '1X', 'ls'], 2, /--memory '1X' is not a size/],
    [['run', '--memory', '1K', 'ls'], 2, /--memory '1K' is less than the least that can be asked for, 1.0 MB/],
    [['run', '--output-limit', '1000T', 'ls'], 2, /--output-limit '1000T' is more than the most that can be asked for, 64.0 GB/],
    [['run', '--tmp-files', '0', 'ls'], 2, /--tmp-files '0' is not a whole number from 1/],
    [['exec', '--open-files', '7', 'ls'], 125, /--open-files '7' is not a whole number from 8 to 1048576/],
    [['run', '--require', 'cgroup,armour', 'ls'], 2, /--require 'armour' is no protection of a sandbox: it can be cgroup, .*, no-caveats/],
    [['run', '--require', ',', 'ls'], 2, /--require names no protection/],
    [['worker', '--cores', '0'], 2, /--cores '0' is not a whole number from 1 to 8192/],
    [['worker', '--cpus', '3-1'], 2, /--cpus '3-1' is not a list of processors: write e\.g\. --cpus 0-3,8/],
    [['worker', '--cpus', '0', '--cores', '1'], 2, /--cores and --cpus exclude each other/],
    [['up', '--cores', 'two'], 2, /--cores 'two' is not a whole number/],
    [['worker', '--max-wall', 'soon'], 2, /--max-wall 'soon' is not a duration/],
    [['worker', '--max-memory', '1'], 2, /--max-memory '1' is less than the least/],
    [['run', '-P', 'n', '1'], 2, /--parameter-scan takes 3 words, and there are only 2: write --parameter-scan VAR MIN MAX/],
    [['run', '-P', 'n', '9', '1', 'ls'], 2, /--parameter-scan from 9 to 1 is empty/],
    [['run', '-P', 'n', '1', '1000', 'ls'], 2, /has 1000 values, and a job has at most 256 commands/],
    [['run', '-P', 'n', '1', '2', '-P', 'm', '1', '2', 'ls'], 2, /--parameter-scan can be given once/],
    [['run', '-D', '2', 'ls'], 2, /is the step of a --parameter-scan, and there is none/],
    [['run', '-L', 'x', '1,2,3', '-L', 'x', 'a,b,c', 'ls'], 2, /duplicate parameter name 'x'/],
    [['run', '-L', 'x', '1,2', '-n', 'a', '-n', 'b', '-n', 'c', 'ls'], 2, /--command-name 'c' has no command to name: there are 2/],
    [['run', '-p', 'a', '-p', 'b', '--command', 'a', '--command', 'b', 'c'], 2, /--prepare is there 2 times, and there are 3 commands/],
    [['run', '-C', 'a', '-C', 'b', 'ls'], 2, /--conclude is there 2 times, and there is 1 command/],
    [['run', '-i=300', 'ls'], 2, /--ignore-failure '300': '300' is not an exit code/],
    [['run', '--ignore-failure=1,x', 'ls'], 2, /'x' is not an exit code/],
    [['run', '-i'], 2, /no program/],
    [['exec', '--deadline', '9999999d', 'ls'], 125, /--deadline '9999999d' is more than the most that can be asked for, 8784 h\n$/],
    [['exec', '--retry', '2:9999999d', 'ls'], 125, /--retry '9999999d' is more than the most/],
    [['exec', '--priority', '101', 'ls'], 125, /--priority '101' is not a whole number from -100 to 100\n$/],
    [['exec', '--priority', '-1.5', 'ls'], 125, /--priority '-1.5' is not a whole number/],
    [['profile', '--since', '99999999999999d'], 2, /--since '99999999999999d' is more than the most/],
    [['run', '--collect-to', 'x', 'ls'], 2, /--collect-to has a meaning only for files that are brought back/],
    [['exec', '--collect', 'x', '--collect-to', 'x', '--detach', 'ls'], 125, /leave --detach out, or bring the files later/],
    [['run', '--collect', 'x', '--collect-to', 'package.json', 'ls'], 2, /--collect-to 'package\.json' cannot be written: it is a file; name a folder\n$/],
    [['map', 'none.yaml', '--collect', 'x', '--collect-to', 'package.json/x'], 2, /a part of it is no folder\n$/],
    [['map', ''], 2, /^meshmark: .* cannot be read: there is no such file or folder\n$/],
    [['map', 'src'], 2, /^meshmark: src cannot be read: it is a folder\n$/],
    [['map', '/dev/zero'], 2, /^meshmark: \/dev\/zero has more than the 16777216 bytes that a map file may have/],
    [['exec', '--each', 'src', 'ls'], 125, /^meshmark: --each src cannot be read: it is a folder\n$/],
    [['run', '--quiet-wait', '-1', 'ls'], 2, /--quiet-wait '-1' is not a duration/],
    [['run', '--quiet-wait', '2h', 'ls'], 2, /more than the most that can be asked for, 1 h/],
    [['exec', '--setup', 'make', 'ls'], 125, /exec runs a program once and measures nothing, so it has no --setup: see meshmark run --help/],
    [['exec', '-i', 'ls'], 125, /so it has no -i: see/],
    [['exec', '--runs=3', 'ls'], 125, /so it has no --runs: see/],
    [['run', '--input=f', 'cat'], 2, /^meshmark: run has no --input as hyperfine has it: write --stdin FILE\n$/],
    [['run', '-S', 'bash', 'ls'], 2, /run has no -S as hyperfine has it: write --shell for sh, or .* bash -c LINE/],
    [['run', '--shell=bash', 'ls'], 2, /run has no --shell as hyperfine has it: it takes no value here/],
    [['run', '-u', 'second', 'ls'], 2, /run has no -u as hyperfine has it/],
    [['compare', '--reference', 'old', 'new'], 2, /compare has no --reference as hyperfine has it: meshmark compare compares with its first command/],
    [['run', '--format', 'xml', 'ls'], 2, /'xml' is none of table/],
    [['run', '--on', '0', 'ls'], 2, /--on '0'/],
    [['run', '--where', 'colour=red', 'ls'], 2, /--where does not know 'colour'/],
    [['run', '--export-json', '/nonexistent/x.json', 'ls'], 2, /cannot be written/],
    [['run', '--export-json', '-', 'ls'], 2, /--format json/],
    [['run', './does-not-exist'], 2, /does not exist on this machine/],
    [['exec', './does-not-exist'], 127, /does not exist on this machine/],
    [['exec', './src'], 126, /is a folder/],
    [['exec'], 125, /missing required argument/],
    [['exec', '--rusn', 'ls'], 125, /unknown option '--rusn'/],
    [['show'], 2, /missing required argument 'job'/],
    [['show', 'a', 'b'], 2, /too many arguments/],
    [['token', 'crate', 'worker'], 2, /unknown command 'crate', did you mean create\?/],
    [['token', 'create', 'king'], 2, /role 'king' is none of/],
    [['up', '--masters', '10'], 2, /--masters/],
    [['master', '--peer', '10.0.0'], 2, /'10.0.0' is neither a host name nor an IP address/],
    [['master', '--token', 'abc'], 2, /that is not a join token/],
    [['worker', '--label', 'zone'], 2, /KEY=VALUE/],
    [['join'], 2, /missing required argument/],
    [['token'], 2, /token needs one of create, ls, revoke/],
    [['completion'], 2, /needs one of bash, zsh, fish behind it/],
    [['completion', 'tcsh'], 2, /unknown command 'tcsh'/],
    [['--role', 'boss'], 2, /unknown role 'boss'/],
    [['--quiet', 'run'], 2, /stands before the command/]
  ])('%j ends with %i and one line', async (argv, code, message) => {
    const typed = await type(argv)

    expect(typed.err).toMatch(message)
    expect(typed.err).toMatch(/^meshmark: [^\n]*\n$/)
    expect(typed.out).toBe('')
    expect(typed.code).toBe(code)
  })

  it('reads a token from standard input, and wants one there', async () => {
    expect(await type(['join', '-'], { stdin: '' })).toMatchObject({ code: 2, err: 'meshmark: no token: standard input was empty\n' })
  })
})

describe('help', () => {
  it.each(COMMANDS.map(({ name }) => name))('of %s shows its usage and what it does', async name => {
    const { code, out, err } = await type([name, '--help'])

    expect(code).toBe(0)
    expect(err).toBe('')
    expect(out).toContain(`Usage: meshmark ${name}`)
    expect(out).toContain(COMMANDS.find(entry => entry.name === name)?.summary.slice(1))
    expect(out).not.toMatch(/[?.]\.$/m)
    expect(name === 'version' || out.includes('Examples:')).toBe(true)
  })

  it('of all commands names every one of them', async () => {
    const { code, out } = await type(['--help'])

    expect(code).toBe(0)
    COMMANDS.forEach(({ name, summary }) => {
      expect(out).toContain(`  ${name} `)
      expect(out).toContain(summary)
    })
  })

  it('goes to standard error, with 2, when no command was typed', async () => {
    const { code, out, err } = await type([])

    expect([code, out]).toEqual([2, ''])
    expect(err).toContain('Usage: meshmark COMMAND')
  })

  it('needs no package: what --help and --version load is our own', () => {
    const seen = new Set<string>()
    const foreign: string[] = []
    const visit = (file: string): void => {
      if (seen.has(file)) {
        return
      }

      seen.add(file)

      const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest)

      for (const statement of source.statements) {
        if (ts.isImportDeclaration(statement) && statement.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword && ts.isStringLiteral(statement.moduleSpecifier)) {
          const name = statement.moduleSpecifier.text

          if (name.startsWith('.')) {
            visit(join(dirname(file), name))
          } else if (!name.startsWith('node:')) {
            foreign.push(`${file}: ${name}`)
          }
        }
      }
    }

    visit('src/main.ts')
    expect(seen.size).toBeGreaterThan(3)
    expect(foreign).toEqual([])
  })
})

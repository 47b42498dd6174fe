import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { type } from './helpers.ts'

const { out: bash } = await type(['completion', 'bash'])

/** What bash offers for a line that ends in the word being typed. */
function complete (...words: string[]): string[] {
  const script = `${bash}
meshmark() { case "$*" in "completion names baselines") printf 'main\\nv2\\n';; "completion names jobs") printf '@last\\nq7x2m9ka\\n';; "completion names workers") echo lab-01;; esac; }
COMP_WORDS=(meshmark ${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
_meshmark; printf '%s\\n' "\${COMPREPLY[@]}"`

  return execFileSync('bash', ['--norc', '-c', script]).toString().split('\n').filter(line => line !== '')
}

describe('completion in bash', () => {
  it('completes commands', () => {
    expect(complete('no')).toEqual(['nodes'])
    expect(complete('')).toEqual(expect.arrayContaining(COMMANDS.map(({ name }) => name)))
  })

  it('completes the options of a command, and only those', () => {
    expect(complete('run', '--ru')).toEqual(['--runs'])
    expect(complete('nodes', '--ru')).toEqual([])
    expect(complete('run', '--pa')).toEqual(['--parameter-scan', '--parameter-step-size', '--parameter-list'])
    expect(complete('run', '--c')).toEqual(expect.arrayContaining(['--conclude', '--cleanup', '--cold-cache', '--counters']))
    expect(complete('exec', '--conc')).toEqual([])
  })

  it('completes the values of an option', () => {
    expect(complete('run', '--format', 'm')).toEqual(['markdown'])
    expect(complete('run', '--with', 'package.j')).toEqual(['package.json'])
    expect(complete('run', '--on', '')).toEqual(['all', 'any', 'lab-01'])
    // What follows is the program: a value of this one stands behind an equals sign.
    expect(complete('run', '--ignore-failure', 'package.j')).toEqual(['package.json'])
    expect(complete('run', '--export-json', 'package.j')).toEqual(['package.json'])
  })

  it('completes what only the mesh knows', () => {
    expect(complete('attach', 'q')).toEqual(['q7x2m9ka'])
    expect(complete('drain', 'lab')).toEqual(['lab-01'])
  })

  it('completes the words of a command', () => {
    expect(complete('token', 'r')).toEqual(['revoke'])
    expect(complete('completion', 'z')).toEqual(['zsh'])
    expect(complete('token', 'revoke', '')).toEqual([])
  })

  it('completes baselines', () => {
    expect(complete('baseline', '')).toEqual(['ls', 'show', 'rm'])
    expect(complete('baseline', 'show', '')).toEqual(['main', 'v2'])
    expect(complete('compare', '--baseline', 'm')).toEqual(['main'])
  })
})

describe('completion', () => {
  it.each(['zsh', 'fish'])('for %s names every command and its options', async shell => {
    const { code, out } = await type(['completion', shell])

    expect(code).toBe(0)
    COMMANDS.forEach(({ name }) => { expect(out).toContain(name) })
    expect(out).toMatch(/runs/)
  })

  it.each([
    ['zsh', /'1:word:\(ls show rm\)' '2:baseline:_meshmark_baselines'/],
    ['fish', /from baseline; and __fish_seen_subcommand_from ls show rm' -a '\(meshmark completion names baselines/]
  ])('for %s knows what stands behind a word of a command', async (shell, line) => {
    expect((await type(['completion', shell])).out).toMatch(line)
  })

  it('for zsh knows how many words belong to an option', async () => {
    const { out } = await type(['completion', 'zsh'])

    expect(out).toMatch(/'--parameter-scan\[[^\]]*\](:value: ){3}'/)
    expect(out).toMatch(/'--runs\[[^\]]*\]:value: '/)
    expect(out).toMatch(/'--with\[[^\]]*\]:value:_files'/)
    expect(out).toMatch(/'--ignore-failure\[[^\]]*\]'/)
    expect(out).toMatch(/'--counters\[[^\]]*\]'/)
  })

  it('is silent when there is no mesh', async () => {
    const env = { ...process.env }

    process.env.MESHMARK_DATA = '/nonexistent'
    process.env.XDG_RUNTIME_DIR = '/nonexistent'

    try {
      expect(await type(['completion', 'names', 'jobs'])).toEqual({ code: 0, out: '', err: '' })
    } finally {
      process.env = env
    }
  })
})

import { describe, expect, it } from 'vitest'
import { FileError } from '../../../../src/roles/client/map-file/complaints.ts'
import { readMap } from '../../../../src/roles/client/map-file/read-map.ts'
import type { MapFile } from '../../../../src/roles/client/map-file/map-file.ts'

function read (text: string): MapFile {
  return readMap({ text }, 'jobs.yaml').map
}

/** Every line that is said of it. */
function complaints (text: string): string[] {
  try {
    readMap({ text }, 'jobs.yaml')
  } catch (err) {
    if (err instanceof FileError) {
      return err.lines
    }

    throw err
  }

  return []
}

function listWith (...lines: string[]): string {
  return ['lists:', '  - on: lab-1', '    commands:', ...lines.map(line => `      ${line}`)].join('\n')
}

describe('a map file', () => {
  it('says who does what, with which variables, files, limits and restarts', () => {
    const map = read(`
name: night
report-every: 5s
env: { LANG: C, COUNT: 007 }
limits: { timeout: 10m, memory: 2G }
restart: { when: on-failure, max: 2, backoff: 250ms }
with: [common.txt, lists/a.txt=a.txt]
lists:
  - on: lab-[1-2]
    keep-going: true
    commands:
      - ./prepare --all 'two words'
      - run: [./solve, --size, 20, 1e3, true]
        name: solve
        env: { THREADS: 4 }
        with: big.dat
        stdin: input.txt
        restart: never
        limits: { timeout: 90, processes: 12 }
  - where: [arch=arm64, 'cores=4..']
    commands:
      - run: grep -c x < input.txt | sort
        shell: true
        restart: always
`)

    expect(map).toMatchObject({
      name: 'night',
      reportMs: 5_000,
      env: { LANG: 'C', COUNT: '007' },
      limits: { wallMs: 600_000, memoryBytes: 2 * 1024 ** 3 },
      with: [{ text: 'common.txt' }, { text: 'lists/a.txt=a.txt' }]
    })
    expect(map.lists).toMatchObject([
      {
        workers: ['lab-1', 'lab-2'],
        where: [],
        keepGoing: true,
        commands: [
          { argv: ['./prepare', '--all', 'two words'], program: { kind: 'local', path: './prepare' }, restart: { when: 'on-failure', max: 2, backoffMs: 250, maxBackoffMs: 60_000 } },
          // as they are written, whatever YAML takes them for
          { argv: ['./solve', '--size', '20', '1e3', 'true'], name: 'solve', env: { THREADS: '4' }, with: [{ text: 'big.dat' }], stdin: { text: 'input.txt' }, limits: { wallMs: 90_000, processes: 12 } }
        ]
      },
      {
        where: [{ key: 'arch', value: 'arm64' }, { key: 'cores', value: '4..' }],
        keepGoing: false,
        commands: [{ argv: ['sh', '-c', 'grep -c x < input.txt | sort'], name: 'grep -c x < input.txt | sort', restart: { when: 'always', backoffMs: 1_000, maxBackoffMs: 60_000 } }]
      }
    ])
    expect(map.lists[0]?.commands[1]?.restart).toBeUndefined()
    expect(map.lists[1]?.workers).toBeUndefined()
  })

  it('may repeat itself by aliases and merged keys, and keep what they repeat under keys of its own', () => {
    const { lists } = read(`
x-solve: &solve
  limits: { timeout: 1m }
  env: { A: 1 }
lists:
  - on: all
    commands: &all
      - { <<: *solve, run: ./a, env: { B: 2 } }
      - { run: ./b, <<: *solve }
  - on: lab-9
    commands: *all
`)

    expect(lists.map(({ commands }) => commands.map(({ argv, env, limits }) => ({ argv, env, limits })))).toEqual(Array(2).fill([
      { argv: ['./a'], env: { B: '2' }, limits: { wallMs: 60_000 } },
      { argv: ['./b'], env: { A: '1' }, limits: { wallMs: 60_000 } }
    ]))
  })

  it('is told all of its mistakes at once, in their order, each with its place', () => {
    expect(complaints(`name: two words
report-every: soon
limit: {}
limits: { memory: lots, timeout: 0 }
lists:
  - on: lab-1
    comands: [./a]
  - commands:
      - run: ./a 'b
        restart: { when: on-failing, max: -1 }
      - rnu: ./a
`)).toEqual([
      "jobs.yaml:1:7: name 'two words' must be at most 64 letters, digits, dots, dashes or underscores",
      "jobs.yaml:2:15: report-every 'soon' is not a duration: write a number with ms, s, m, h or d, e.g. 500ms or 5s",
      "jobs.yaml:3:1: a map has no 'limit': did you mean limits?",
      "jobs.yaml:4:19: memory 'lots' is not a size: write a number with K, M or G, e.g. 512M",
      "jobs.yaml:4:34: timeout '0' must be more than nothing",
      'jobs.yaml:6:5: a list needs commands: write commands: with one line for each',
      "jobs.yaml:7:5: a list has no 'comands': did you mean commands?",
      'jobs.yaml:8:5: a list must say who does it: write on: NAME, on: all, or where: arch=arm64',
      "jobs.yaml:9:14: command ./a 'b has a quote or a backslash without its other end",
      "jobs.yaml:10:26: when cannot be 'on-failing': did you mean on-failure?",
      "jobs.yaml:10:43: max '-1' is not a whole number from 0 to 1000000",
      "jobs.yaml:11:9: a command has no 'rnu': did you mean run?",
      'jobs.yaml:11:9: a command needs run: write run: ./program ARG'
    ])
  })

  it.each([
    ['nothing at all', '', /^jobs.yaml:1:1: a map must be keys with values, not nothing/],
    ['a list', '- a', /:1:1: a map must be keys with values, not a list$/],
    ['what is no YAML', 'lists: [', /^jobs.yaml:1:\d+: this is no YAML: /],
    ['a key twice', 'name: a\nname: b\nlists: []', /:2:1: this is no YAML: Map keys must be unique/],
    ['two documents', 'name: a\n---\nname: b', /:2:1: this is no YAML: /],
    ['a tag', 'name: !odd a', /:1:7: this is no YAML: Unresolved tag/],
    ['an alias of nothing', 'lists: *none', /:1:8: /],
    ['no lists', 'name: a', /:1:1: a map needs lists/],
    ['empty lists', 'lists: []', /:1:8: lists is empty/],
    ['an empty list', 'lists: [{ on: a, commands: [] }]', /:1:28: commands is empty/],
    ['a value that is missing', 'lists: [{ on: a, commands: }]', /:1:28: commands must be a list, not nothing/],
    ['a name beside all', 'lists: [{ on: [all, b], commands: [a] }]', /:1:16: on 'all' does not go here: write all alone/],
    ['any worker', 'lists: [{ on: any, commands: [a] }]', /:1:15: on 'any' does not go here: .* meshmark exec/],
    ['a number of workers', 'lists: [{ on: 3, commands: [a] }]', /:1:15: on '3' does not go here/],
    ['names and conditions', 'lists: [{ on: a, where: cores=1, commands: [a] }]', /:1:18: where chooses among all/],
    ['an unknown condition', 'lists: [{ where: size=1, commands: [a] }]', /:1:18: --where does not know 'size'/],
    ['a word that is none', listWith('- [a, [b]]'), /:4:13: a word of run must be a text, not a list/],
    ['nothing as a word', listWith("- [a, '', ~]"), /:4:17: a word of run must be a text, not nothing/],
    ['no words', listWith('- []'), /:4:9: run is empty/],
    ['an empty line', listWith("- ''"), /:4:9: command '' is empty/],
    ['words for a shell', listWith('- { run: [a], shell: true }'), /:4:16: with shell: true, run is one line/],
    ['a shell that is no flag', listWith('- { run: a, shell: sh }'), /:4:26: shell must be true or false, not 'sh'/],
    ['a variable that is none', listWith('- { run: a, env: { A-B: 1 } }'), /:4:26: 'A-B' is not the name of a variable/],
    ['a list as a value', listWith('- { run: a, env: { A: [1] } }'), /:4:29: variable A must be a text, not a list/],
    ['an unknown limit', listWith('- { run: a, limits: { time-out: 1s } }'), /:4:29: limits has no 'time-out': did you mean timeout\?/],
    ['less than the least', listWith('- { run: a, limits: { open-files: 1 } }'), /:4:41: open-files '1' is not a whole number from 8/],
    ['an end before the beginning', listWith('- { run: a, restart: { when: always, backoff: 2m, max-backoff: 1m } }'), /:4:70: max-backoff 1 min is less than backoff 2 min/],
    ['a restart without when', listWith('- { run: a, restart: { max: 1 } }'), /:4:28: restart needs when/],
    ['what never ends before others', listWith('- { run: a, restart: always }', '- b'), /:4:16: this command is restarted for ever/],
    ['a report more often than allowed', 'report-every: 10ms\nlists: [{ on: a, commands: [a] }]', /:1:15: report-every '10ms' is not between 1 s and 1 h/]
  ])('is refused for %s', (_, text, message) => {
    const lines = complaints(text)

    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(message)
  })

  it('that says much by aliases alone is given up, in bounded time and memory', () => {
    const words = Array(2_000).fill('w').join(', ')
    const lines = complaints(`x-line: &line [${words}]\nx-list: &list [${Array(2_000).fill('*line').join(', ')}]\nlists:\n${'  - { on: a, commands: *list }\n'.repeat(500)}`)

    expect(lines.join('\n')).toMatch(/says too much/)
  })

  it('with many mistakes has the first ones told, and how many there are', () => {
    const lines = complaints(listWith(...Array<string>(100).fill('- { runn: a }')))

    expect(lines).toHaveLength(21)
    expect(lines.at(-1)).toBe('and 180 more mistakes in jobs.yaml')
  })
})

import { describe, expect, it } from 'vitest'
import { MAX_ITEMS_BYTES } from '../../../src/model/each.ts'
import { MAX_ENTRIES, MAX_LISTS } from '../../../src/model/map.ts'
import { decodeJob, encodeJob } from '../../../src/node/protocol/model/index.ts'
import { checkJob, isSameJob } from '../../../src/roles/master/job-rules.ts'
import { exampleJob } from './fixtures.ts'
import type { Job } from '../../../src/model/job.ts'

const CLIENT = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
const JOB = exampleJob(1, { client: CLIENT })
const [COMMAND] = JOB.commands
const RETRY: Job['retry'] = { when: 'on-failure', max: 1, backoffMs: 1, maxBackoffMs: 1 }
const LIST = { where: [], entries: [{ command: 0 }] }
const MAP: Partial<Job> = { kind: 'exec', placement: { on: 'all', where: [] }, map: { lists: [LIST] } }
const FILE = { path: 'f', size: 1, executable: false }
const FILES = { id: '0'.repeat(64), files: [FILE], chunkSize: 1, chunks: [] }

describe('a job', () => {
  it('is taken as our clients make it', () => {
    expect(() => { checkJob(JOB) }).not.toThrow()
    expect(() => { checkJob({ ...JOB, kind: 'run', commands: [COMMAND!, COMMAND!], placement: { on: 'names', names: ['lab'], where: [] } }) }).not.toThrow()
  })

  it.each([
    ['no command', { ...JOB, kind: 'run' as const, commands: [] }, 'it has 0 commands, and at least one is needed'],
    ['two commands to hand out', { ...JOB, commands: [COMMAND!, COMMAND!] }, 'it has 2 commands, and exactly one is needed'],
    ['a command without words', { ...JOB, commands: [{ ...COMMAND!, argv: [] }] }, 'a command has no words'],
    ['nobody to run on', { ...JOB, placement: { on: 'names' as const, names: [], where: [] } }, 'it names no worker']
  ])('with %s is refused: it would never end', (_, bad, words) => {
    // the codec alone lets it pass
    expect(decodeJob(encodeJob(bad))).toEqual(bad)
    expect(() => { checkJob(bad) }).toThrow(words)
  })

  it.each([
    ['a retry of what is measured', { kind: 'run', retry: RETRY }, 'what is measured is not run again: leave out --retry'],
    ['a retry beside a map', { ...MAP, retry: RETRY }, 'give them a restart each, and the job no retry'],
    ['a map that is for others when its worker is lost', { ...MAP, retryLostMs: 1 }, 'leave out --retry-lost'],
    ['a priority that is too high', { priority: 101 }, 'its priority is 101, and -100 to 100 is allowed'],
    ['a priority that is too low', { priority: -101 }, 'its priority is -101, and -100 to 100 is allowed'],
    ['limits of a command that is none of a map', { commands: [{ ...COMMAND!, limits: { wallMs: 1 } }] }, 'have limits of their own: give them to the job'],
    ['items that are measured', { kind: 'run', each: { items: ['a'] } }, 'make it of kind exec, on any, and choose among workers with --where'],
    ['items for a worker by name', { placement: { on: 'names', names: ['lab'], where: [] }, each: { items: ['a'] } }, 'its items are not handed out to any free worker'],
    ['items for so many workers', { placement: { on: 'some', count: 2, where: [] }, each: { items: ['a'] } }, 'its items are not handed out to any free worker'],
    ['items and a map', { ...MAP, each: { items: ['a'] } }, 'its items are not handed out to any free worker'],
    ['no items', { each: { items: [] } }, 'it has no items: give at least one'],
    ['items that are too large together', { each: { items: Array.from({ length: 5 }, () => 'x'.repeat(Math.ceil(MAX_ITEMS_BYTES / 4))) } }, `and ${MAX_ITEMS_BYTES} are allowed: submit several jobs`],
    ['a map that measures', { ...MAP, kind: 'run' }, 'make it of kind exec, on all, and choose among workers in its lists'],
    ['a map for any worker', { ...MAP, placement: { on: 'any', where: [] } }, 'make it of kind exec, on all'],
    ['a map without lists', { ...MAP, map: { lists: [] } }, `its map has 0 lists, and 1 to ${MAX_LISTS} are allowed`],
    ['a map of too many lists', { ...MAP, map: { lists: Array.from({ length: MAX_LISTS + 1 }, () => LIST) } }, `its map has ${MAX_LISTS + 1} lists, and 1 to ${MAX_LISTS} are allowed: split it`],
    ['a list without entries', { ...MAP, map: { lists: [LIST, { where: [], entries: [] }] } }, 'a list of its map has no entries: leave it out'],
    ['a map of too many entries', { ...MAP, map: { lists: [{ where: [], entries: Array.from({ length: MAX_ENTRIES + 1 }, () => ({ command: 0 })) }] } }, `its map has ${MAX_ENTRIES + 1} entries, and ${MAX_ENTRIES} are allowed: split it`],
    ['an entry for a command that there is not', { ...MAP, map: { lists: [LIST, { where: [], entries: [{ command: 1 }] }] } }, 'an entry of its map is for command 1, and it has 1'],
    ['a command that no entry is for', { ...MAP, commands: [COMMAND!, COMMAND!] }, 'no entry of its map is for command 1: leave the command out'],
    ['files brought back from what is compared', { kind: 'run', collect: { patterns: ['*'], maxBytes: 1 }, comparison: { metric: 'wall', margin: 0.01, failIfUndecided: false } }, 'leave out --collect, or use run'],
    ['a pattern that leads out of its folder', { collect: { patterns: ['../*'], maxBytes: 1 } }, "the pattern '../*' of files to bring back: "],
    ['a data set called like a path', { data: [{ name: 'a/b', payload: FILES }] }, "the data set 'a/b' has a name, or files, that it cannot have: rename it"],
    ['a data set that is one file, of two', { data: [{ name: 'a', payload: { ...FILES, files: [FILE, { ...FILE, path: 'g' }] }, file: true }] }, 'or send it as a folder'],
    ['two data sets of one name', { data: [{ name: 'a', payload: FILES }, { name: 'a', payload: FILES }] }, 'two of its data sets have the same name: rename one of them'],
    ['a variant of two files', { variants: { program: 'app', choices: [{ where: [], path: 'v', payload: { ...FILES, files: [FILE, { ...FILE, path: 'g' }] } }] } }, "the variant 'v' has 2 files, and a variant is one"],
    ['a file that is called as the program of its variants', { payload: FILES, variants: { program: FILE.path, choices: [{ where: [], path: 'v', payload: FILES }] } }, 'as the program of its variants is: rename it'],
    ['a file where its data sets are to be', { payload: { ...FILES, files: [{ ...FILE, path: 'data/x' }] }, data: [{ name: 'a', payload: FILES }] }, 'one of its files is called data, where its data sets are to be: rename it']
  ] as Array<[string, Partial<Job>, string]>)('with %s is refused, in words that say what to do', (_, bad, words) => {
    expect(() => { checkJob({ ...JOB, ...bad }) }).toThrow(words)
    expect(() => { checkJob({ ...JOB, ...bad }) }).toThrow(/^this job cannot be taken: /)
  })

  it('with a map, or with items, is taken as our clients make it', () => {
    expect(() => { checkJob({ ...JOB, ...MAP }) }).not.toThrow()
    expect(() => { checkJob({ ...JOB, ...MAP, commands: [{ ...COMMAND!, limits: { wallMs: 1 } }] }) }).not.toThrow()
    expect(() => { checkJob({ ...JOB, retry: RETRY, priority: -100, each: { items: ['a'] } }) }).not.toThrow()
  })

  it('that asks for the absurd is not even read', () => {
    expect(() => encodeJob({ ...JOB, limits: { outputBytes: 1e15 } })).toThrow(/limits.outputBytes is 1000000000000000/)

    // as a client sends it that does not check; both numbers take six bytes
    const bytes = Buffer.from(encodeJob({ ...JOB, limits: { outputBytes: 2 ** 35 } }))
    const at = bytes.indexOf(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x01]))

    bytes[at + 5] = 0x40
    expect(() => decodeJob(bytes)).toThrow(/limits.outputBytes is 2199023255552, and 1 to 68719476736 is allowed/)
  })

  it('is the same job when it is submitted later, and another one with another content', () => {
    expect(isSameJob(JOB, { ...JOB, submittedAt: 99 })).toBe(true)
    expect(isSameJob(JOB, { ...JOB, env: { A: '1' } })).toBe(false)
    expect(isSameJob(JOB, { ...JOB, client: CLIENT.replace('Eyo', 'Eyp') })).toBe(false)
  })
})

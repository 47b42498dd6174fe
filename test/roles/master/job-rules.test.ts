import { describe, expect, it } from 'vitest'
import { decodeJob, encodeJob } from '../../../src/node/protocol/model/index.ts'
import { checkJob, isSameJob } from '../../../src/roles/master/job-rules.ts'
import { exampleJob } from './fixtures.ts'

const CLIENT = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
const JOB = exampleJob(1, { client: CLIENT })
const [COMMAND] = JOB.commands

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

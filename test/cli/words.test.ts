import { describe, expect, it } from 'vitest'
import { readWords } from '../../src/cli/words.ts'

describe('the words on the command line', () => {
  it.each([
    [['run', './p'], { kind: 'command', name: 'run', args: ['./p'] }],
    [['--role', 'master'], { kind: 'command', name: 'master', args: [] }],
    [['--role=worker', '--master', '/ip4/127.0.0.1/tcp/1'], { kind: 'command', name: 'worker', args: ['--master', '/ip4/127.0.0.1/tcp/1'] }],
    [['--master', 'a', '--role', 'worker', '--no-mdns'], { kind: 'command', name: 'worker', args: ['--master', 'a', '--no-mdns'] }],
    [['--role', 'client', './p', '--role', 'x'], { kind: 'command', name: 'run', args: ['./p', '--role', 'x'] }],
    [['--role', 'client', 'run', './p'], { kind: 'command', name: 'run', args: ['./p'] }],
    [['--role', 'boss'], { kind: 'unknown-role', role: 'boss' }],
    [['--role'], { kind: 'unknown-role', role: '' }],
    [['--quiet', 'run', './p', '--role', 'x'], { kind: 'misplaced-option', option: '--quiet' }],
    [['--', '--role', 'master'], { kind: 'misplaced-option', option: '--' }],
    [['rnu'], { kind: 'unknown-command', name: 'rnu' }],
    [['help', 'run'], { kind: 'command', name: 'run', args: ['--help'] }],
    [['help'], { kind: 'overview', wanted: true }],
    [['-h'], { kind: 'overview', wanted: true }],
    [['-V'], { kind: 'version' }],
    [[], { kind: 'overview', wanted: false }]
  ])('reads %j', (argv, request) => {
    expect(readWords(argv)).toEqual(request)
  })
})
